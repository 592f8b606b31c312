"""Files of heat maps: what goes in comes out, and everything that does not fit is one line."""

import random

import cv2
import h5py
import numpy as np
import pytest

from avloc.errors import DataError
from avloc.predictions import read_predictions, write_predictions
from tests.fuzz.outcomes import little_memory

IDS = ["a/b.jpg", "ümlaut", "c"]


def test_what_is_written_is_read(tmp_path):
    maps = np.random.default_rng(0).random((3, 2, 4, 5)).astype(np.float32)
    write_predictions(tmp_path / "p.h5", IDS, maps, ["x", "y"], [0.1, 0.2, 0.3], np.eye(2), {"method": "m"}, maps[:, 0])
    found = read_predictions(tmp_path / "p.h5")
    assert found.ids == IDS
    assert (found.maps == maps).all()
    assert (found.object_maps == maps[:, 0]).all()
    assert (found.classes, found.attributes) == (("x", "y"), {"method": "m"})
    assert found.confidence.tolist() == [0.1, 0.2, 0.3]
    assert (found.assignment == np.eye(2)).all()


def test_npz_and_one_map_a_clip(tmp_path):
    np.savez(tmp_path / "p.npz", ids=np.array(IDS), maps=np.ones((3, 4, 4), np.float16), classes=np.array([b"x"]))
    found = read_predictions(tmp_path / "p.npz")
    assert found.maps.shape == (3, 1, 4, 4)
    assert found.maps.dtype == np.float32
    assert found.classes == ("x",)


def test_numbers_beyond_float32_become_infinite_without_a_word(tmp_path, recwarn):
    large = np.full((3, 4, 4), 1e200)
    arrays = {"object_maps": large, "frame_vectors": large[:, 0], "sound_vectors": large[:, 0]}
    np.savez(tmp_path / "p.npz", ids=np.array(IDS), maps=large, **arrays)
    np.savez(tmp_path / "by_id.npz", a=large[0], b=large[1])
    for name in ("p.npz", "by_id.npz"):
        assert np.isinf(read_predictions(tmp_path / name).maps).all()
    assert not recwarn.list


def test_a_folder_of_maps(tmp_path):
    (tmp_path / "maps" / "deep").mkdir(parents=True)
    np.save(tmp_path / "maps" / "one.npy", np.full((4, 4), 0.5))
    cv2.imwrite(str(tmp_path / "maps" / "deep" / "two.png"), np.full((4, 4), 7, np.uint8))
    found = read_predictions(tmp_path / "maps")
    assert dict(zip(found.ids, found.maps[:, 0, 0, 0].tolist(), strict=True)) == {"deep/two": 7.0, "one": 0.5}
    np.save(tmp_path / "maps" / "other.npy", np.zeros((5, 4)))
    sized = read_predictions(tmp_path / "maps").sized
    assert sized is not None and {one.shape for one in sized} == {(1, 4, 4), (1, 5, 4)}, "each frame's own size"
    np.save(tmp_path / "maps" / "two_maps.npy", np.zeros((2, 5, 4)))
    with pytest.raises(DataError, match="expected the same number for each clip"):
        read_predictions(tmp_path / "maps")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": IDS}, "expected the arrays maps"),
        ({"ids": IDS[:2], "maps": np.ones((3, 4, 4))}, "2 ids for maps of shape"),
        ({"ids": IDS, "maps": np.ones((3, 4))}, r"expected \(N, h, w\)"),
        ({"ids": IDS, "maps": np.ones((3, 0, 4))}, "not empty"),
        ({"ids": ["a", "b", "a"], "maps": np.ones((3, 4, 4))}, "duplicate id 'a'"),
        ({"ids": IDS, "maps": np.array(["x"] * 3)}, "expected numbers"),
        ({"ids": [b"a", b"\xff", b"c"], "maps": np.ones((3, 4, 4))}, "ids are not UTF-8 text"),
        ({"ids": ["a", "\ud800", "c"], "maps": np.ones((3, 4, 4))}, "ids are not UTF-8 text"),
        (
            {"ids": IDS, "maps": np.ones((3, 2, 4, 4)), "classes": [b"\xe9", b"b"]},
            "classes are not UTF-8 text",
        ),
        ({"ids": IDS, "maps": np.ones((3, 2, 4, 4)), "classes": ["x"]}, "a name for each of the K maps"),
        ({"ids": IDS, "maps": np.ones((3, 4, 4)), "confidence": [1.0]}, "a number for each id"),
        ({"ids": IDS, "maps": np.ones((3, 4, 4)), "confidence": [1.0, np.nan, 0.0]}, "NaN"),
        ({"ids": IDS, "maps": np.ones((3, 2, 4, 4)), "assignment": np.eye(3)}, "K the number of maps"),
        ({"ids": IDS, "maps": np.ones((3, 4, 4)), "object_maps": np.ones((2, 4, 4))}, "object_maps has shape"),
        (
            {"ids": np.array([{}], dtype=object), "maps": np.ones((1, 4, 4))},
            "pickled objects, which avloc never executes",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(tmp_path, arrays, message):
    np.savez(tmp_path / "p.npz", **{name: np.asarray(value) for name, value in arrays.items()})
    with pytest.raises(DataError, match=message) as error:
        read_predictions(tmp_path / "p.npz")
    assert len(str(error.value).splitlines()) == 1
    assert "p.npz" in str(error.value)


def test_files_that_are_broken_or_of_another_kind(tmp_path):
    write_predictions(tmp_path / "whole.h5", IDS, np.ones((3, 64, 64)))
    content = (tmp_path / "whole.h5").read_bytes()
    for name, part in (
        ("half.h5", content[: len(content) // 2]),
        ("none.h5", b""),
        ("half.npz", b"PK\x03\x04 no"),
        ("x.pkl", b""),
    ):
        (tmp_path / name).write_bytes(part)
        with pytest.raises(DataError, match=name) as error:
            read_predictions(tmp_path / name)
        assert len(str(error.value).splitlines()) == 1
    with pytest.raises(DataError, match="no such file"):
        read_predictions(tmp_path / "nowhere.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.npy or \.png"):
        read_predictions(tmp_path / "empty")


def test_files_that_are_not_what_their_name_says(tmp_path):
    np.save(tmp_path / "p.npy", np.ones((3, 4, 4)))
    (tmp_path / "p.npy").rename(tmp_path / "one array.npz")
    with h5py.File(tmp_path / "nothing.h5", "w") as file:
        file["ids"], file["maps"] = IDS, h5py.Empty("f4")
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file["ids"] = IDS
        file.create_dataset("maps", (10**6, 3, 1000, 1000), "f8")  # announced, not written
    for name, message in (
        ("one array.npz", "not a complete"),
        ("nothing.h5", "expected"),
        ("huge.h5", "fit into memory"),
    ):
        with pytest.raises(DataError, match=message) as error:
            read_predictions(tmp_path / name)
        assert name in str(error.value)
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("ending", ["npz", "npy"])
def test_damaged_numpy_files_are_one_line_or_read(tmp_path, ending):
    maps = np.random.default_rng(0).random((3, 4, 4)).astype(np.float32)
    np.savez_compressed(tmp_path / "p.npz", ids=np.array(IDS), maps=maps)
    np.save(tmp_path / "p.npy", maps[0])
    content, chance, refused = (tmp_path / f"p.{ending}").read_bytes(), random.Random(0), 0
    (tmp_path / "maps").mkdir()
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / "maps" / f"p.{ending}").write_bytes(
            damaged[: chance.choice([None, chance.randrange(len(damaged))])]
        )
        try:
            read_predictions(tmp_path / "maps" / "p.npz" if ending == "npz" else tmp_path / "maps")
        except DataError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1 and f"p.{ending}" in str(error)
    assert refused


def test_a_group_in_the_place_of_an_array(tmp_path):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file.create_group("maps")
        file["ids"] = ["a"]
    with pytest.raises(DataError, match="expected the arrays maps"):
        read_predictions(tmp_path / "p.h5")


@pytest.mark.parametrize(("name", "message"), [("ids", "1 ids for maps"), ("classes", "a name for each of the K maps")])
def test_one_text_where_a_row_of_them_is_expected(tmp_path, name, message):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["ids"], file["maps"], file["classes"] = IDS, np.ones((3, 2, 4, 4)), ["x", "y"]
        del file[name]
        file[name] = "a"
    with pytest.raises(DataError, match=message):
        read_predictions(tmp_path / "p.h5")


def test_ids_are_counted_before_they_become_text(tmp_path):
    """300 million of them take 2 kB on the disk and 0.3 GB as numbers; as text they would take 15 GB."""
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file.create_dataset("ids", (300_000_000,), "i1")
        file["maps"] = np.ones((3, 4, 4), np.float32)
    with little_memory(1 << 30), pytest.raises(DataError, match=r"p\.h5: 300000000 ids for maps"):
        read_predictions(tmp_path / "p.h5")


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="an id for each"):
        write_predictions(tmp_path / "p.h5", IDS, np.ones((2, 4, 4)))
    assert list(tmp_path.iterdir()) == []


def test_attributes_of_several_values_are_lists(tmp_path):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["ids"], file["maps"] = IDS, np.ones((3, 4, 4))
        file.attrs["method"], file.attrs["scale"], file.attrs["sizes"] = "mine", 0.5, [1, 2, 3]
        file.attrs["nothing"] = h5py.Empty("f")
    found = read_predictions(tmp_path / "p.h5").attributes
    assert (found["method"], found["scale"], found["sizes"]) == ("mine", 0.5, [1, 2, 3])
