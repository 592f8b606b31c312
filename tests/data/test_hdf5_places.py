import h5py
import numpy as np
import pytest

from avloc.data.hdf5_places import Hdf5Places
from avloc.data.hdf5_shard import Hdf5Shard, Hdf5Writer
from avloc.data.shard_form import form_of
from avloc.data.shards import Shards
from avloc.errors import DataError
from tests.data.making import SETTINGS

FRAMES, CLIPS = 2, 70


def write(path, frames: str, seed: int = 0):
    """JPEG "files" of any length from a byte on, so that heaps hold many, one, or parts of a page."""
    settings = {**SETTINGS, "frames": frames, "frames_per_clip": FRAMES}
    random = np.random.default_rng(seed)
    writer = Hdf5Writer(path, settings)
    size = settings["size"]
    for _ in range(CLIPS):
        lengths = random.choice([1, 7, 8, 60, 900, 4040, 4096, 9000], FRAMES)
        own = [random.integers(0, 256, n if frames == "jpeg" else (size, size, 3), np.uint8) for n in lengths]
        writer.add(own, random.integers(-9, 9, settings["samples"]).astype(np.int16))
    writer._resize(CLIPS)
    writer.close()
    return form_of(settings)


def places_of(path, form) -> Hdf5Places | None:
    with h5py.File(path, "r", locking=False) as file:
        return Hdf5Places.of(file, path, form)


@pytest.mark.parametrize("frames", ["jpeg", "raw"])
def test_what_is_read_by_its_place_is_what_hdf5_reads(tmp_path, frames):
    for seed in range(3):
        form = write(tmp_path / f"{seed}.h5", frames, seed)
        shard, places = Hdf5Shard(tmp_path / f"{seed}.h5", form), places_of(tmp_path / f"{seed}.h5", form)
        assert places is not None and places.clips == shard.clips == CLIPS
        for row in range(CLIPS):
            np.testing.assert_array_equal(places.sound(row), shard.sound(row))
            for pick in range(FRAMES):
                np.testing.assert_array_equal(places.frame(row, pick), shard.frame(row, pick))


def test_a_file_that_was_written_another_way_is_left_to_hdf5(tmp_path):
    form = write(tmp_path / "a.h5", "raw")
    with h5py.File(tmp_path / "a.h5", locking=False) as one, h5py.File(tmp_path / "b.h5", "w") as other:
        for name in ("frames", "sounds"):
            other.create_dataset(name, data=one[name][()], chunks=(1, *one[name].shape[1:]), compression="gzip")
    assert places_of(tmp_path / "a.h5", form) is not None and places_of(tmp_path / "b.h5", form) is None
    (tmp_path / "s" / "shards").mkdir(parents=True)
    (tmp_path / "b.h5").rename(tmp_path / "s" / "shards" / "00000.h5")
    shards = Shards(tmp_path / "s", form)
    with h5py.File(tmp_path / "a.h5", locking=False) as one:
        np.testing.assert_array_equal(shards.frame(0, 3, 1), one["frames"][3, 1])
    assert not shards._places


def test_a_damaged_heap_is_left_to_hdf5_and_a_file_that_is_cut_off_is_refused(tmp_path):
    form = write(tmp_path / "a.h5", "jpeg")
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(content.replace(b"GCOL", b"GCOX"))
    places = places_of(tmp_path / "a.h5", form)
    assert places is not None and places.frame(0, 0) is None and places.sound(0) is not None
    (tmp_path / "s" / "shards").mkdir(parents=True)
    file = tmp_path / "s" / "shards" / "00000.h5"
    file.write_bytes(content)
    shards = Shards(tmp_path / "s", form)
    shards.sound(0, 1)
    assert shards._places
    file.write_bytes(content[:3000])  # under the open file
    with pytest.raises(DataError, match="broken"):
        shards.sound(0, CLIPS)
