"""Boxes and masks as predictions: every format gives the same maps, and what is no number is refused."""

import json

import cv2
import h5py
import numpy as np
import pytest

from avloc.errors import DataError
from avloc.predictions import read_predictions
from avloc.run_lengths import runs_of

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
    assert "1 box extends beyond the frame" in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("b.json", [{"image_id": "a", "bbox": ["1", "1", "4", "4"]}], "expected 4 numbers"),
        ("b.json", [{"file_id": "a", "bbox_norm_224": "1234"}], "expected 4 numbers"),
        ("b.json", [{"file_id": "a", "bbox_norm_224": [1, 2, 3]}], "expected 4 numbers"),
        ("b.json", [{"file_id": "a", "bbox_norm_224": [True, 0, 1, 1]}], "expected 4 numbers"),
        ("b.json", [{"image_id": "a", "bbox": [0, 0, 1, 1], "score": "high"}], "expected 1 number"),
        ("b.json", [{"file_id": "a", "bbox_norm_224": [0.5, 0, 0.1, 1]}], "far corner is before the near one"),
        ("b.json", [{"bbox": [0, 0, 1, 1]}], "has no id"),
        ("b.json", [{"image_id": "a"}], "expected COCO results"),
        ("b.json", [], "contains no boxes"),
        ("b.json", [1, 2], "expected COCO results"),
        ("b.json", "{", "JSON"),
        ("b.csv", "id,x1,y1,x2,y2\na,0,0,one,1\n", "expected a number"),
        ("b.csv", "id,score,x1,y1,x2,y2\na,1,0,0,1\n", "expected 4 numbers"),
        ("b.json", [{"image_id": "a", "x1": 0.5}], "expected 4 numbers"),
        ("b.csv", "clip,a,b,c,d\na,0,0,1,1\n", "expected id, x1, y1, x2, y2"),
        ("b.json", [{"image_id": "a", "segmentation": 5}], "expected run lengths"),
    ],
)
def test_what_is_no_box_is_refused_in_one_line(tmp_path, name, value, words):
    with pytest.raises(DataError, match=words) as error:
        read_predictions(written(tmp_path, name, value))
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_answers_of_gar_ssl_without_a_box_are_left_out_counted_and_named(tmp_path, caplog):
    box = [0, 0, 0.5, 0.5]
    rows = [{"file_id": "a", "bbox_norm_224": box}, {"file_id": "b", "bbox_norm_224": None}]
    rows += [{"file_id": "c", "bbox_norm_224_src1": None, "bbox_norm_224_src2": box}]
    rows += [{"file_id": "d", "bbox_norm_224_src1": box, "bbox_norm_224_src2": box}]
    assert read_predictions(written(tmp_path, "bbox_all.json", rows)).ids == ["a", "d"]
    assert "2 clips have no box, or only one of two; left out: b, c" in caplog.text


def half(mask):
    """A mask of whole frames, its text by COCO's own program and its run lengths in numbers."""
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return [
        {"size": packed["size"], "counts": packed["counts"].decode()},
        {"size": list(mask.shape), "counts": runs_of(mask)},
    ]


@pytest.mark.parametrize("size", [(112, 56), (1, 1), (360, 640), (37, 500), (58, 72)])
def test_run_lengths_are_read_as_cocos_own_program_reads_them_in_text_and_numbers(tmp_path, size):
    rng = np.random.default_rng(0)
    for mask in (
        rng.random(size) > 0.5,
        np.zeros(size, bool),
        np.ones(size, bool),
        np.arange(size[1])[None] > rng.random(size) * 20,
    ):
        near = cv2.resize(mask.astype(np.uint8), (224, 224), interpolation=cv2.INTER_NEAREST)
        for segmentation in half(mask):
            found = read_predictions(written(tmp_path, "m.json", [{"image_id": "a", "segmentation": segmentation}]))
            assert (found.maps[0, 0] == near).all() and found.boxes is None


def test_masks_of_one_clip_are_merged_and_an_empty_segmentation_leaves_the_box(tmp_path):
    left, right = np.zeros((4, 8), bool), np.zeros((4, 8), bool)
    left[:, :2], right[:, 6:] = True, True
    rows = [{"image_id": "a", "segmentation": half(left)[0]}, {"image_id": "a", "segmentation": half(right)[1]}]
    boxed = {"bbox": [0, 0, 112, 112], "width": 224, "height": 224}
    rows += [{"image_id": "b", "segmentation": empty, **boxed} for empty in ([], None)]
    found = read_predictions(written(tmp_path, "m.json", rows))
    both = np.zeros((224, 224))
    both[:, :56] = both[:, 168:] = 1
    assert (found.maps[:, 0] == [both, one_box(0, 0, 112, 112)]).all()


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ({"size": [4, 4], "counts": [1, 2]}, "counts of 3 pixels; expected 16"),
        ({"size": [4, 4], "counts": [-5, 5, 16]}, "expected run lengths in pixels"),
        ({"size": [4, 4], "counts": [5.5, 5, 5.5]}, "expected run lengths in pixels"),
        ({"size": [4, 4], "counts": ["a", 16]}, "expected run lengths in pixels"),
        ({"size": [4, 4], "counts": [float("nan"), 16]}, "expected run lengths in pixels"),
        ({"size": [4, 4], "counts": None}, "expected run lengths in pixels"),
        ({"size": [4, 4], "counts": ""}, "counts of 0 pixels; expected 16"),
        ({"size": [4, 4], "counts": "hello"}, "counts of [0-9-]+ pixels|is no part|end within|expected run lengths"),
        ({"size": [4, 4], "counts": "é"}, "is no part of run lengths"),
        ({"size": [4, 4], "counts": "o" * 99}, "is no part of run lengths"),
        ({"size": [4, 4], "counts": "P"}, "end within a number"),
        ({"size": [4, 4], "counts": "b'@0'"}, r"counts\.decode\(\)"),
        ({"size": [0, 4], "counts": []}, "size \\[0, 4\\]; expected"),
        ({"size": [-4, -4], "counts": [16]}, "size \\[-4, -4\\]; expected"),
        ({"size": [900000, 900000], "counts": [810000000000]}, "expected .height, width., from 1 to 16384"),
        ({"size": ["4", "4"], "counts": [16]}, "expected .height, width."),
        ({"size": [4, 4, 1], "counts": [16]}, "expected .height, width."),
        ({"size": [4, 8], "counts": [32]}, "in a frame 4 wide"),
        ({"counts": [16]}, "counts and size"),
        ([[1, 1, 3, 1, 3, 3]], "holds polygons"),
    ],
)
def test_run_lengths_that_are_no_mask_are_refused_in_one_line_with_their_row(tmp_path, segmentation, words):
    rows = [{"image_id": "a", "segmentation": segmentation, "width": 4, "height": 8}]
    with pytest.raises(DataError, match=words) as error:
        read_predictions(written(tmp_path, "m.json", rows))
    assert "row 0: " in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 400


def test_boxes_and_masks_in_one_file_both_count_under_every_protocol(tmp_path):
    mask = np.ones((224, 224), bool)
    boxed = {"bbox": [0, 0, 10, 10], "width": 224, "height": 224}
    rows = [{"image_id": "a", **boxed}, {"image_id": "a", "segmentation": half(mask)[1]}, {"image_id": "b", **boxed}]
    found = read_predictions(written(tmp_path, "m.json", rows))
    assert found.boxes is None and found.maps[0].all()  # else gar would draw the boxes alone


def test_scores_of_some_clips_only_are_told_and_are_no_confidence(tmp_path, caplog):
    rows = [{"image_id": name, "bbox": [0, 0, 9, 9], **more} for name, more in (("a", {"score": 1}), ("b", {}))]
    assert read_predictions(written(tmp_path, "m.json", rows)).confidence is None
    assert "1 of 2 clips have no score" in caplog.text


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
