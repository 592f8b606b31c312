"""Tar shards read directly give what the imported store gives; what is damaged is named in one line."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import avloc
from avloc import FrameView, LogMel
from avloc.data.loader import Loader
from avloc.data.needs import Needs
from avloc.data.plans import draw_plan
from avloc.data.store import Store
from avloc.errors import AvlocError, DataError
from avloc.prepare.layouts.tar_store import TarStore
from tests.data.making import make_video, painted, tone
from tests.prepare.test_webdataset import RATE, make, sample, shard, wav

CPU = torch.device("cpu")


class Senses:
    frame = FrameView(size=24, resize=28)
    sound = LogMel(rate=RATE, n_fft=256, hop=128, mels=16)
    needs = Needs(negatives=True, every_frame=True)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(store, folder of shards), two frames a clip, three clips a shard."""
    folder = tmp_path_factory.mktemp("tar")
    store = make(folder / "store", 2)
    avloc.data_export(store, folder / "shards", clips=3)
    return store, folder / "shards"


def foreign(folder: Path, clips: int = 7, per_shard: int = 3) -> Path:
    for start in range(0, clips, per_shard):
        members = [part for n in range(start, min(start + per_shard, clips)) for part in sample(f"k{n}", n)]
        shard(folder / f"train-{start // per_shard:03d}.tar", members)
    return folder


def equal(one, other) -> bool:
    assert vars(one).keys() == vars(other).keys()
    pairs = ((value, vars(other)[name]) for name, value in vars(one).items())
    return all((a is None and b is None) or torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("workers", "resident"), [(0, True), (0, False), (1, False)])
def test_batches_of_an_export_are_those_of_its_store_bit_for_bit(exported, workers, resident):
    store, shards = Store.open(exported[0]), TarStore.of(exported[1])
    for split in store.splits:
        mine, theirs = shards.split(split), store.split(split)
        assert mine.ids == theirs.ids and mine.videos == theirs.videos and mine.classes == theirs.classes
        assert (mine.labels == theirs.labels).all() and (mine.annotated == theirs.annotated).all()
        assert mine.frame_keys == theirs.frame_keys and mine.starts == pytest.approx(theirs.starts)
        for index in range(len(mine)):
            assert mine.boxes.of_clip(index) == theirs.boxes.of_clip(index)
        loaders = Loader(mine, Senses(), CPU, workers, resident), Loader(theirs, Senses(), CPU, resident=True)
        plan = draw_plan(theirs, (5,), True)
        ones, others = (list(loader.of(plan, 2, augment_seed=3)) for loader in loaders)
        assert len(ones) == len(others) > 1 and all(map(equal, ones, others))
        loaders[0].workers.close()


def test_batches_of_other_shards_are_those_of_their_import(tmp_path):
    source = foreign(tmp_path / "shards")
    avloc.prepare_import(
        source, "webdataset", tmp_path / "s", seconds=1.5, rate=RATE, short="repeat", frames="raw", jobs=0
    )
    theirs, mine = Store.open(tmp_path / "s").split("train"), TarStore.of(source, RATE, 1.5).split("train")
    assert mine.ids == theirs.ids and (mine.all_frames() == theirs.all_frames()).all()
    assert (mine.all_sounds() == theirs.all_sounds()).all()
    assert mine.nbytes == mine.all_frames().nbytes + mine.all_sounds().nbytes
    clip = mine.clip(-1)
    assert clip.id == "k6" and (clip.waveform == theirs.clip(-1).waveform).all() and clip.split == "train"


def test_classes_that_only_masks_name_are_those_of_the_import(tmp_path):
    mask = {"size": [8, 8], "counts": [8, 16, 40], "frame": 0}
    both = [{**mask, "class": "dog", "sounding": True}, {**mask, "class": "cat", "sounding": False}]
    unnamed, named = ({"masks": both, **more} for more in ({}, {"labels": ["cow"]}))
    members = [*sample("a", json=json.dumps(unnamed).encode()), *sample("b", json=json.dumps(named).encode())]
    source = shard(tmp_path / "train.tar", members)
    avloc.prepare_import(source, "webdataset", tmp_path / "s", seconds=1, rate=RATE, jobs=0)
    theirs, mine = Store.open(tmp_path / "s").split("train"), TarStore.of(source, RATE, 1.0).split("train")
    assert mine.classes == theirs.classes == ("cat", "cow", "dog")
    assert mine.labels.tolist() == theirs.labels.tolist() == [[False, False, True], [False, True, False]]


def test_a_video_in_a_shard_is_seen_and_heard_as_its_import(tmp_path):
    make_video(tmp_path / "v.mp4", [painted(n) for n in range(30)], sound=tone(3, 500))
    film = (tmp_path / "v.mp4").read_bytes()
    source = shard(tmp_path / "a.tar", [("v.mp4", film), ("w.mp4", film), ("w.wav", wav(2, 3.0)), *sample("p")])
    avloc.prepare_import(source, "webdataset", tmp_path / "s", seconds=1, rate=RATE, frames="raw", size=256, jobs=0)
    theirs, mine = Store.open(tmp_path / "s").split("a"), TarStore.of(source, RATE, 1.0).split("a")
    assert mine.ids == theirs.ids == ["v", "w", "p"]
    assert (mine.all_frames() == theirs.all_frames()).all() and (mine.all_sounds() == theirs.all_sounds()).all()


def test_an_epoch_goes_through_the_shards_in_order_with_a_buffer(exported):
    part = TarStore.of(exported[1]).split("train")
    shards = part.places[0]
    orders = [draw_plan(part, (0, epoch), False, buffer=1).clips for epoch in range(8)]
    assert all(sorted(order) == list(range(len(part))) for order in orders)
    assert all((np.diff(shards[order]) != 0).sum() == 1 for order in orders), "each shard is read once, from its start"
    assert len({tuple(shards[order]) for order in orders}) == 2, "and either of the two comes first"
    again = draw_plan(part, (0, 3), False, buffer=1).clips
    assert (again == orders[3]).all()


def test_a_buffer_mixes_no_further_than_it_is_large():
    class Lying:
        frames_per_clip, places = 1, (np.repeat(np.arange(50), 20), np.tile(np.arange(20), 50))

        def __len__(self):
            return 1000

    order = draw_plan(Lying(), (1,), False, buffer=100).clips  # type: ignore[arg-type]
    assert sorted(order) == list(range(1000))
    came = {clip: n for n, clip in enumerate(draw_plan(Lying(), (1,), False, buffer=1).clips)}  # type: ignore[arg-type]
    early = [came[clip] - n for n, clip in enumerate(order)]
    assert max(early) <= 100 and np.std(early) > 50  # nothing comes before it was in the buffer
    whole = draw_plan(Lying(), (1,), False, buffer=5000).clips  # type: ignore[arg-type]
    assert sorted(whole) == list(range(1000)) and abs(np.corrcoef(whole, np.arange(1000))[0, 1]) < 0.2


def test_the_buffer_is_that_of_the_shards_or_the_setting(exported, monkeypatch):
    part = TarStore.of(exported[1]).split("train")
    loaders = Loader(part, Senses(), CPU, resident=True), Loader(part, Senses(), CPU, resident=True, buffer=1)
    assert [loader.buffer for loader in loaders] == [4096, 1]
    assert Loader(Store.open(exported[0]).split("train"), Senses(), CPU).buffer is None
    seen = [batch.index.tolist() for batch in loaders[1].training(2, 4, 0)]
    order = draw_plan(part, (4, 0), True, buffer=1).clips.tolist()
    assert seen == [order[:2], order[2:4]]
    monkeypatch.setenv("WORLD_SIZE", "2")
    shares = []
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        shares += [batch.index.tolist() for batch in loaders[1].training(2, 4, 0)]
    assert shares == seen  # two processes share the same epoch


def test_readers_are_small_and_travel(exported):
    part = TarStore.of(exported[1]).split("test")
    reader = pickle.loads(pickle.dumps(part.clip_reader))
    assert (reader.sounds([1, 0]) == part.all_sounds()[[1, 0]]).all()
    assert reader.places.nbytes == 64 * len(part)  # two frames, a video, a sound


def test_samples_that_cannot_be_used_are_left_out_and_named(tmp_path, caplog):
    members = [
        *sample("good"), ("deaf.jpg", sample("x")[0][1]), ("blind.wav", wav(1)), *sample("odd", json=b"{"),
        *sample("late", json=b'{"boxes": [{"box": [0, 0, 1, 1], "frame": 3}]}'), *sample("a", json=b'{"id": "good"}'),
    ]  # fmt: skip
    source = shard(tmp_path / "t.tar", members)
    assert TarStore.of(source).split("t").ids == ["good"]
    told = caplog.text
    assert "5 of 6 samples are left out" in told and "missing sound: deaf" in told and "missing frame: blind" in told
    assert "broken annotation: odd, late" in told and "id twice: good" in told


def test_links_and_names_that_lead_out_of_the_folder_are_only_names(tmp_path):
    source = shard(tmp_path / "d" / "a.tar", [*sample("../../up"), *sample("/etc/passwd")])
    assert TarStore.of(source).split("a").ids == ["../../up", "/etc/passwd"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "d"]


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.97])
def test_a_shard_that_is_cut_off_is_refused_in_a_line(tmp_path, cut):
    source = shard(tmp_path / "a.tar", [part for n in range(4) for part in sample(f"k{n}", n)])
    whole = source.read_bytes().rstrip(b"\0")
    source.write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(DataError, match=r"a\.tar: broken shard: .*; download the shard again, or use") as caught:
        TarStore.of(source)
    assert "\n" not in str(caught.value)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_shard_never_ends_in_a_traceback(tmp_path_factory, data):
    members = [*sample("a"), *sample("b", json=b'{"labels": ["x"], "boxes": [{"box": [0, 0, 1, 1]}]}')]
    path = shard(tmp_path_factory.mktemp("damaged") / "a.tar", members)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(len(whole) // 4, len(whole)))])
    try:
        part = TarStore.of(path, RATE, 1.0).split("a")
        assert len(part.all_frames()) == len(part.all_sounds()) == len(part)
    except AvlocError as error:
        assert "\n" not in str(error) and str(path) in str(error)


def test_what_is_no_shard_or_compressed_or_missing_is_refused_in_a_line(tmp_path):
    shard(tmp_path / "z" / "a.tar.gz", sample("k"))
    with pytest.raises(DataError, match=r"a\.tar\.gz: compressed, .*expected plain tar"):
        TarStore.of(tmp_path / "z")
    shard(tmp_path / "p" / "a-0.tar", sample("k"))
    with pytest.raises(DataError, match=r"a-1\.tar: missing shard; download the shard again"):
        TarStore.of(tmp_path / "p" / "a-{0..1}.tar")
    with pytest.raises(DataError, match="none of its 1 samples can be used"):
        TarStore.of(shard(tmp_path / "e.tar", [("x.jpg", b"")]))
    with pytest.raises(DataError, match="no tar file in it"):
        (tmp_path / "none").mkdir()
        TarStore.of(tmp_path / "none")


def test_a_sample_whose_content_is_broken_is_named_when_it_is_read(tmp_path):
    source = shard(tmp_path / "a.tar", [*sample("good"), *sample("bad", jpg=b"text"), *sample("mute", wav=b"text")])
    part = TarStore.of(source, RATE, 1.0).split("a")
    assert part.frames([0], [0]).shape == (1, 256, 256, 3)
    with pytest.raises(DataError, match=r"a\.tar: bad\.\w+: not a picture; repair it, or use `avloc prepare import"):
        part.frames([0, 1], [0, 0])
    with pytest.raises(DataError, match=r"a\.tar: mute\.\w+: not a media file"):
        part.sounds([2])


def test_a_shard_that_changed_since_it_was_listed_is_refused(tmp_path):
    source = shard(tmp_path / "a.tar", sample("k"))
    part = TarStore.of(source, RATE, 1.0).split("a")
    shard(source, [*sample("k"), *sample("l")])
    with pytest.raises(DataError, match=r"a\.tar: now has \d+ bytes; it had \d+ when it was listed"):
        part.sounds([0])
    assert len(TarStore.of(source, RATE, 1.0).split("a")) == 2  # listed again


def test_the_listing_of_many_samples_is_kept_until_a_shard_changes(exported, tmp_path, monkeypatch):
    from avloc.prepare.layouts import tar_listing, tar_store

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tar_listing, "LARGE", 1)
    source = shutil.copytree(exported[1], tmp_path / "shards")
    listed = tar_store.read_columns
    for damage in (False, True):
        tar_store._listed.clear()
        first = TarStore.of(source)
        (file,) = (tmp_path / "cache").rglob("*.npz")
        tar_store._listed.clear()
        if damage:
            file.write_bytes(file.read_bytes()[:-100])
        else:
            monkeypatch.setattr(tar_store, "read_columns", lambda _: pytest.fail("it was listed again"))
        again = TarStore.of(source)
        monkeypatch.setattr(tar_store, "read_columns", listed)
        assert again.fingerprint == first.fingerprint and again.settings == first.settings
        part, other = first.split("train"), again.split("train")
        assert part.ids == other.ids and part.videos == other.videos and part.frame_keys == other.frame_keys
        assert (part.all_sounds() == other.all_sounds()).all() and part.boxes.of_clip(2) == other.boxes.of_clip(2)
    shard(source / "train-000000.tar", sample("k"))
    assert len(TarStore.of(source).split("train")) == 2  # of the other shard


def trained(folder: Path, source: Path, run: str, rate: int = RATE, **data: object) -> Path:
    small = {"widths": [8, 16], "blocks": [1, 1], "strides": [2, 2]}
    model = {
        "frame": {"size": 32, "resize": 36},
        "sound": {"rate": rate, "seconds": 1.0},
        "visual": small,
        "audio": small,
    }
    train = {"epochs": 2, "batch_size": 3, "lr": 1e-3, "device": "cpu", "workers": 0}
    given = {"store": str(source), "layout": "webdataset", "train": "train", **data}
    config = {"method": "hard_way", "stage1": {"data": given, "model": model, "train": train}}
    (folder / f"{run}.yaml").write_text(json.dumps(config))
    avloc.train_stage1(folder / f"{run}.yaml", folder / run)
    return folder / run


def test_a_method_trains_and_an_interrupted_training_ends_alike(tmp_path, monkeypatch):
    from avloc.engine import trainer

    source = foreign(tmp_path / "shards")
    shard(source / "val-000.tar", [*sample("l1", 3), *sample("l2", 4)])
    whole = trained(tmp_path, source, "whole", shuffle=2, validation="val")
    epochs = iter(range(1))

    def interrupted(*given):
        if next(epochs, None) is None:
            raise KeyboardInterrupt
        return own(*given)

    own = trainer._epoch
    monkeypatch.setattr(trainer, "_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, source, "cut", shuffle=2, validation="val")
    monkeypatch.setattr(trainer, "_epoch", own)
    (tmp_path / "shards").rename(tmp_path / "moved")  # the run finds them, for they hold the same
    avloc.train_stage1(run=tmp_path / "cut", set=[f"stage1.data.store={tmp_path / 'moved'}"])
    one, other = ((run / "stage1").glob("*.safetensors") for run in (whole, tmp_path / "cut"))
    from safetensors.torch import load_file

    for mine, theirs in zip(map(load_file, one), map(load_file, other), strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_missing_split_and_a_wrong_rate_are_told_in_a_line(exported, tmp_path):
    with pytest.raises(AvlocError, match="no split 'val'; it holds train"):
        trained(tmp_path, foreign(tmp_path / "shards"), "run", train="val")
    with pytest.raises(DataError, match=f"has {RATE} Hz; this method needs 16000 Hz"):
        trained(tmp_path, exported[1], "other", 16000)
    with pytest.raises(AvlocError, match=r"stage1\.data\.labels is 'published', but tar shards have no pseudo labels"):
        trained(tmp_path, tmp_path / "shards", "labels", labels="published")


def test_shards_that_are_links_to_outside_the_folder_are_refused_unless_they_are_asked_for(tmp_path):
    away, here = foreign(tmp_path / "away"), tmp_path / "here"
    here.mkdir()
    for path in away.iterdir():
        (here / path.name).symlink_to(path)
    with pytest.raises(DataError, match=r"3 of 3 shards are links to outside the folder, such as .*follow_links: true"):
        TarStore.of(here)
    assert len(TarStore.of(here, follow_links=True).split("train")) == 7
    assert len(TarStore.of(here / "train-000.tar").split("train")) == 3, "a file that is named itself"
