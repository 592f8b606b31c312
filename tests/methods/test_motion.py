"""Motion: what moves with the sound is found, what moves against it or not at all stays dark."""

import numpy as np
import pytest
import torch

import avloc
from avloc.data.clip import Box, Clip
from avloc.data.loader import Batch
from avloc.engine.experiment import read_experiment
from avloc.methods.motion import Motion
from avloc.nn.motion import correlation, levels, motion_maps
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store
from tests.commands import error_of, shown
from tests.engine.tiny import make_tiny_store, write_config

FRAMES, RATE, SIZE = 12, 4000, 64


def scene(seed: int = 0, frames: int = FRAMES) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Frames (F, 3, 64, 64) and sound (S,): the left square jumps when it is loud, the right one when it is quiet."""
    random = np.random.default_rng(seed)
    loud = np.arange(frames) % 4 < 2
    pictures = np.full((frames, SIZE, SIZE), 0.4) + random.normal(0, 0.004, (frames, SIZE, SIZE))
    places = {True: 8, False: 40}
    for when, left in places.items():
        offsets = np.cumsum([1 if moves else 0 for moves in (loud == when)]) % 2 * 3
        for frame, offset in enumerate(offsets):
            pictures[frame, 20:44, left + offset : left + offset + 16] = 0.9
    # a change from one frame to the next is heard between their middles
    samples = FRAMES * 400
    level = np.repeat(np.roll(loud, 0), samples // frames)
    sound = np.where(level, 0.3, 0.02) * np.sin(np.arange(len(level)) * 0.7)
    shift = samples // frames // 2
    sound = np.roll(sound, -shift)
    return torch.from_numpy(pictures).float()[:, None].expand(-1, 3, -1, -1), torch.from_numpy(sound).float(), loud


def test_what_moves_with_the_sound_is_bright_and_what_moves_without_it_dark():
    frames, sound, _ = scene()
    found = motion_maps(frames[None], sound[None], 16)[0]
    left, right = found[:, 2:7].amax(), found[:, 10:15].amax()
    assert left > 0.6 and right < 0.1 * left
    assert 2 <= int(found.argmax() % 16) <= 6


def test_still_pictures_and_even_sounds_stay_dark():
    frames, sound, _ = scene()
    assert motion_maps(frames[:1].expand(FRAMES, -1, -1, -1)[None], sound[None]).amax() < 0.05
    assert motion_maps(frames[None], torch.zeros_like(sound)[None]).amax() == 0
    hum = 0.3 * torch.sin(torch.arange(len(sound)) * 0.7)
    assert motion_maps(frames[None], hum[None]).amax() < 0.15


def test_levels_are_those_between_the_middles_of_frames():
    sound = torch.cat([torch.zeros(150), torch.ones(100), torch.zeros(150)])
    assert levels(sound[None], 4)[0].tolist() == [0.0, 1.0, 0.0]


def test_correlation_is_pearsons_but_for_its_floor():
    random = np.random.default_rng(0)
    seen, heard = random.random((2, 9))
    found = correlation(torch.tensor(seen)[None, :, None], torch.tensor(heard)[None], floor=0.0)
    assert float(found) == pytest.approx(max(np.corrcoef(seen, heard)[0, 1], 0), abs=1e-4)
    assert correlation(torch.tensor(-seen)[None, :, None], torch.tensor(seen)[None]) == 0


def test_fewer_than_four_frames_are_refused():
    localizer = Motion()
    batch = Batch(torch.zeros(2, 3, 64, 64), torch.zeros(2, 400), frames=torch.zeros(2, 3, 3, 64, 64))
    with pytest.raises(avloc.AvlocError, match="clips of 4 frames or more, these have 3"):
        localizer.locate(batch)


class Reader:
    def read(self, item: Item):
        frames, sound, _ = scene(item.facts["number"])
        pictures = (frames.permute(0, 2, 3, 1).numpy().clip(0, 1) * 255).astype(np.uint8)
        boxes = tuple(Box((8 / 64, 20 / 64, 27 / 64, 44 / 64), n, 0, True) for n in range(FRAMES))
        silent = tuple(Box((40 / 64, 20 / 64, 59 / 64, 44 / 64), n, 1, False) for n in range(FRAMES))
        waveform = (sound.numpy() * 32767).astype(np.int16)
        yield Clip(
            item.id, item.id, "", 0.0, pictures, ("",) * FRAMES, waveform, (0,), boxes + silent, (True,) * FRAMES
        )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("motion") / "store"
    items = {f"v{n}": Item(f"v{n}", f"v{n}.mp4", {"number": n}) for n in range(4)}
    settings = {
        "data": "made", "classes": ("left", "right"), "rate": RATE, "seconds": 1.2, "samples": FRAMES * 400,
        "frames_per_clip": FRAMES, "size": SIZE, "frames": "raw",
    }  # fmt: skip
    build_store(
        path, path.parent, Listing(items, {"test": [Entry(name) for name in items]}), Reader(), settings, jobs=0
    )
    return path


def config(store, method="motion", **model):
    test = {"store": str(store), "split": "test", "protocol": "avloc", "frames": "first"}
    return {"method": method, "seed": 0, "stage1": {"model": model}, "evaluate": {"all": test}}


def test_it_is_evaluated_predicted_and_drawn_without_any_training(store, tmp_path):
    path, run = write_config(tmp_path / "c.yaml", config(store, cells=16)), tmp_path / "run"
    found = avloc.evaluate(config=path, run=run, resamples=0).sets["all"]
    assert found.result.metrics["ciou"].value > 0.4
    assert found.result.metrics["ciou"].value > 1.5 * found.comparisons["motion without sound"].metrics["ciou"].value
    assert found.comparisons["motion"].metrics["ciou"].value > found.comparisons["centre"].metrics["ciou"].value
    assert not (run / "stage1").exists()
    predicted = avloc.predict(store=store, run=run, split="test")
    assert predicted.frames == 4 * FRAMES and predicted.predictions.exists()
    drawn = avloc.visualize(run=run, clips=2)
    page = drawn.report.read_text(encoding="utf-8")
    assert "evaluate" in page and "train-stage1" not in page


def test_training_it_is_refused_with_what_to_do(store, tmp_path):
    path = write_config(tmp_path / "c.yaml", config(store))
    said = error_of("train-stage1", "--config", path, "--run", tmp_path / "run")
    assert "motion needs no training; continue with `avloc evaluate" in said
    assert not (tmp_path / "run").exists()


def test_it_is_a_baseline_of_other_methods_where_clips_have_four_frames(store, tmp_path):
    from avloc.data.loader import Loader
    from avloc.engine.predicting import frames_to_score
    from avloc.engine.run import Run
    from avloc.engine.testing import maps_of_all

    experiment = read_experiment(write_config(tmp_path / "c.yaml", config(store)))
    localizer, split = experiment.build(1).eval(), avloc.Store.open(store).split("test")
    loader = Loader(split, localizer, torch.device("cpu"))
    every = maps_of_all(experiment, Run(tmp_path), localizer, 1, loader, frames_to_score(split, "all", 0, "all"))
    assert every["motion"].shape == (4 * FRAMES, 1, 28, 28)
    assert np.array_equal(every["motion"][0], every["motion"][FRAMES - 1])  # one map for a clip
    few = avloc.Store.open(make_tiny_store(tmp_path / "few")).split("test")
    frames = frames_to_score(few, "all", 0, "few")
    localizer.locate = lambda batch: batch.frame[:, :1]  # type: ignore[method-assign]
    localizer.look = lambda batch: None  # type: ignore[method-assign]
    every = maps_of_all(experiment, Run(tmp_path), localizer, 1, Loader(few, localizer, torch.device("cpu")), frames)
    assert "motion" not in every and "saliency" in every


def test_the_shipped_configuration_can_be_shown():
    assert "method: motion" in shown("recipes", "motion_music")
