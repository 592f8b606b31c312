import pickle
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from avloc.prepare.media.container import MediaError
from avloc.prepare.media.picture import read_frames
from avloc.prepare.media.sound import Heard, read_sound, to_int16
from tests.data.making import MEDIA, make_video, tone

needs_media = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no real clips at {MEDIA}")


def pulse(seconds: float, at: float, rate: int = 22050) -> np.ndarray:
    """Silence with 20 ms of noise at `at` s."""
    sound = np.zeros((1, round(seconds * rate)), np.float32)
    begin = round(at * rate)
    sound[0, begin : begin + rate // 50] = np.random.default_rng(0).uniform(-0.8, 0.8, rate // 50)
    return sound


def heard_at(sound: np.ndarray, rate: int) -> float:
    """Seconds until the sound is first loud."""
    return int(np.argmax(np.abs(sound.astype(int)) > 5000)) / rate


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
@pytest.mark.parametrize("rate", [8000, 16000, 22050])
def test_sound_files_become_mono_of_exact_length(tmp_path, name, rate):
    samples = np.stack([tone(1.5, 440)[0], tone(1.5, 440)[0] * 0.5], 1)
    soundfile.write(tmp_path / name, samples, 22050)
    sound = read_sound(tmp_path / name, rate)
    assert sound.dtype == np.int16
    # FFmpeg leaves out half a block of 512 samples at the end of a Vorbis file
    assert len(sound) == round((1.5 * 22050 - 256 * name.endswith("ogg")) * rate / 22050)
    expected = 0.375 * np.sin(2 * np.pi * 440 * np.arange(len(sound)) / rate)
    middle = slice(rate // 10, -rate // 10)
    np.testing.assert_allclose(sound[middle] / 32767, expected[middle], atol=0.02)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_sample_format_has_the_same_loudness(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", tone(1.0)[0], 22050, subtype=subtype)
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", 22050), to_int16(tone(1.0)[0]), atol=300)


def test_channels_are_averaged_not_summed(tmp_path):
    left = tone(1.0)[0]
    soundfile.write(tmp_path / "a.wav", np.stack([left, -left], 1), 22050)
    assert np.abs(read_sound(tmp_path / "a.wav", 22050).astype(int)).max() <= 1


def test_sound_in_a_video_is_aligned_with_its_first_frame(tmp_path):
    video = make_video(tmp_path / "v.mp4", 20, sound=pulse(2.0, 1.0))
    sound = read_sound(video, 16000)
    assert heard_at(sound, 16000) == pytest.approx(1.0, abs=0.01)
    assert len(sound) >= 2 * 16000


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_sound_track_that_starts_later_is_preceded_by_silence(tmp_path, suffix):
    video = make_video(tmp_path / f"v.{suffix}", 20, sound=pulse(1.5, 0.5), sound_start=0.5)
    assert heard_at(read_sound(video, 16000), 16000) == pytest.approx(1.0, abs=0.03)


def test_sound_before_the_first_frame_begins_the_time_line(tmp_path):
    video = make_video(tmp_path / "v.mkv", 10, times=[1 + n / 10 for n in range(10)], sound=pulse(2.0, 1.5))
    assert heard_at(read_sound(video, 16000), 16000) == pytest.approx(1.5, abs=0.03)


def test_a_cover_image_is_no_picture(tmp_path):
    cover = tmp_path / "cover.mp4"
    with av.open(str(cover), "w") as container:
        audio = container.add_stream("aac", rate=22050, layout="mono")
        image = container.add_stream("mjpeg", rate=1)
        image.width, image.height, image.pix_fmt = 32, 32, "yuvj420p"
        image.disposition = av.stream.Disposition.attached_pic
        sound = av.AudioFrame.from_ndarray(tone(1.0), "fltp", "mono")
        sound.rate = 22050
        container.mux(image.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(image.encode())
        container.mux(audio.encode(sound))
        container.mux(audio.encode())
    assert len(read_sound(cover, 16000)) == pytest.approx(16000, abs=1200)
    with pytest.raises(MediaError, match="no picture"):
        read_frames(cover, [0.0], 16)


def test_a_video_without_sound_is_refused_with_a_reason(tmp_path):
    with pytest.raises(MediaError) as refused:
        read_sound(make_video(tmp_path / "v.mp4", 3), 16000)
    assert refused.value.reason == "no sound track"
    assert pickle.loads(pickle.dumps(refused.value)).reason == "no sound track"


@pytest.mark.parametrize("name", ["text.wav", "no.wav"])
def test_what_is_no_sound_is_refused(tmp_path, name):
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(MediaError, match=name):
        read_sound(tmp_path / name, 16000)


def test_int16_is_rounded_and_clipped():
    assert to_int16(np.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.5 / 32767, 0.6 / 32767])).tolist() == [
        0,
        32767,
        -32767,
        32767,
        -32768,
        0,
        1,
    ]


def test_clips_are_cut_without_the_rest():
    heard = Heard(np.arange(10, dtype=np.int16), 100)
    assert [heard.cut(4 * n, 4).tolist() for n in range(heard.clips(4))] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert Heard(np.arange(2, dtype=np.int16), 100).clips(4) == 0
    assert heard.cut(8, 4).tolist() == [8, 9, 0, 0]  # silence where the sound has ended


@needs_media
@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("trumpet.ogg", 5.33),
        ("robin.ogg", 2.70),
        ("jazz_guitar.wav", 11.5),
        ("nasa_13013.mp4", 13.056),
        ("bento.mp4", 0.998),
        ("odd/no_duration.webm", 4.88),
    ],
)
def test_real_sounds_are_read(name, seconds):
    sound = read_sound(MEDIA / name, 16000)
    assert len(sound) / 16000 == pytest.approx(seconds, abs=0.02)
    assert (np.abs(sound.astype(int)).max() > 500) == (name != "odd/no_duration.webm")  # whose sound is silence


@needs_media
def test_real_ogg_agrees_with_libsndfile():
    path: Path = MEDIA / "trumpet.ogg"
    samples, rate = soundfile.read(path)
    ours = read_sound(path, rate) / 32767
    reference = samples if samples.ndim == 1 else samples.mean(1)
    assert 0 <= len(reference) - len(ours) <= 1024
    np.testing.assert_allclose(ours, reference[: len(ours)], atol=2e-4)
