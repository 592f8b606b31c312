"""Ground truths, predictions and results as people write them: merged COCO files, ids with slashes, two variants of a rule."""

import json
import logging

import h5py
import numpy as np
import pytest

import avloc
from avloc.annotations import read_benchmark, read_own_truth
from avloc.errors import ConfigError, DataError
from avloc.predicted_ids import of_pairs, under_ids_of
from avloc.predictions import Predictions, read_predictions, write_predictions
from avloc.protocols.units import units_of
from avloc.scoring import score
from avloc.scoring.stored import fingerprint_of_maps, fingerprints_of
from tests.commands import error_of
from tests.protocols.making import truth_of

HALF = [0.0, 0.0, 0.5, 1.0]
RNG = np.random.default_rng(0)


def written(path, value):
    path.write_text(json.dumps(value))
    return path


def own_truth(folder, clips=6, name="truth.json", **fields):
    rows = [{"id": f"c{n}", "boxes": [{"box": HALF, **fields}]} for n in range(clips)]
    return written(folder / name, {"clips": rows})


def test_a_box_without_a_class_is_scored_with_no_map_of_a_class(tmp_path):
    truth = truth_of([[HALF], [HALF]], [[0], [-1]], ("cat", "dog"))
    assert units_of(truth, "class").clip.tolist() == [0]
    maps = np.zeros((2, 2, 8, 8), np.float32)
    maps[:, 1, :, :4] = 1  # only the map of the last class is right
    found = score("avloc", maps, truth, classes=["cat", "dog"], resamples=0)
    assert len(found.per_clip) == 2
    assert found.counts["evaluated"] == 2
    assert "ciou" not in found.per_clip[1]
    assert any("1 box has no class" in warning for warning in found.warnings)


def test_a_box_has_the_class_of_its_clip(tmp_path):
    rows = [
        {
            "id": "a",
            "class": "cat",
            "boxes": [{"box": HALF}, {"box": HALF, "class": "dog"}, {"box": HALF, "sounding": False}],
        }
    ]
    truth = read_own_truth(written(tmp_path / "t.json", {"clips": rows}))
    assert [truth.classes[k] for k in truth.box_class] == ["cat", "dog"]
    assert truth.silent_class is None or truth.silent_class.tolist() == [-1]


@pytest.mark.parametrize("video", [None, "one"])
def test_a_clip_without_a_video_is_one_of_its_own(tmp_path, video):
    rows = [{"id": name, "video": video, "boxes": []} for name in "ab"]
    truth = read_own_truth(written(tmp_path / "t.json", {"clips": [*rows, {"id": "c", "boxes": [{"box": HALF}]}]}))
    assert truth.videos == (["a", "b", "c"] if video is None else ["one", "one", "c"])


def test_a_video_that_is_no_name_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"clip a: video \[1\]; expected text"):
        read_own_truth(written(tmp_path / "t.json", {"clips": [{"id": "a", "video": [1]}]}))


def test_merged_coco_files_with_equal_numbers_are_refused(tmp_path):
    images = [{"id": 1, "file_name": f"{name}.jpg", "width": 10, "height": 10} for name in "ab"]
    rows = [{"image_id": 1, "bbox": [0, 0, 5, 5]}] * 2
    with pytest.raises(DataError, match=r"t\.json: images: duplicate id 1; expected each id once"):
        read_own_truth(written(tmp_path / "t.json", {"images": images, "annotations": rows}))


def test_every_voc_file_below_a_folder_is_read_with_the_size_of_its_picture(tmp_path):
    text = (
        "<annotation><size><width>{}</width><height>10</height></size><object><name>x</name><bndbox><xmin>1</xmin>"
        "<ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></annotation>"
    )
    (tmp_path / "voc/sub").mkdir(parents=True)
    (tmp_path / "voc/a.xml").write_text(text.format(10))
    (tmp_path / "voc/sub/b.xml").write_text(text.format(20))
    truth = read_own_truth(tmp_path / "voc")
    assert truth.ids == ["a", "sub/b"]
    assert truth.picture_sizes.tolist() == [[10, 10], [20, 10]]


def test_ids_with_slashes_are_groups_of_an_hdf5_file(tmp_path):
    maps = RNG.random((3, 7, 7), np.float32)
    with h5py.File(tmp_path / "p.h5", "w") as file:
        for name, heat in zip(("v/0", "v/w/1", "2"), maps, strict=True):
            file[name] = heat
        file["again"] = file["v"]  # a second name of a group
    found = read_predictions(tmp_path / "p.h5")
    assert sorted(found.ids)[0] == "2"
    assert len(found.ids) == 3


def test_arrays_of_unknown_names_are_named(tmp_path, caplog):
    np.savez(tmp_path / "p.npz", ids=["a"], maps=np.zeros((1, 4, 4), np.float32), confidences=[1.0])
    with caplog.at_level(logging.WARNING):
        read_predictions(tmp_path / "p.npz")
    assert "1 array is not used: confidences; known are ids, maps, classes, confidence" in caplog.text


def test_maps_that_lack_a_class_are_told(caplog):
    truth = truth_of([[HALF], [HALF]], [[0], [1]], ("cat", "dog"))
    with caplog.at_level(logging.WARNING):
        score("avloc", RNG.random((2, 2, 4, 4), np.float32), truth, classes=["cat", "hund"], resamples=0)
    assert "1 class of the ground truth has no map: dog; the maps are of cat, hund" in caplog.text


@pytest.mark.parametrize("box", [[61, 61, 122, 122], [115, 0, 121, 224]])
def test_a_predicted_box_in_pixels_is_the_same_pixels(tmp_path, box):
    path = tmp_path / "p.csv"
    path.write_text("id,x1,y1,x2,y2,width,height\na," + ",".join(map(str, box)) + ",224,224\n")
    heat = read_predictions(path).maps[0, 0]
    assert [int(heat.any(axis).argmax()) for axis in (0, 1)] == box[:2]
    assert heat.sum() == (box[2] - box[0]) * (box[3] - box[1])


def test_a_clip_without_a_score_and_a_list_of_images_that_is_null(tmp_path):
    (tmp_path / "p.csv").write_text("id,x1,y1,x2,y2,score\na,0,0,0.5,1,0.5\nb,0,0,0.5,1,\n")
    assert read_predictions(tmp_path / "p.csv").confidence is None
    rows = [{"image_id": "a", "x1": 0, "y1": 0, "x2": 0.5, "y2": 1}]
    assert read_predictions(written(tmp_path / "p.json", {"images": None, "annotations": rows})).ids == ["a"]
    with pytest.raises(DataError, match=r"q\.json: images is 3; expected a list"):
        read_predictions(written(tmp_path / "q.json", {"images": 3, "annotations": rows}))


def test_mixed_clips_are_paired_beside_other_ids_and_with_one_partner_each(caplog):
    truth = truth_of([[HALF, HALF]], mixed=True)
    ids = ["clip0+x/0", "clip0+x/1", "other"]
    given = Predictions(ids, RNG.random((3, 1, 4, 4), np.float32), confidence=np.ones(3))
    with caplog.at_level(logging.WARNING):
        found = of_pairs(given, truth)
    assert found.ids == ["clip0"]
    assert found.maps.shape == (1, 2, 4, 4)
    assert "1 prediction is not of a mixed clip, such as other; left out" in caplog.text
    assert "not used for mixed clips: confidence (of single clips)" in caplog.text
    with pytest.raises(DataError, match=r"clip0\+x/0 and clip0\+y/0 are of one row"):
        of_pairs(Predictions(["clip0+x/0", "clip0+y/0"], given.maps[:2]), truth)


def test_pairs_that_the_list_does_not_have_are_named_and_match_no_clip(tmp_path, caplog):
    """Of three rows one is predicted as listed, one with another partner, one with both."""
    rows = [("a", "b"), ("b", "c"), ("c", "a")]
    (tmp_path / "vggsound_duet_test.csv").write_text("".join(f"{one},dog,{other},cat\n" for one, other in rows))
    boxes = [{"file": name, "class": "dog", "bbox": [[0, 0, 0.5, 1]]} for name in "abc"]
    (tmp_path / "vggss.json").write_text(json.dumps(boxes))
    truth = read_benchmark("vggsound-duet", tmp_path)
    assert truth.partner_ids == ["b", "c", "a"] and truth.take([2]).partner_ids == ["a"]
    pairs = ("a.mp4+x/b.mp4", "b+a", "c+b", "c+a")
    ids = [f"{pair}/{source}" for pair in pairs for source in (0, 1)]
    maps = RNG.random((8, 1, 4, 4), np.float32)
    given = of_pairs(Predictions(ids, maps), truth)
    assert "2 predicted pairs are not in the list, such as b+a; the list mixes b with c" in caplog.text
    assert given.ids == ["a.mp4", "b+a", "c+b", "c"] and (given.maps[3] == maps[6:, 0]).all()
    assert under_ids_of(given, truth, "p.h5", True, False).ids == ["a", "b+a", "c+b", "c"]
    assert "2 predictions match no clip of the ground truth: b+a, c+b" in caplog.text
    with pytest.raises(DataError, match="have no prediction"):
        under_ids_of(given, truth, "p.h5", True, True)
    np.savez(tmp_path / "p.npz", ids=ids[2:4], maps=maps[2:4])
    with pytest.raises(DataError) as error:
        avloc.evaluate_predictions(tmp_path / "p.npz", benchmark="vggsound-duet", annotations=tmp_path, resamples=0)
    assert "\n" not in str(error.value)


def test_instruments_mixed_by_a_list_have_their_partners_too(tmp_path):
    (tmp_path / "vgginstruments_multi_test.csv").write_text("s1,harp,s2,flute\ns2,flute,s1,harp\n")
    np.savez(tmp_path / "masks.npz", ids=["s1", "s2"], masks=np.ones((2, 4, 4), np.uint8))
    assert read_benchmark("vggsound-instruments-multi", tmp_path).partner_ids == ["s2", "s1"]


def _of(given):
    return fingerprints_of(given)["predictions"]


def test_a_fingerprint_is_of_all_that_scores_depend_on():
    maps, sure = RNG.random((3, 1, 4, 4), np.float32), np.array([0.1, 0.2, 0.3])
    one = Predictions(list("abc"), maps, confidence=sure)
    turned = Predictions(list("cba"), maps[::-1], confidence=sure[::-1])
    assert _of(one) == _of(turned)
    assert _of(one) != _of(Predictions(list("abc"), maps, confidence=sure[::-1].copy()))
    named = [_of(Predictions(list("abc"), maps, classes=(name,))) for name in "xy"]
    assert len({*named, _of(one)}) == 3


def test_a_result_of_an_earlier_version_is_added_to(tmp_path):
    ids, maps = ["c3", "c0", "c1", "c2", "c5", "c4"], RNG.random((6, 1, 4, 4), np.float32)
    write_predictions(tmp_path / "p.h5", ids, maps, confidence=np.ones(6))
    truth, out = own_truth(tmp_path), tmp_path / "out.json"
    call = {"truth": truth, "resamples": 0, "out": out}
    avloc.evaluate_predictions(tmp_path / "p.h5", metric=["ciou"], **call)
    stored = json.loads(out.read_text())
    stored["made_with"]["fingerprints"] = {"predictions": fingerprint_of_maps(ids, maps, by_id=False)}
    out.write_text(json.dumps(stored))
    avloc.evaluate_predictions(tmp_path / "p.h5", metric=["auc"], **call)
    assert list(json.loads(out.read_text())["metrics"]) == ["ciou", "auc"]


def test_results_of_other_clips_are_not_merged(tmp_path, caplog):
    write_predictions(tmp_path / "p.h5", [f"c{n}" for n in range(6)], RNG.random((6, 1, 4, 4), np.float32))
    truth, out = own_truth(tmp_path), tmp_path / "out.json"
    for number, metric in enumerate(("ciou", "auc")):
        (tmp_path / "ids.txt").write_text("".join(f"c{n}\n" for n in range(3 * number, 3 * number + 3)))
        with caplog.at_level(logging.WARNING):
            avloc.evaluate_predictions(
                tmp_path / "p.h5", truth=truth, ids=tmp_path / "ids.txt", metric=[metric], resamples=0, out=out
            )
    assert list(json.loads(out.read_text())["metrics"]) == ["auc"]
    assert "replaces the result of other heat maps, clips or another ground truth" in caplog.text


def test_ids_that_match_no_clip_are_told_and_refused_when_strict(tmp_path, caplog):
    write_predictions(tmp_path / "p.h5", [f"c{n}" for n in range(6)], RNG.random((6, 1, 4, 4), np.float32))
    truth, some = own_truth(tmp_path), tmp_path / "some.txt"
    some.write_text("c0\nc1\nmisspelt\n")
    for option in ("ids", "val_ids"):
        with pytest.raises(DataError, match=r"some\.txt: 1 .*; correct the list, or leave out --strict"):
            avloc.evaluate_predictions(
                tmp_path / "p.h5", truth=truth, protocol="acl", **{option: some}, strict=True, resamples=0
            )
    with caplog.at_level(logging.WARNING):
        avloc.evaluate_predictions(tmp_path / "p.h5", truth=truth, protocol="acl", val_ids=some, resamples=0)
    assert (
        "some.txt: 1 of its ids are of no clip of the ground truth; clips that they should name are scored"
        in caplog.text
    )


def test_variants_in_one_file_are_compared_by_their_whole_name(tmp_path):
    write_predictions(tmp_path / "p.h5", [f"c{n}" for n in range(6)], RNG.random((6, 1, 4, 4), np.float32))
    truth = own_truth(tmp_path)
    for axes in ({}, {"cut": "0.9"}):
        avloc.evaluate_predictions(
            tmp_path / "p.h5", truth=truth, protocol="ez-vsl", axes=axes, out=tmp_path / "r.json", resamples=0
        )
    r = tmp_path / "r.json"
    assert avloc.compare(r, r, protocol="ez-vsl", resamples=0).protocol == "ez-vsl"
    assert avloc.compare(r, r, protocol="ez-vsl cut=0.9", resamples=0).protocol == "ez-vsl cut=0.9"
    with pytest.raises(ConfigError, match=r"r\.json: holds ez-vsl, ez-vsl cut=0\.9; choose one with --protocol"):
        avloc.compare(r, r)
    found = avloc.compare(r, r, protocol="ez-vsl", metric=["ciou@0.2", "iou"], resamples=0)
    assert list(found.metrics) == ["ciou", "ciou@0.2"]
    with pytest.raises(ConfigError, match="--metric nope: not available per clip"):
        avloc.compare(r, r, protocol="ez-vsl", metric=["auc", "nope"])
    with pytest.raises(ConfigError, match="--metric nope: no result and no published figure has it"):
        avloc.leaderboard([r], metric=["auc", "nope"])


def test_options_that_contradict_are_refused(tmp_path):
    truth = own_truth(tmp_path)
    write_predictions(tmp_path / "p.h5", [f"c{n}" for n in range(6)], RNG.random((6, 1, 4, 4), np.float32))
    call = ("evaluate", "--predictions", tmp_path / "p.h5", "--truth", truth)
    assert "one of the two" in error_of(*call, "--annotations", tmp_path)
    assert "--axis cut=0.9: cut is given twice, first as 0.3" in error_of(
        *call, "--axis", "cut=0.3", "--axis", "cut=0.9"
    )
    assert "nowhere: no such file or folder; expected annotations" in error_of(
        "benchmarks", "--annotations", tmp_path / "nowhere"
    )
