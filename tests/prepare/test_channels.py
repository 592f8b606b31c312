"""Channels made one: their mean, one of them, and channels that cancel."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import avloc
from avloc import Store
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import open_film
from avloc.prepare.media.sound import hear, read_sound
from tests.commands import shown
from tests.data.making import make_video, tone
from tests.prepare.film import Film

LEFT, RIGHT = tone(1.0, 400)[0], tone(1.0, 900)[0] * 0.5


@pytest.fixture(scope="module")
def stereo(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    soundfile.write(path, np.stack([LEFT, RIGHT], 1), 22050, "FLOAT")
    return path


@pytest.mark.parametrize(
    ("channels", "expected"),
    [("mean", (LEFT + RIGHT) / 2), ("left", LEFT), ("right", RIGHT), ("mid", (LEFT + RIGHT) / 2)],
)
def test_the_channels_that_are_asked_for_are_taken(stereo, channels, expected):
    found = read_sound(stereo, 22050, channels)
    np.testing.assert_allclose(found / 32767, expected, atol=1e-4)


def test_mid_of_six_channels_leaves_the_others_out(tmp_path):
    samples = np.zeros((22050, 6))
    samples[:, 0], samples[:, 1], samples[:, 2] = LEFT, RIGHT, tone(1.0, 1500)[0]
    soundfile.write(tmp_path / "a.wav", samples, 22050, "FLOAT")
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", 22050, "mid") / 32767, (LEFT + RIGHT) / 2, atol=1e-4)
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", 22050) / 32767, samples.mean(1), atol=1e-4)


@pytest.mark.parametrize("channels", ["mean", "left", "right", "mid"])
def test_a_mono_file_is_its_one_channel(tmp_path, channels):
    soundfile.write(tmp_path / "a.wav", LEFT, 22050, "FLOAT")
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", 22050, channels) / 32767, LEFT, atol=1e-4)


@pytest.mark.parametrize(
    ("second", "cancels"),
    [(-LEFT, True), (-0.95 * LEFT, True), (LEFT, False), (RIGHT, False), (0 * LEFT, False), (-0.5 * LEFT, False)],
)
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "FLOAT"])
def test_channels_that_cancel_are_noticed(tmp_path, second, cancels, subtype):
    soundfile.write(tmp_path / "a.wav", np.stack([LEFT, second], 1), 22050, subtype)
    with open_film(tmp_path / "a.wav") as film:
        assert hear(film, 16000).cancels == cancels
        assert not hear(film, 16000, "left").cancels


def test_silence_does_not_cancel(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((22050, 2)), 22050, "PCM_16")
    with open_film(tmp_path / "a.wav") as film:
        assert not hear(film, 16000).cancels


def test_a_video_whose_channels_cancel_is_said_and_left_chosen(tmp_path):
    Film(layout="stereo", phase=-1.0).make(tmp_path / "v" / "a.mp4")
    table = shown("prepare", "folder", "--source", tmp_path / "v", "--out", tmp_path / "s", "--seconds", 1, width=200)
    assert "1 item with channels that cancel out" in table and "--channels left or right" in table
    (row,) = map(json.loads, (tmp_path / "s" / "manifest.jsonl").read_text().splitlines())
    assert row["channels"] == "cancel" and row["status"] == "ok"
    avloc.prepare_folder(tmp_path / "v", tmp_path / "t", seconds=1.0, channels="left", jobs=0)
    part = Store.open(tmp_path / "t").split("all")
    assert np.abs(part.sounds([0])[0].astype(int)).max() > 5000 and part.settings["channels"] == "left"


def test_importers_take_the_channels_that_are_asked_for(tmp_path):
    (tmp_path / "d" / "frames").mkdir(parents=True)
    (tmp_path / "d" / "audio").mkdir()
    soundfile.write(tmp_path / "d" / "audio" / "a.wav", np.stack([LEFT, -LEFT], 1), 22050, "FLOAT")
    import cv2

    cv2.imwrite(str(tmp_path / "d" / "frames" / "a.jpg"), np.full((32, 32, 3), 90, np.uint8))
    for channels, loud in (("mean", False), ("right", True)):
        out = tmp_path / channels
        avloc.prepare_import(tmp_path / "d", "folder", out, seconds=1.0, rate=22050, channels=channels, jobs=0)
        assert (np.abs(Store.open(out).split("all").sounds([0])[0].astype(int)).max() > 5000) == loud


def test_videos_with_one_channel_are_not_touched(tmp_path):
    make_video(tmp_path / "a.mp4", 20, sound=tone(2.0))
    assert (read_sound(tmp_path / "a.mp4", 16000, "left") == read_sound(tmp_path / "a.mp4", 16000)).all()


def test_a_sound_of_64_bits_is_read(tmp_path):
    whole = (LEFT * 2**62).astype("<i8")
    head = b"RIFF" + (36 + whole.nbytes).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += (1).to_bytes(2, "little") + (1).to_bytes(2, "little") + (22050).to_bytes(4, "little")
    head += (22050 * 8).to_bytes(4, "little") + (8).to_bytes(2, "little") + (64).to_bytes(2, "little")
    (tmp_path / "a.wav").write_bytes(head + b"data" + whole.nbytes.to_bytes(4, "little") + whole.tobytes())
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", 22050) / 32767, LEFT / 2, atol=1e-4)


def test_a_rate_that_holds_no_sound_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", LEFT, 1)
    with pytest.raises(MediaError, match="its sound has a rate of 1 Hz; expected at least 100"):
        read_sound(tmp_path / "a.wav", 22050)
