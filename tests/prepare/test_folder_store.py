"""A folder of frames and sounds read directly gives what its imported store gives."""

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc import FrameView, LogStft
from avloc.data.loader import Loader
from avloc.data.needs import Needs
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.layouts.folder_store import FolderStore
from tests.engine.tiny import write_config
from tests.prepare.test_prepare_import import IDS, make_folder


class Senses:
    frame = FrameView(size=32, resize=36)
    sound = LogStft(rate=8000, seconds=3.0)
    needs = Needs()


@pytest.fixture
def root(tmp_path) -> Path:
    root = make_folder(tmp_path / "data")
    (root / "every.txt").write_text("\n".join(IDS))
    return root


@pytest.mark.parametrize("resident", [True, False])
def test_its_batches_are_those_of_the_imported_store_bit_for_bit(root, tmp_path, resident):
    lists = [f"every={root / 'every.txt'}"]
    loaders = [Loader(FolderStore(root, "every", 8000, 3.0), Senses(), torch.device("cpu"), resident=resident)]
    for kind in ("hdf5", "lmdb"):
        avloc.prepare_import(
            root, "folder", tmp_path / kind, lists, seconds=3.0, rate=8000, frames="raw", store=kind, jobs=1
        )
        store = Store.open(tmp_path / kind).split("every")
        loaders.append(Loader(store, Senses(), torch.device("cpu"), resident=resident))
    batches = [[batch for epoch in (0, 1) for batch in loader.training(2, 7, epoch)] for loader in loaders]
    assert len(batches[0]) == 2
    for mine, *others in zip(*batches, strict=True):
        for other in others:
            assert torch.equal(mine.frame, other.frame) and torch.equal(mine.sound, other.sound)
            assert torch.equal(mine.index, other.index) and torch.equal(mine.video, other.video)


def test_it_travels_to_other_processes(root):
    store = FolderStore(root, "every", 8000, 3.0)
    other = pickle.loads(pickle.dumps(store))
    assert other.ids == store.ids and other.fingerprint == store.fingerprint
    assert (other.all_frames() == store.all_frames()).all() and (other.all_sounds() == store.all_sounds()).all()
    assert store.nbytes == store.all_frames().nbytes + store.all_sounds().nbytes


def test_clips_without_frame_or_sound_are_left_out_and_named(root, caplog):
    (root / "audios" / f"{IDS[1]}.wav").unlink()
    with caplog.at_level(logging.WARNING):
        store = FolderStore(root, "every", 8000, 3.0)
    assert store.ids == [IDS[0], IDS[2]] and store.splits == {"every": 2}
    assert f"every.txt: 1 of 3 clips lack their frame or sound and are left out: {IDS[1]}" in caplog.text


def test_a_broken_file_is_named_when_it_is_read(root):
    (root / "video_frames" / IDS[2] / "007.jpg").write_text("no picture")
    store = FolderStore(root, "every", 8000, 3.0)
    assert store.frames([0, 1], [0, 0]).shape == (2, 256, 256, 3)
    with pytest.raises(DataError, match=f"not a picture; fix it, or remove {IDS[2]} from the list"):
        store.all_frames()


def test_a_missing_list_is_answered_with_those_there(root):
    with pytest.raises(
        DataError, match=r"no list eval.txt or eval.csv \(lists there: every.txt, test.csv, train.txt\)"
    ):
        FolderStore(root, "eval", 8000)


def test_a_method_trains_on_it(root, tmp_path):
    from avloc.engine.experiment import open_run
    from avloc.engine.finished import is_trained

    small = {"widths": [8, 16], "blocks": [1, 1], "strides": [2, 2]}
    (tmp_path / "c.yaml").write_text(
        f"""
method: hard_way
stage1:
  data: {{store: {root}, layout: folder, train: every}}
  model:
    frame: {{size: 32, resize: 36}}
    sound: {{rate: 8000, seconds: 3.0}}
    visual: {small}
    audio: {small}
  train: {{epochs: 1, batch_size: 3, lr: 1e-3, device: cpu, workers: 0}}
"""
    )
    ahead = ["stage1.data.read_ahead=2", "stage1.train.resident=false"]
    trained = avloc.train_stage1(tmp_path / "c.yaml", tmp_path / "run", set=ahead)
    assert is_trained(*open_run(None, tmp_path / "run"), 1)
    assert trained.epochs == 1 and all(np.isfinite(entry["loss"]) for entry in trained.last.values())


def test_a_folder_that_was_moved_with_its_run_is_found_list_by_list(root, tmp_path, monkeypatch):
    from avloc.engine.experiment import open_run
    from avloc.engine.stores import open_data
    from avloc.errors import RunError

    (root / "one.txt").write_text(IDS[0])
    (root / "two.txt").write_text("\n".join(IDS[1:]))
    small = {"widths": [8, 16], "blocks": [1, 1], "strides": [2, 2]}
    model = {
        "frame": {"size": 32, "resize": 36},
        "sound": {"rate": 8000, "seconds": 3.0},
        "visual": small,
        "audio": small,
    }
    data = {"store": str(root), "layout": "folder", "train": "two", "validation": "one"}
    train = {"epochs": 1, "batch_size": 2, "lr": 1e-3, "device": "cpu", "workers": 0}
    config = {"method": "hard_way", "stage1": {"data": data, "model": model, "train": train}}
    avloc.train_stage1(write_config(tmp_path / "c.yaml", config), tmp_path / "run")
    (tmp_path / "far").mkdir()
    for name in ("data", "run"):
        (tmp_path / name).rename(tmp_path / "far" / name)
    monkeypatch.chdir(tmp_path)
    experiment, _ = open_run(None, Path("far/run"))
    assert [len(open_data(experiment, 1, name, Senses())) for name in ("two", "one")] == [2, 1]
    (tmp_path / "far" / "data" / "two.txt").write_text("\n".join(IDS[:2]))
    with pytest.raises(RunError, match=r"far/data contains another folder \(fingerprint [0-9a-f]+\) than far/run uses"):
        open_data(open_run(None, Path("far/run"))[0], 1, "two", Senses())


def linked(root: Path, names: list[str]) -> None:
    """Frames that are links to outside the folder."""
    away = root.with_name("away")
    away.mkdir()
    for name in names:
        frame = next(path for path in root.rglob(f"*{name}*") if path.suffix == ".jpg" or path.is_dir())
        frame.rename(away / frame.name)
        frame.symlink_to(away / frame.name)


def test_clips_that_are_links_to_outside_the_folder_are_left_out_unless_they_are_asked_for(root, caplog):
    whole = FolderStore(root, "every", 8000, 3.0)
    linked(root, IDS[:1])
    store = FolderStore(root, "every", 8000, 3.0)
    assert store.ids == IDS[1:] and store.fingerprint != whole.fingerprint
    assert "1 listed clip is a link to outside the folder (set data.follow_links: true to read them)" in caplog.text
    store = FolderStore(root, "every", 8000, 3.0, follow_links=True)
    assert store.ids == IDS and (store.all_frames() == whole.all_frames()).all()


def test_a_folder_of_links_is_one_line(root):
    linked(root, IDS)
    with pytest.raises(
        DataError, match=r"listed clips are links to outside the folder, such as .* -> .*follow_links: true"
    ):
        FolderStore(root, "every", 8000, 3.0)
