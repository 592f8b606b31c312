"""Predictions and the clips of a truth: found however their ids are spelled, and told where they are not."""

import json
import logging

import cv2
import numpy as np
import pytest

from avloc.annotations import read_own_truth
from avloc.errors import AvlocError, DataError
from avloc.predictions import read_predictions, write_predictions
from avloc.verbs.evaluate_predictions import evaluate_predictions
from tests.commands import error_of, invoke, printed

LEFT, RIGHT = [0, 0, 50, 100], [50, 0, 50, 100]  # x, y, w, h in pixels of 100 x 100


def coco(path, boxes):
    """COCO json with one box of each file."""
    images = [{"id": n, "file_name": name, "width": 100, "height": 100} for n, name in enumerate(boxes)]
    marks = [{"id": n, "image_id": n, "category_id": 1, "bbox": box} for n, box in enumerate(boxes.values())]
    path.write_text(json.dumps({"images": images, "annotations": marks, "categories": [{"id": 1, "name": "dog"}]}))
    return path


def heat(side) -> np.ndarray:
    found = np.zeros((10, 10), np.float32)
    found[:, :5] = side == "left"
    found[:, 5:] = side == "right"
    return found


def score(predictions, truth, **how) -> float:
    found = evaluate_predictions(predictions, truth=truth, metric=["ciou"], resamples=0, **how)
    return next(iter(found.results.values())).metrics["ciou"].value


@pytest.mark.parametrize("slash", ["/", "\\"])
def test_frames_of_videos_are_told_apart_by_their_folders(tmp_path, slash):
    truth = coco(tmp_path / "t.json", {f"videoA{slash}000066.png": LEFT, f"videoB{slash}000066.png": RIGHT})
    assert read_own_truth(truth).ids == ["videoA/000066", "videoB/000066"]
    ids, maps = ["videoB/000066", "videoA/000066"], [heat("right"), heat("left")]
    write_predictions(tmp_path / "p.h5", ids, np.array(maps))
    assert score(tmp_path / "p.h5", truth) > 0.9
    for name, one in zip(ids, maps, strict=True):
        (tmp_path / "maps" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "maps" / f"{name}.npy", one)
    assert score(tmp_path / "maps", truth) > 0.9
    write_predictions(tmp_path / "bare.h5", ["000066"], np.array(maps[:1]))
    with pytest.raises(
        DataError, match=r"2 of 2 clips of the ground truth match the same prediction as another.*write the ids"
    ):
        score(tmp_path / "bare.h5", truth)


def test_a_folder_may_be_left_out_where_the_name_is_unique(tmp_path):
    truth = coco(tmp_path / "t.json", {"videoA/000066.png": LEFT, "videoB/000067.png": RIGHT})
    assert read_own_truth(truth).ids == ["000066", "000067"]
    for ids in (["000066", "000067"], ["videoA/000066", "videoB/000067"], ["x/videoA/000066.jpg", "000067.png"]):
        write_predictions(tmp_path / "p.h5", ids, np.array([heat("left"), heat("right")]))
        assert score(tmp_path / "p.h5", truth) > 0.9
    (tmp_path / "l.txt").write_text("videoB/000067.png\n")
    assert read_own_truth(truth, ids=tmp_path / "l.txt").ids == ["000067"]
    assert score(tmp_path / "p.h5", truth, ids=tmp_path / "l.txt", strict=True) > 0.9


def test_a_prediction_of_another_folder_is_not_taken(tmp_path, caplog):
    truth = coco(tmp_path / "t.json", {"videoA/000066.png": LEFT})
    write_predictions(tmp_path / "p.h5", ["videoA/000066", "000066"], np.array([heat("left"), heat("right")]))
    assert score(tmp_path / "p.h5", truth) > 0.9
    assert "p.h5: 1 prediction matches no clip of the ground truth: 000066" in caplog.text


def own(path, ids):
    path.write_text(json.dumps({"clips": [{"id": name, "boxes": [{"box": [0, 0, 0.5, 1]}]} for name in ids]}))
    return path


def test_what_has_no_partner_is_told_once_and_refused_when_strict(tmp_path, caplog):
    truth = own(tmp_path / "t.json", ["a", "b", "c", "caf\u00e9"])
    write_predictions(tmp_path / "p.h5", ["a.mp4", "cafe\u0301", "x"], np.array([heat("left")] * 3))
    line = (
        "p.h5: 2 of 4 clips of the ground truth have no prediction: b, c; 1 prediction matches no clip of the ground "
        "truth: x"
    )
    with caplog.at_level(logging.WARNING):
        found = evaluate_predictions(tmp_path / "p.h5", truth=truth, resamples=0)
    assert [record.getMessage() for record in caplog.records if record.name == "avloc.leftovers"] == [line]
    (result,) = found.results.values()
    assert result.counts["not_requested"] == 1 and result.metrics["locacc"].value == 0.5
    with pytest.raises(DataError, match=r"p.h5: 2 of 4 clips of the ground truth have no prediction: b, c; .*--strict"):
        evaluate_predictions(tmp_path / "p.h5", truth=truth, resamples=0, strict=True)
    assert "--strict" in error_of("evaluate", "--predictions", tmp_path / "p.h5", "--truth", truth, "--strict")
    assert printed("evaluate", "--predictions", tmp_path / "p.h5", "--truth", truth)["counts"]["not_requested"] == 1


def test_equal_ids_score_as_ever(tmp_path):
    truth = own(tmp_path / "t.json", ["a", "b"])
    write_predictions(tmp_path / "p.h5", ["b", "a"], np.array([heat("left"), heat("right")]))
    found = evaluate_predictions(tmp_path / "p.h5", truth=truth, resamples=0, strict=True)
    assert next(iter(found.results.values())).counts["evaluated"] == 2


def test_hidden_files_are_no_predictions(tmp_path):
    truth = own(tmp_path / "t.json", ["a", "b"])
    (tmp_path / "maps").mkdir()
    for name in ("a.npy", "b.NPY"):
        with (tmp_path / "maps" / name).open("wb") as file:
            np.save(file, heat("left"))
    for name in ("._a.npy", "._b.npy", ".DS_Store"):
        (tmp_path / "maps" / name).write_bytes(b"\0\5\x16\7")
    assert read_predictions(tmp_path / "maps").ids == ["a", "b"] and score(tmp_path / "maps", truth, strict=True) > 0.9
    (tmp_path / "grey").mkdir()
    cv2.imwrite(str(tmp_path / "grey" / "a.PNG"), (heat("left") * 255).astype(np.uint8))
    assert read_predictions(tmp_path / "grey").ids == ["a"]


def test_hidden_files_are_no_boxes(tmp_path):
    voc = """<annotation><size><width>100</width><height>100</height></size><object><name>dog</name>
    <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>50</xmax><ymax>100</ymax></bndbox></object></annotation>"""
    for name in ("voc/a.xml", "voc/._a.xml", "deep/v1/3.xml", "deep/v2/3.xml", "deep/__MACOSX/v1/._3.xml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(voc if "._" not in name else "\0")
    assert read_own_truth(tmp_path / "voc").ids == ["a"]
    assert read_own_truth(tmp_path / "deep").ids == ["v1/3", "v2/3"]


def test_numbers_written_as_text_are_refused(tmp_path):
    coco(tmp_path / "t.json", {"a.png": ["1", "1", "4", "4"]})
    with pytest.raises(DataError, match=r"t.json: annotation 0: bbox \['1', '1', '4', '4'\]; expected .* four numbers"):
        read_own_truth(tmp_path / "t.json")


def test_a_message_is_short_however_much_is_wrong(tmp_path):
    truth = own(tmp_path / "t.json", ["x" * 5000, "\x1b[31mred[/red]"])
    np.savez(tmp_path / "by_id.npz", **{f"video{n:05d}": np.zeros(4) for n in range(3000)})
    said = error_of("evaluate", "--predictions", tmp_path / "by_id.npz", "--truth", truth)
    assert "holds 3000 arrays, video00000, video00001" in said and len(said) < 500
    np.savez(tmp_path / "p.npz", ids=np.array(["y" * 5000]), maps=heat("left")[None])
    assert len(error_of("evaluate", "--predictions", tmp_path / "p.npz", "--truth", truth)) < 500
    (tmp_path / "long.json").write_text(json.dumps({"clips": [{"id": "z" * 9000, "boxes": 3}]}))
    assert len(error_of("evaluate", "--predictions", tmp_path / "p.npz", "--truth", tmp_path / "long.json")) < 500


def test_text_from_files_is_shown_as_text(tmp_path):
    names = ["[/red]", "\x1b[31mred", "[old]data", "two\nlines"]
    truth = own(tmp_path / "t.json", names)
    write_predictions(tmp_path / "[bold]p[/bold].h5", names, np.array([heat("left")] * 4))
    ran = invoke("evaluate", "--predictions", tmp_path / "[bold]p[/bold].h5", "--truth", truth, "--worst", 4)
    assert ran.exit_code == 0 and "\x1b" not in ran.stdout, ran.exception
    for name in ("[/red]", "\\x1b[31mred", "[old]data"):
        assert name in ran.stdout
    with pytest.raises(AvlocError, match="no such file"):
        read_predictions(tmp_path / "nothing.h5")
