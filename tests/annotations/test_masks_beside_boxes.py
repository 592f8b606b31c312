"""Benchmarks with masks: rules for boxes are judged by boxes, rules for pixels by pixels, and what has no partner is named."""

import json

import cv2
import numpy as np
import pytest

from avloc.annotations.reading import read_benchmark
from avloc.errors import DataError
from avloc.protocols import named
from avloc.scoring import score
from avloc.scoring.score_maps import protocols_for
from tests.data.making import write_image

DOG, CAT = "dog_cat_7_dog", "dog_cat_7_cat"
BOXES = [[f"{DOG}.jpg", f"{DOG}.wav", 0, 0, 112, 112], [f"{CAT}.jpg", f"{CAT}.wav", 112, 112, 224, 224]]


def disc(x, y):
    mask = np.zeros((224, 224), np.uint8)
    cv2.circle(mask, (x, y), 50, 255, -1)
    return mask


@pytest.fixture
def is3(tmp_path):
    (tmp_path / "synthetic3240_bbox.json").write_text(json.dumps(BOXES))
    write_image(tmp_path / "gt_masks" / f"{DOG}.jpg", disc(56, 56))
    write_image(tmp_path / "gt_masks" / f"{CAT}.jpg", disc(168, 168))
    return tmp_path


def test_boxes_of_the_list_and_masks_of_the_folder_each_judge_their_rules(is3):
    truth = read_benchmark("is3", is3)
    assert truth.masks.shape == (2, 1, 224, 224) and truth.boxes.tolist() == [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]
    assert not (truth.masks[0, 0] ^ (disc(56, 56) > 0)).sum() > 20, "cut at 128, so that blurred black is not marked"
    squares = np.zeros((2, 224, 224), np.float32)
    squares[0, :112, :112] = squares[1, 112:, 112:] = 1
    assert score("avloc", squares, truth, resamples=0).metrics["ciou"].value == 1
    share = disc(56, 56).astype(bool).sum() / 112**2
    assert score("avsbench", squares, truth, resamples=0).metrics["miou"].value == pytest.approx(share, abs=0.01)


def test_the_other_object_of_a_scene_is_silent(is3):
    truth = read_benchmark("is3", is3)
    assert truth.silent_boxes.tolist() == [[0.5, 0.5, 1, 1], [0, 0, 0.5, 0.5]]
    maps = np.zeros((2, 224, 224), np.float32)
    maps[:, :112, :112] = 1
    result = score("kaist", maps, truth, resamples=100)
    assert result.metrics["tells"].value == 0.5 and result.metrics["tells"].ci95 is not None
    assert result.extra["tells"]["pairs"] == 2


def test_what_has_no_partner_is_named(is3):
    (is3 / "gt_masks" / f"{CAT}.jpg").rename(is3 / "gt_masks" / "other.jpg")
    truth = read_benchmark("is3", is3)
    assert truth.ids == [DOG] and truth.unannotated == 1
    told = " ".join(truth.warnings)
    assert f"1 of 2 clips have no mask and are left out: {CAT}" in told and "other.jpg" in told
    for path in (is3 / "gt_masks").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    truth = read_benchmark("is3", is3)
    assert truth.masks is None and len(truth) == 2, "masks of another benchmark lie here: the boxes are read"
    assert any("only the boxes are read" in line for line in truth.warnings)


def test_a_mask_that_cannot_be_read_is_named_and_its_clip_left_out(is3):
    (is3 / "gt_masks" / f"{CAT}.jpg").write_bytes(b"no picture")
    truth = read_benchmark("is3", is3)
    assert truth.ids == [DOG] and truth.unannotated == 1
    assert f"1 mask cannot be read; left out: {CAT}" in truth.warnings
    (is3 / "gt_masks" / f"{DOG}.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match="none of 2 masks can be read"):
        read_benchmark("is3", is3)


def test_a_list_of_masks_names_them_and_without_boxes_they_have_the_box_around_each(tmp_path):
    rows = [
        {"image": "/x/visual_frames/v_1/v_1.mp4_1.png", "audio": "v_1.wav", "gt_box": "/x/gt_masks/test/v_1/v_1_1.png"}
    ]
    rows.append(
        {"image": "/x/visual_frames/v_1/v_1.mp4_2.png", "audio": "v_1.wav", "gt_box": "/x/gt_masks/test/v_1/v_1_2.png"}
    )
    (tmp_path / "ms3_seg.json").write_text(json.dumps(rows))
    write_image(tmp_path / "gt_masks" / "test" / "v_1" / "v_1_1.png", disc(56, 56))
    write_image(tmp_path / "gt_masks" / "test" / "v_1" / "v_1_2.png", disc(0, 0) * 0)
    truth = read_benchmark("avsbench-ms3", tmp_path)
    assert truth.ids == ["v_1/v_1.mp4_1", "v_1/v_1.mp4_2"] and truth.sounding.tolist() == [True, False]
    assert (truth.boxes * 224).tolist() == [[6, 6, 107, 107]]
    (tmp_path / "ms3_box.json").write_text(json.dumps([["v_1/v_1.mp4_1.png", "v_1.wav", 0, 0, 224, 112]]))
    both = read_benchmark("avsbench-ms3", tmp_path)
    assert (both.boxes * 224).tolist() == [[0, 0, 224, 112]] and both.masks[0, 0].sum() == (disc(56, 56) > 0).sum()


def avss(root):
    names = {"background": 1} | {f"thing{n}": n for n in range(2, 72)}
    (root / "label2idx.json").write_text(json.dumps(names))
    (root / "metadata.csv").write_text(
        "vid,uid,s_min,s_sec,a_obj,split,label\nw,u,0,5,thing3,test,v1s\nx,y,0,5,thing3,train,v2\ng,gone,0,5,thing3,test,v2\n"
    )
    numbers = np.zeros((224, 224), np.uint8)
    numbers[:100, :50], numbers[200:, 200:] = 2, 70
    for k in range(5):
        write_image(root / "v1s" / "u" / "labels_semantic" / f"{k}.png", numbers if k else numbers * 0)
    (root / "v1s" / "u" / "labels_semantic" / "4.png").write_bytes(b"no picture")
    return root


def test_avss_has_the_class_of_every_pixel_and_a_box_around_each_class(tmp_path):
    truth = read_benchmark("avss", avss(tmp_path))
    assert truth.ids == [f"v1s/u/{k}" for k in range(4)] and set(truth.videos) == {"w"}
    assert truth.sounding.tolist() == [False, True, True, True] and truth.unannotated == 1
    assert [truth.classes[k] for k in truth.box_class[:2]] == ["thing3", "thing71"]
    assert (truth.boxes[0] * 224).tolist() == [0, 0, 50, 100]
    told = " ".join(truth.warnings)
    assert "v1s/u/4" in told and "v2/gone" in told
    perfect = truth.labels[:, None].astype(np.float32)
    found = score(named("avss").with_axes(padding=0), perfect, truth, resamples=20)
    assert found.metrics["miou"].value == pytest.approx(3 / 71), "classes that no frame has count as 0"
    assert found.metrics["miou_nobg"].value == pytest.approx(2 / 70), "without the last class"
    assert found.per_class["thing71"] == {"clips": 3, "ciou": 1.0, "fscore": 1.0}
    assert score("avsbench", (perfect > 0) * 1.0, truth, resamples=0).metrics["miou"].value == pytest.approx(1)
    with pytest.raises(DataError, match="one map of class numbers, or 71 maps of scores"):
        score("avss", np.zeros((4, 3, 8, 8)), truth)


def avatar_frame(*things):
    rows = [
        {"task": task, "bbox": box, "segmentation": polygons, "audio_visual_category": "dog"}
        for task, box, polygons in things
    ]
    return json.dumps({"original_width": 8, "original_height": 8, "annotations": rows})


def test_avatar_is_judged_at_the_size_of_its_pictures_and_by_task(tmp_path):
    folder = tmp_path / "metadata" / "abcdefghijk_00010"
    folder.mkdir(parents=True)
    polygon = [[1.9, 1.2, 5.9, 1.7, 3.1, 4.8]]
    single, off = ("Single-Sound", [1, 1, 4, 3], polygon), ("Off-Screen", None, [])
    frames = [avatar_frame(single), avatar_frame(single, off), avatar_frame(off), avatar_frame(off), "{}"]
    for number, text in enumerate(frames):
        (folder / f"{number:05d}.json").write_text(text)
    truth = read_benchmark("avatar", tmp_path)
    assert truth.ids[0] == "abcdefghijk_00010_00000" and truth.sounding.tolist() == [True, True, False, False]
    assert "1 frame has a broken annotation" in truth.warnings[0] and truth.unannotated == 1
    drawn = truth.pictures[0].drawn()
    assert drawn.sum() == 12 and drawn[1].tolist() == [False] + [True] * 5 + [False] * 2
    maps = np.zeros((4, 8, 8), np.float32)
    maps[0][drawn], maps[1][1], maps[2, 0, 0], maps[3] = 1, 1, 0.5, 0.1
    result = score("avloc-avatar", maps, truth, resamples=20)
    values = {name: metric.value for name, metric in result.metrics.items()}
    assert values["ciou"] == pytest.approx((1 + 5 / 15) / 2) and values["ciou_single"] == values["ciou"]
    assert values["tn_rate"] == 0.5 and result.counts["off_screen"] == {"true_negatives": 1, "false_positives": 1}
    assert "ciou_mixed" not in values, "no frame of that task"
    assert score("avsbench", maps, truth, resamples=0).counts["evaluated"] == 4


def test_rules_of_pixels_stand_beside_others_only_where_the_truth_has_pixels(is3):
    truth = read_benchmark("is3", is3)
    assert {"avsbench", "kaist"} <= {one.name for one in protocols_for(truth)}
    names = {one.name for one in protocols_for(read_benchmark("is3", is3 / "synthetic3240_bbox.json"))}
    assert not names & {"avsbench", "avss", "avloc-avatar", "vssl-eval"}
