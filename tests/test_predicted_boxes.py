"""Boxes and masks as predictions: every format gives the same maps, and what is no number is refused."""

import json

import cv2
import h5py
import numpy as np
import pytest

from avloc.errors import DataError
from avloc.predictions import read_predictions

PIXELS = [22, 22, 112, 112]  # of a frame of 224 x 224


def written(folder, name, value):
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def one_box(x0, y0, x1, y1):
    heat = np.zeros((224, 224), np.float32)
    heat[y0:y1, x0:x1] = 1
    return heat


FORMS = {
    "gar in pixels of 224": ("b.json", [{"file_id": "a", "bbox_norm_224": PIXELS}]),
    "gar in fractions": ("b.json", [{"file_id": "a", "bbox_norm_224": [v / 224 for v in PIXELS]}]),
    "coco results": ("b.json", [{"image_id": "a", "bbox": [22, 22, 90, 90], "score": 0.9}]),
    "coco with images": (
        "b.json",
        {
            "images": [{"id": 7, "file_name": "a.jpg", "width": 448, "height": 112}],
            "annotations": [{"id": 1, "image_id": 7, "bbox": [44, 11, 180, 45]}],
        },
    ),
    "csv in fractions": ("b.csv", "id,x1,y1,x2,y2\na," + ",".join(str(v / 224) for v in PIXELS) + "\n"),
    "csv in pixels": ("b.csv", "id,x1,y1,x2,y2,width,height\na,44,11,224,56,448,112\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_box_becomes_a_map_that_is_one_inside_it(tmp_path, form):
    found = read_predictions(written(tmp_path, *FORMS[form]))
    assert found.ids == ["a"]
    assert found.maps.shape == (1, 1, 224, 224) and (found.maps[0, 0] == one_box(*PIXELS)).all()
    assert (found.confidence is not None) == (form == "coco results")


def test_two_sources_of_a_frame_are_their_union(tmp_path):
    row = {"file_id": "a", "bbox_norm_224_src1": [0, 0, 10, 10], "bbox_norm_224_src2": [100, 100, 120, 140]}
    found = read_predictions(written(tmp_path, "b.json", [row]))
    assert (found.maps[0, 0] == one_box(0, 0, 10, 10) + one_box(100, 100, 120, 140)).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("b.json", [{"image_id": "a", "bbox": [0, 0, 224.4, 112]}]),
        ("b.json", [{"file_id": "a", "bbox_norm_224": [0, 0, 224.4 / 224, 0.5]}]),
        ("b.csv", "id,x1,y1,x2,y2\na,0,0,1.002,0.5\n"),
    ],
)
def test_a_box_a_little_past_the_frame_is_cut_counted_and_told_in_every_format(tmp_path, caplog, name, value):
    found = read_predictions(written(tmp_path, name, value))
    assert (found.maps[0, 0] == one_box(0, 0, 224, 112)).all()
    assert "1 boxes extend beyond the frame" in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("b.json", [{"image_id": "a", "bbox": ["1", "1", "4", "4"]}], "expected 4 numbers"),
        ("b.json", [{"file_id": "a", "bbox_norm_224": "1234"}], "expected 4 numbers"),
        ("b.json", [{"file_id": "a", "bbox_norm_224": [1, 2, 3]}], "expected 4 numbers"),
        ("b.json", [{"file_id": "a", "bbox_norm_224": [True, 0, 1, 1]}], "expected 4 numbers"),
        ("b.json", [{"image_id": "a", "bbox": [0, 0, 1, 1], "score": "high"}], "expected 1 number"),
        ("b.json", [{"file_id": "a", "bbox_norm_224": [0.5, 0, 0.1, 1]}], "far corner is before the near one"),
        ("b.json", [{"bbox": [0, 0, 1, 1]}], "names no clip"),
        ("b.json", [{"image_id": "a"}], "expected COCO results"),
        ("b.json", [], "contains no boxes"),
        ("b.json", [1, 2], "expected COCO results"),
        ("b.json", "{", "JSON"),
        ("b.csv", "id,x1,y1,x2,y2\na,0,0,one,1\n", "expected a number"),
        ("b.csv", "id,score,x1,y1,x2,y2\na,1,0,0,1\n", "expected 4 numbers"),
        ("b.json", [{"image_id": "a", "x1": 0.5}], "expected 4 numbers"),
        ("b.csv", "clip,a,b,c,d\na,0,0,1,1\n", "expected id, x1, y1, x2, y2"),
        ("b.json", [{"image_id": "a", "segmentation": [[1, 2]]}], "expected run lengths"),
    ],
)
def test_what_is_no_box_is_refused_in_one_line(tmp_path, name, value, words):
    with pytest.raises(DataError, match=words) as error:
        read_predictions(written(tmp_path, name, value))
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_run_lengths_are_read_where_pycocotools_is_there(tmp_path):
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    mask = np.zeros((112, 56), np.uint8)
    mask[10:50, 5:20] = 1
    packed = coco.encode(np.asfortranarray(mask))
    rows = [{"image_id": "a", "segmentation": {"size": packed["size"], "counts": packed["counts"].decode()}}]
    found = read_predictions(written(tmp_path, "m.json", rows))
    assert (found.maps[0, 0] == cv2.resize(mask, (224, 224), interpolation=cv2.INTER_NEAREST)).all()


def arrays():
    rng = np.random.default_rng(0)
    return {f"c{n}": rng.random((6 + n, 9)).astype(np.float32) for n in range(4)}


def test_one_array_an_id_is_read_from_npz_and_hdf5_whatever_their_sizes(tmp_path):
    np.savez(tmp_path / "p.npz", **arrays())
    with h5py.File(tmp_path / "p.h5", "w") as file:
        for name, one in arrays().items():
            file[name] = one
    for name in ("p.npz", "p.h5"):
        found = read_predictions(tmp_path / name)
        assert found.sized is not None and found.ids == list(arrays())
        for one, own in zip(found.sized, arrays().values(), strict=True):
            assert (one == own[None]).all()


def test_folders_of_arrays_and_pictures_may_hold_maps_of_several_sizes(tmp_path):
    for name, one in arrays().items():
        np.save(tmp_path / f"{name}.npy", one)
    found = read_predictions(tmp_path)
    assert [one.shape for one in found.sized or ()] == [(1, 6 + n, 9) for n in range(4)]


def test_files_of_other_arrays_are_still_refused_in_a_short_line(tmp_path):
    np.savez(tmp_path / "p.npz", weights=np.zeros(5), **{f"x{n}": np.zeros(3) for n in range(6000)})
    with pytest.raises(DataError, match="6001 arrays") as error:
        read_predictions(tmp_path / "p.npz")
    assert len(str(error.value)) < 300
