"""Stores that hold spectrograms instead of waveforms: what they give, who may hear them, and that nothing else changes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import avloc
from avloc.data.clip import Clip
from avloc.data.loader import Loader
from avloc.data.needs import Needs
from avloc.data.spectrograms import Spectrograms
from avloc.data.store import Store
from avloc.data.views import FrameView, LogMel, LogStft
from avloc.engine.stores import open_named
from avloc.errors import DataError
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store
from tests.engine.tiny import CLASSES, FRAMES, MODEL, RATE, SIZE, TinyReader, make_tiny_store, tiny_config, write_config

VIEW = LogMel(**MODEL["sound"])
KNOWN = {"rate": RATE, "n_fft": 128, "hop": 80, "mels": 16, "power": 1.0, "decibels": True, "fmax": None}
FRAME = FrameView(size=32)
FORM = Spectrograms(51, 16, "LogMel", KNOWN)


@dataclass(frozen=True)
class Transformed:
    """The clips of TinyReader, with the spectrogram that VIEW makes of their sound."""

    silent: str = ""

    def read(self, item: Item) -> Iterator[Clip]:
        for clip in TinyReader().read(item):
            waveform = clip.waveform * (item.id != self.silent)
            levels = VIEW(torch.from_numpy(waveform[None]).float().div(32767))[0, 0].numpy()
            yield replace(clip, waveform=np.empty(0, np.int16), spectrogram=levels)


def make(path: Path, kind: str = "hdf5", silent: str = "") -> Path:
    names = {"train": range(9), "validation": range(9, 12), "test": range(12, 15)}
    items = {f"video_{n:05d}_0_1000": Item(f"video_{n:05d}_0_1000", "", {"number": n}) for n in range(15)}
    splits = {split: [Entry(f"video_{n:05d}_0_1000") for n in numbers] for split, numbers in names.items()}
    settings = {
        "data": "made", "classes": CLASSES, "rate": RATE, "seconds": 1.0, "samples": 0, "frames_per_clip": FRAMES,
        "size": SIZE, "frames": "raw", "store": kind, "sound": FORM.to_json(),
    }  # fmt: skip
    build_store(path, path.parent, Listing(items, splits), Transformed(silent), settings, block=4, jobs=0)
    return path


@pytest.fixture(scope="module", params=["hdf5", "lmdb"])
def path(request, tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("store") / request.param, request.param)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory) -> Path:
    return make_tiny_store(tmp_path_factory.mktemp("sounds") / "store")


def test_a_store_gives_the_spectrograms_it_was_given(path, sounds):
    part, heard = Store.open(path).split("train"), Store.open(sounds).split("train")
    expected = VIEW(torch.from_numpy(heard.all_sounds()).float().div(32767))[:, 0].numpy()
    assert part.all_sounds().dtype == np.float32 and (part.all_sounds() == expected).all()
    assert (part.sounds([5, 2, 5]) == expected[[5, 2, 5]]).all() and part.sounds([]).shape == (0, 51, 16)
    assert part.spectrograms == FORM and heard.spectrograms is None
    assert part.nbytes == part.all_frames().nbytes + expected.nbytes
    clip = part.clip(3)
    assert (clip.spectrogram == expected[3]).all() and clip.waveform.shape == (0,)
    assert heard.clip(3).spectrogram is None


@dataclass
class Hears:
    sound: object = VIEW
    frame: object = FRAME
    needs: Needs = Needs()  # noqa: RUF009, frozen


@pytest.mark.parametrize("resident", [True, False], ids=["in memory", "read as needed"])
def test_batches_are_those_of_a_store_of_sounds(path, sounds, resident):
    senses = Hears(replace(VIEW, mean=-40.0, std=12.0, hide=0.3))
    ours, theirs = (
        Loader(open_named(where, "train", senses), senses, torch.device("cpu"), resident=resident)
        for where in (path, sounds)
    )
    for one, other in zip(ours.training(6, 1, 2), theirs.training(6, 1, 2), strict=True):
        assert torch.equal(one.frame, other.frame) and one.waveform is None
        torch.testing.assert_close(one.sound, other.sound, rtol=0, atol=1e-5)
    plain = next(ours.in_order(4)).sound
    torch.testing.assert_close(plain * 12 - 40, VIEW(next(theirs.in_order(4)).waveform), rtol=0, atol=1e-4)


def test_a_method_learns_and_is_scored_as_on_sounds(sounds, tmp_path):
    stores = {"spectrograms": make(tmp_path / "store"), "sounds": sounds}
    found = {}
    for name, store in stores.items():
        run = tmp_path / name
        config = write_config(tmp_path / f"{name}.yaml", tiny_config(store))
        avloc.train_stage1(config, run)
        avloc.cluster(run=run)
        found[name] = avloc.evaluate(run=run, sets=["solo"], resamples=0).sets["solo"]
    for file in ("stage1/localize", "stage1/classify"):
        ours, theirs = (load_file(tmp_path / name / f"{file}.safetensors") for name in stores)
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    ours, theirs = found.values()
    assert ours.result.metrics == theirs.result.metrics and list(ours.comparisons) == list(theirs.comparisons)
    assert ours.comparisons["wrong sound"].metrics == theirs.comparisons["wrong sound"].metrics
    avloc.visualize(run=tmp_path / "spectrograms", clips=2)
    page = (tmp_path / "spectrograms" / "report" / "index.html").read_text()
    assert "the stored spectrogram, 51 x 16" in page and "audio/wav" not in page


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            {"sound": {**MODEL["sound"], "n_fft": 256, "mels": 20}},
            r"holds spectrograms, LogMel\(rate=4000, n_fft=128, .*; this method needs LogMel\(rate=4000, n_fft=256, .*"
            r"mels=20.*: use a method that needs the same \(they differ in n_fft, mels\), or prepare a store with sounds",
        ),
        ({"sound": {**MODEL["sound"], "shift": 0.2}}, r"trains with sound.shift: 0.2, which takes waveforms"),
        ({"mixtures": 1.0}, "trains on mixed waveforms, which takes waveforms: set it to 0"),
    ],
    ids=["another view", "turned sounds", "mixed sounds"],
)
def test_a_method_that_hears_otherwise_is_refused_before_training(path, tmp_path, model, expected):
    config = write_config(tmp_path / "c.yaml", tiny_config(path, **model))
    with pytest.raises(DataError, match=expected) as refused:
        avloc.train_stage1(config, tmp_path / "run")
    assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()


def test_another_kind_of_view_is_refused_and_both_are_named(path):
    with pytest.raises(DataError, match=r"LogMel\(rate=4000, .*; this method needs LogStft\(rate=4000, seconds=3"):
        open_named(path, "test", Hears(LogStft(rate=RATE, seconds=3.0)))


def test_half_the_rate_is_the_highest_frequency_and_rounding_is_no_difference():
    view = replace(VIEW, fmax=RATE / 2, offset=1.00000001e-10)
    known = Spectrograms(51, 16, "LogMel", {**KNOWN, "offset": 1e-10})
    known.refuse_others("here", view)
    with pytest.raises(DataError, match=r"\(they differ in fmax\)"):
        known.refuse_others("here", replace(view, fmax=1500.0))


def test_silence_is_a_spectrogram_of_one_value(tmp_path):
    store = make(tmp_path / "s", silent="video_00001_0_1000")
    found = avloc.data_check(store)
    assert found.splits["train"].silent == ["video_00001_0_1000/000", "video_00001_0_1000/001"]
    assert found.splits["test"].silent == []


def test_the_stored_spectrogram_is_drawn(path, tmp_path):
    found = avloc.data_show(path, Store.open(path).split("test").ids[0], out=tmp_path / "c.png")
    picture = cv2.imread(str(found.file))
    assert picture.shape[0] > 400 and picture[-170:-60].std() > 10


def test_mosaics_are_not_mixed_of_spectrograms(path, tmp_path):
    with pytest.raises(DataError, match=r"holds spectrograms, LogMel\(.*; mosaics mix waveforms"):
        avloc.prepare_music_synthetic(path, tmp_path / "m", pool=["train=train"], count=["train=3"])
    assert not (tmp_path / "m").exists()


def test_settings_that_say_no_known_sound_are_one_line(tmp_path):
    store = make(tmp_path / "s")
    settings = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**settings, "sound": {"kind": "codec"}}))
    with pytest.raises(DataError, match=r"store\.json: a store's sound is .*codec.*prepare the store again") as refused:
        Store.open(store)
    assert "\n" not in str(refused.value)
