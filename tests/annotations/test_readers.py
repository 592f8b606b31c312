"""Annotation files in the layouts they were published in, and what is refused."""

import copy
import json
import pickle

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avloc.annotations import BENCHMARKS, read_benchmark, read_own_truth
from avloc.annotations.files import fractions_of_pixels
from avloc.annotations.pickles import read_plain_pickle
from avloc.errors import AvlocError, ConfigError, DataError
from avloc.verbs.benchmarks import benchmarks


def put(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


FLICKR_XML = """<annotations>
<annotator><bbox><label>x</label><a>0</a><b>64</b><c>128</c><d>256</d></bbox></annotator>
<annotator><bbox><label>x</label><a>64</a><b>64</b><c>192</c><d>256</d></bbox><comment/></annotator><nobody/></annotations>"""


def test_flickr_xml_pickle_and_json_are_the_same_truth(tmp_path):
    put(tmp_path / "xml" / "123.xml", FLICKR_XML)
    boxes = [[0, 64, 128, 256], [64, 64, 192, 256]]
    put(tmp_path / "flickr_boxes_256.json", {"123": boxes})
    entries = {
        0: {
            "visual": "./Dataset/Data/3/123.jpg",
            "audio": "x.wav",
            "anno": np.array(boxes).astype("<U3"),
            "roi": np.zeros((8, 4), "f4"),
        }
    }
    (tmp_path / "gtdata.pkl").write_bytes(pickle.dumps(entries, protocol=2))
    truths = [
        read_benchmark("flickr-soundnet", tmp_path / name) for name in ("xml", "flickr_boxes_256.json", "gtdata.pkl")
    ]
    for truth in truths:
        assert truth.ids == ["123"]
        assert truth.votes == 2
        assert (truth.boxes * 256 == boxes).all()
        assert truth.box_annotator.tolist() == [0, 1]


class Trap:
    def __reduce__(self):
        return print, ("this must never be run",)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({0: Trap()}),
        pickle.dumps(np.array([{}], dtype=object)),
        b"\x80\x04no pickle at all",
        pickle.dumps([1, 2])[:-3],
        b"cos\nsystem\n(S'true'\ntR.",
        b"cos\nsystem\n(S'two\\nlines'\ntR.",
        b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".",  # bytes that are announced and not there
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"c__builtin__\nbytes\n(I99999999999\ntR.",
    ],
)
def test_a_pickle_that_asks_for_more_than_values_is_refused(tmp_path, content, capsys):
    (tmp_path / "gtdata.pkl").write_bytes(content)
    with pytest.raises(
        DataError, match=r"refused, it contains|not a pickle, or a damaged one; expected plain"
    ) as error:
        read_plain_pickle(tmp_path / "gtdata.pkl")
    assert len(str(error.value).splitlines()) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_of_a_pickle_are_read(tmp_path, protocol):
    value = {"a": [1, 2.5, "text", None], "b": np.arange(6).reshape(2, 3), "c": (True, b"raw"), "d": np.float32(0.5)}
    value |= {"e": np.asfortranarray(np.eye(2, 3)), "f": np.array(["x", "yy"]), "g": np.zeros((0, 4), bool)}
    content = pickle.dumps(value, protocol=protocol)
    (tmp_path / "plain.pkl").write_bytes(content.replace(b"numpy._core", b"numpy.core") if protocol < 4 else content)
    found = read_plain_pickle(tmp_path / "plain.pkl")
    assert found["a"] == value["a"]
    assert found["c"] == [True, b"raw"]
    assert found["d"] == 0.5
    for name in "befg":
        assert (found[name] == value[name]).all() and found[name].shape == value[name].shape


def test_a_pickle_cannot_take_memory_by_naming_much(tmp_path):
    laughs = ["x"]
    for _ in range(40):
        laughs = [laughs] * 10
    within: list = []
    within.append(within)
    for content in (pickle.dumps(laughs), pickle.dumps(within), b"\x80\x02Nr\xff\xff\xff\x7f."):
        (tmp_path / "plain.pkl").write_bytes(content)
        read_plain_pickle(tmp_path / "plain.pkl")


def test_dsol_boxes_as_published_and_as_converted(tmp_path):
    key, box = "HnUOaSfTA6c_0_1000/frame_175/05257.jpg", [0.25, 0.5, 0.25, 0.25]
    entry = {"bbox": [{"box": [1, 2, 3, 4], "normbox": box, "category_id": 1}], "wdith": 608, "height": 360}
    published = put(tmp_path / "a" / "duettest.json", {key: entry})
    compact = put(tmp_path / "b" / "duettest_compact.json", {key: {"w": 608, "h": 360, "bbox": [[1, *box]]}})
    for path in (published, compact):
        truth = read_benchmark("dsol-duet", path)
        assert truth.boxes.tolist() == [[0.25, 0.5, 0.5, 0.75]]
        assert truth.xywh.tolist() == [box]
        assert truth.classes[truth.box_class[0]] == "cello"
        assert truth.videos == ["HnUOaSfTA6c_0_1000"]
    put(tmp_path / "b" / "duettest_compact.json", {key: {"bbox": [[2, *box]]}})
    with pytest.raises(DataError, match="category 2 is unknown"):
        read_benchmark("dsol-duet", compact)


def test_dsol_synthetic_boxes_are_arrays_without_pickles(tmp_path):
    (tmp_path / "box").mkdir()
    np.save(tmp_path / "box" / "s1.npy", np.array([[0, 0, 0.5, 0.5, 3], [0.5, 0.5, 0.5, 0.5, 12]]))
    truth = read_benchmark("dsol-synthetic", tmp_path)
    assert [truth.classes[label] for label in truth.box_class] == ["acoustic_guitar", "flute"]
    np.save(tmp_path / "box" / "s2.npy", np.array([None], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="not rows of x, y, w, h"):
        read_benchmark("dsol-synthetic", tmp_path)


def test_audioset_in_coco_layout_and_of_dsol(tmp_path):
    annotation = {"image_id": 13, "category_id": 1, "bbox": [0, 0, 0.5, 0.5], "id": 1}
    table = {"categories": [{"name": "Banjo"}, {"name": "Cello"}], "images": [{"id": 13}], "annotations": [annotation]}
    truth = read_benchmark("audioset-instrument", put(tmp_path / "normav.json", table))
    assert (truth.ids, truth.videos, truth.classes[truth.box_class[0]]) == (["13"], ["1"], "Cello")
    boxes = {"abc/3": {"bbox": [{"category": 3, "normbox": [0, 0, 1, 1]}]}}
    truth = read_benchmark("audioset-instrument", put(tmp_path / "audioset_box.json", boxes))
    assert (truth.ids, truth.classes[truth.box_class[0]]) == (["abc/3"], "Guitar")


def test_small_frames_as_published_and_as_converted(tmp_path):
    published = [{"image": "/far/away/dog_cat_7_dog.jpg", "audio": "x.wav", "gt_box": [29.0, 0.0, 224.0, 58.0]}]
    for rows in (published, [["dog_cat_7_dog.jpg", "x.wav", 29, 0, 224, 58]]):
        truth = read_benchmark("is3", put(tmp_path / "synthetic3240_bbox.json", rows))
        assert (truth.ids, truth.scenes, truth.classes) == (["dog_cat_7_dog"], ["dog_cat_7"], ("dog",))
        assert (truth.boxes[0] * 224).astype(int).tolist() == [29, 0, 224, 58]
    silent = read_benchmark("avsbench-s4", put(tmp_path / "s4_box.json", [["/x/dog/v/v_1.png", "v.wav", 0, 0, 0, 0]]))
    assert silent.ids == ["dog/v/v_1"]
    assert not silent.sounding.any()


def test_pixels_survive_the_way_through_fractions():
    pixels = np.tile(np.arange(1025)[:, None], (1, 4))
    for size in (224, 256, 640, 1024, 7, 49):
        fractions = fractions_of_pixels(pixels, size, size)
        assert ((fractions * size).astype(int) == pixels).all()


def test_masks_of_instruments(tmp_path):
    put(tmp_path / "vgginstruments_multi_test.csv", "sample0,flute,sample1,violin\n")
    np.savez(tmp_path / "masks.npz", ids=["sample0", "sample1"], masks=np.stack([np.eye(8), np.ones((8, 8))]))
    truth = read_benchmark("vggsound-instruments-multi", tmp_path)
    assert truth.masks.shape == (1, 2, 8, 8)
    np.savez(tmp_path / "masks.npz", ids=["sample0"], masks=np.ones((1, 8, 8)))
    with pytest.raises(DataError, match="no mask for sample1"):
        read_benchmark("vggsound-instruments-multi", tmp_path)
    np.savez(tmp_path / "masks.npz", ids=["sample0", "sample0"], masks=np.ones((2, 8, 8)))
    with pytest.raises(DataError, match="duplicate sample"):
        read_benchmark("vggsound-instruments-multi", tmp_path)
    np.savez(tmp_path / "masks.npz", ids=np.array([{}], dtype=object), masks=np.ones((1, 8, 8)))
    with pytest.raises(DataError, match="without pickles"):
        read_benchmark("vggsound-instruments-multi", tmp_path)


def test_pickled_masks_are_read_and_converted_without_being_run(tmp_path):
    put(tmp_path / "vgginstruments_test.csv", "".join(f"sample{n},flute\n" for n in range(5)))
    (tmp_path / "anno").mkdir()
    mask = np.zeros((88, 160), np.uint8)
    mask[:44, :80] = 255
    (tmp_path / "anno" / "sample0.pkl").write_bytes(pickle.dumps(mask, protocol=2))
    (tmp_path / "anno" / "sample1").write_bytes(pickle.dumps(mask > 0, protocol=5))
    np.save(tmp_path / "anno" / "sample2.npy", mask[::2, ::2].astype(float))
    np.savez(tmp_path / "anno" / "sample3.npz", mask=mask[None])
    cv2.imwrite(str(tmp_path / "anno" / "sample4.png"), mask)
    truth = read_benchmark("vggsound-instruments", tmp_path)
    assert truth.masks.shape == (5, 1, 224, 224)
    expected = np.zeros((224, 224), bool)
    expected[:112, :112] = True
    assert (truth.masks == expected).all()
    (listed,) = benchmarks("vggsound-instruments", tmp_path, tmp_path / "masks.npz")
    assert listed.clips == 5
    again = read_benchmark("vggsound-instruments", tmp_path)
    assert (again.masks == truth.masks).all()
    assert again.sha256 != truth.sha256, "the digest is of what was read"
    (tmp_path / "masks.npz").unlink()
    for content in (pickle.dumps(Trap()), pickle.dumps({"mask": mask}), pickle.dumps("mask")):
        (tmp_path / "anno" / "sample0.pkl").write_bytes(content)
        with pytest.raises(DataError, match=r"sample0\.pkl: (refused|expected a mask)"):
            read_benchmark("vggsound-instruments", tmp_path)
    with pytest.raises(ConfigError, match="needs --annotations DIR and the name of a benchmark"):
        benchmarks("vggss", tmp_path, tmp_path / "masks.npz")


def test_a_duet_keeps_the_boxes_of_its_partners_row(tmp_path):
    rows = [
        {"file": name * 11 + "_000001", "class": "x", "bbox": [[0, 0, n / 4, 1]]} for n, name in enumerate("abc", 1)
    ]
    put(tmp_path / "vggss.json", rows)
    ids = [row["file"] for row in rows]
    table = "".join(f"{ids[n]},x,{ids[(n + 1) % 3]},x\n" for n in range(3))
    truth = read_benchmark("vggsound-duet", put(tmp_path / "vggsound_duet_test.csv", table))
    assert truth.boxes[:, 2].reshape(3, 2).tolist() == [[0.25, 0.5], [0.5, 0.75], [0.75, 0.25]]
    assert truth.partners.boxes[:, 2].reshape(3, 2).tolist() == [[0.5, 0.75], [0.75, 0.25], [0.25, 0.5]]
    assert truth.take([2]).partners.boxes[:, 2].tolist() == [0.25, 0.5]
    alone = read_benchmark("vggsound-duet", put(tmp_path / "vggsound_duet_test.csv", f"{ids[0]},x,{ids[1]},x\n"))
    assert alone.partners is None, "the partner has no row"
    put(tmp_path / "vggsound_duet_test.csv", f"{ids[0]},x,{ids[1]},x\n{ids[0]},x,{ids[2]},x\n")
    with pytest.raises(DataError, match="a second partner"):
        read_benchmark("vggsound-duet", tmp_path)


def test_silent_clips_may_be_listed(tmp_path):
    put(tmp_path / "vggss.json", [{"file": "a" * 11 + "_000001", "class": "x", "bbox": [[0, 0, 1, 1]]}])
    put(tmp_path / "vggss_test_plus_silent.csv", "bbbbbbbbbbb_000001,ccccccccccc_000001,non-sounding\n")
    silent = "bbbbbbbbbbb_000001+ccccccccccc_000001"
    truth = read_benchmark("vggss-extended", tmp_path, put(tmp_path / "list.csv", f"{silent}\n{'a' * 11}_000001\n"))
    assert truth.ids[0] == silent
    assert truth.clip_class.tolist() == [-1, 0]
    assert truth.sounding.tolist() == [False, True]


OWN = {
    "name": "mine",
    "boxes": "xywh",
    "units": "pixels",
    "size": [200, 100],
    "clips": [
        {"id": "a", "video": "v", "boxes": [{"box": [20, 10, 60, 40], "class": "dog", "annotator": 2}]},
        {"id": "b", "boxes": []},
    ],
}


def test_truth_of_ones_own(tmp_path):
    truth = read_own_truth(put(tmp_path / "mine.json", OWN))
    assert (truth.name, truth.ids, truth.videos) == ("mine", ["a", "b"], ["v", "b"])
    assert truth.boxes[0] == pytest.approx([0.1, 0.1, 0.4, 0.5])
    assert truth.sounding.tolist() == [True, False]
    assert truth.box_annotator.tolist() == [2]


def test_truth_of_ones_own_says_what_is_silent_which_scene_a_clip_is_of_and_which_sound_it_has(tmp_path):
    cat, owl = {"box": [0.1, 0.1, 0.4, 0.5], "class": "cat"}, {"box": [0.5, 0.2, 0.9, 0.9], "class": "owl"}
    clips = [
        {"id": "s_cat", "scene": "s", "boxes": [cat, {**owl, "sounding": False}]},
        {"id": "s_owl", "scene": "s", "boxes": [{**cat, "sounding": False}, {**owl, "sounding": True}]},
        {"id": "rain", "sound": "ambient", "boxes": [{"box": [0, 0, 1, 1], "sounding": False}]},
    ]
    truth = read_own_truth(put(tmp_path / "mine.json", {"clips": clips}))
    assert truth.classes == ("cat", "owl") and truth.sounding.tolist() == [True, True, False]
    assert truth.scenes == ["s", "s", ""] and truth.sound == ["own", "own", "ambient"]
    assert truth.silent_clip.tolist() == [0, 1, 2] and truth.silent_boxes[1].tolist() == cat["box"]
    assert truth.box_clip.tolist() == [0, 1]
    part = truth.take([2, 0])
    assert part.silent_clip.tolist() == [0, 1] and part.silent_boxes[1].tolist() == owl["box"]
    assert part.scenes == ["", "s"]
    without = read_own_truth(put(tmp_path / "plain.json", {"clips": [{"id": "a", "boxes": [cat]}]}))
    assert without.silent_boxes is None and without.scenes is None and without.sound is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": "yxyx"}, "expected 'xyxy' or 'xywh'"),
        ({"units": "cm"}, "expected 'fraction' or 'pixels'"),
        ({"size": None}, "need 'size'"),
        ({"clips": []}, "'clips' is empty"),
        ({"clips": [{"name": "a"}]}, "the text 'id'"),
        ({"clips": [{"id": "a"}, {"id": "a"}]}, "duplicate id 'a'"),
        ({"clips": [{"id": "a", "boxes": [{"box": [1, 2, 3]}]}]}, "four numbers"),
        ({"clips": [{"id": "a", "boxes": [{"box": [10, 10, 0, 5]}]}]}, "have no area"),
        ({"clips": [{"id": "a", "boxes": [{"box": [150, 10, 100, 5]}]}]}, "extend beyond the frame"),
        ({"clips": [{"id": "a", "boxes": [{"box": [1e300, 10, 100, 5]}]}]}, "invalid coordinate"),
        ({"clips": [{"id": "a", "sound": "loud"}]}, "expected one of own, silence"),
        ({"clips": [{"id": "a", "scene": 3}]}, "clip a: scene 3; expected text"),
        (
            {"clips": [{"id": "a", "boxes": [{"box": [10, 10, 5, 5], "sounding": "no"}]}]},
            "sounding 'no'; expected true",
        ),
        ({"clips": [{"id": "a", "boxes": [{"box": [150, 10, 100, 5], "sounding": False}]}]}, "of silent objects"),
        ({"clips": [{"id": "a", "boxes": "none"}]}, "expected a list"),
        ({"clips": [{"id": "a", "boxes": [[10, 10, 5, 5]]}]}, "four numbers"),
        ({"clips": [{"id": "a", "boxes": [{"box": [10, 10, True, 5]}]}]}, "four numbers"),
        ({"clips": [{"id": "a", "boxes": [{"box": [10, 10, 5, 5], "source": "left"}]}]}, "expected whole numbers"),
        ({"clips": [{"id": "a", "class": 3, "boxes": []}]}, "has the class 3; expected text"),
        ({"votes": "two"}, "expected a whole number"),
        ({"clips": [{"id": "a", "boxes": [{"box": [10, 10, 5, 5], "source": True}]}]}, "expected whole numbers"),
        ({"size": [200, "x"]}, "need 'size'"),
        ({"size": [200, 1e30]}, "need 'size'"),
        ({"size": [0.2, 100]}, "need 'size'"),
    ],
)
def test_what_is_wrong_with_a_truth_is_said_in_one_line(tmp_path, change, message):
    with pytest.raises(AvlocError, match=message) as error:
        read_own_truth(put(tmp_path / "mine.json", OWN | change))
    assert len(str(error.value).splitlines()) == 1
    assert "mine" in str(error.value)


def test_coco_and_voc(tmp_path):
    coco = {
        "images": [
            {"id": 5, "file_name": "a/one.jpg", "width": 200, "height": 100},
            {"id": 6, "width": 9, "height": 9},
        ],
        "annotations": [{"image_id": 5, "bbox": [20, 10, 60, 40], "category_id": 1}],
        "categories": [{"id": 1, "name": "dog"}],
    }
    truth = read_own_truth(put(tmp_path / "coco.json", coco))
    assert (truth.ids, truth.classes, truth.sounding.tolist()) == (["one", "6"], ("dog",), [True, False])
    voc = """<annotation><size><width>200</width><height>100</height></size><object><name>dog</name>
    <bndbox><xmin>21</xmin><ymin>11</ymin><xmax>80</xmax><ymax>50</ymax></bndbox></object></annotation>"""
    put(tmp_path / "voc" / "one.xml", voc)
    same = read_own_truth(tmp_path / "voc")
    assert same.boxes == pytest.approx(truth.boxes)
    put(tmp_path / "voc" / "two.xml", "<annotation><size>")
    with pytest.raises(DataError, match=r"two\.xml: not a Pascal VOC"):
        read_own_truth(tmp_path / "voc")
    put(tmp_path / "voc" / "two.xml", voc.replace("<height>100<", "<height>inf<"))
    with pytest.raises(DataError, match="width and height in pixels"):
        read_own_truth(tmp_path / "voc")
    with pytest.raises(DataError, match="not listed"):
        read_own_truth(put(tmp_path / "coco.json", coco | {"images": []}))
    for side in (0, 0.1, 1e30, True, "9"):
        with pytest.raises(DataError, match="'width' and 'height' in pixels"):
            read_own_truth(put(tmp_path / "coco.json", coco | {"images": [{"id": 5, "width": 9, "height": side}]}))


def test_a_missing_file_is_named_with_what_was_found(tmp_path):
    put(tmp_path / "notes.txt", "x")
    with pytest.raises(DataError, match=r"expected vggss\.json .* found notes\.txt"):
        read_benchmark("vggss", tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_benchmark("vggss", tmp_path / "nowhere")
    with pytest.raises(DataError, match="not JSON"):
        read_benchmark("vggss", put(tmp_path / "vggss.json", "[1,"))
    with pytest.raises(DataError, match="entry 0 is not an object with file, class, bbox"):
        read_benchmark("vggss", put(tmp_path / "vggss.json", [{"file": "a"}]))
    with pytest.raises(ConfigError, match="did you mean 'vggss'"):
        read_benchmark("vgss", tmp_path)


def test_a_count_that_is_not_the_published_one_is_said(tmp_path):
    rows = [{"file": "a" * 11 + "_000001", "class": "dog", "bbox": [[0, 0, 1, 1]]}]
    truth = read_benchmark("vggss", put(tmp_path / "vggss.json", rows))
    assert "1 clip is annotated; the published VGG Sound Source has 5158" in truth.warnings[0]


LAYOUTS = {
    "vggss.json": ("vggss", [{"file": "a" * 11 + "_000001", "class": "x", "bbox": [[0.1, 0.2, 0.5, 0.9]]}]),
    "flickr_boxes_256.json": ("flickr-soundnet", {"1": [[0, 0, 128, 128], [1, 1, 200, 256]]}),
    "music_solo.json": ("music-solo", [{"file": "a" * 11 + "_0_0", "class": "flute", "bbox": [0.1, 0.1, 0.2, 0.2]}]),
    "solotest.json": ("dsol-solo", {"v/f/1.jpg": {"bbox": [{"normbox": [0.1, 0.1, 0.2, 0.2], "category_id": 1}]}}),
    "normav.json": (
        "audioset-instrument",
        {"categories": [{"name": "A"}], "images": [], "annotations": [{"image_id": 3, "category_id": 0, "bbox": [0, 0, 1, 1]}]},
    ),
    "audioset_box.json": ("audioset-instrument", {"v/3": {"bbox": [{"category": 3, "normbox": [0, 0, 1, 1]}]}}),
    "synthetic3240_bbox.json": ("is3", [{"image": "/x/a_b_1_a.jpg", "audio": "a.wav", "gt_box": [0, 0, 224, 100]}]),
    "mine.json": ("own", OWN),
    "coco.json": (
        "own",
        {
            "images": [{"id": 5, "file_name": "a/one.jpg", "width": 200, "height": 100}],
            "annotations": [{"image_id": 5, "bbox": [20, 10, 60, 40], "category_id": 1}],
            "categories": [{"id": 1, "name": "dog"}],
        },
    ),
}  # fmt: skip
JUNK = [None, "x", "", -1, 3, 1e300, 10**400, float("nan"), [], {}, [1, 2], ["a"], {"a": 1}, True]


def places(value, path=()):
    yield path
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in below:
        yield from places(item, (*path, key))


def changed(value, path, junk):
    """The value with junk at a path, or without what is there."""
    if not path:
        return junk
    value = copy.copy(value)
    if len(path) == 1 and junk is places:
        del value[path[0]]
    else:
        value[path[0]] = changed(value[path[0]], path[1:], junk)
    return value


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_file_with_anything_in_it_is_read_or_refused_in_one_line(tmp_path, data):
    file = data.draw(st.sampled_from(sorted(LAYOUTS)))
    name, layout = LAYOUTS[file]
    path = data.draw(st.sampled_from(list(places(layout))))
    value = changed(layout, path, data.draw(st.sampled_from([*JUNK, places] if path else JUNK)))
    put(tmp_path / file, json.dumps(value))
    try:
        read_own_truth(tmp_path / file) if name == "own" else read_benchmark(name, tmp_path / file)
    except AvlocError as error:
        assert len(str(error).splitlines()) == 1


def test_every_benchmark_is_described():
    names = (
        "vggss vggss-extended vggsound-single vggsound-duet vggsound-instruments vggsound-instruments-multi "
        "flickr-soundnet flickr-soundnet-extended music-solo music-duet dsol-solo dsol-duet dsol-synthetic "
        "audioset-instrument ave is3 vpo-ss vpo-ms avsbench-s4 avsbench-ms3 avss avatar"
    )
    assert set(BENCHMARKS) == set(names.split())
    assert all(one.title and one.needs and one.ids and one.origin for one in BENCHMARKS.values())


def test_a_clip_that_stands_twice_in_vgg_ss_is_an_error(tmp_path):
    rows = [{"file": "abcdefghijk_000000", "class": "dog", "bbox": [[0, 0, 1, 1]]}] * 2
    (tmp_path / "vggss.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match="duplicate clip 'abcdefghijk_000000'"):
        read_benchmark("vggss", tmp_path)


def test_a_file_nested_without_end_is_one_line(tmp_path):
    (tmp_path / "vggss.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="nested too deep"):
        read_benchmark("vggss", tmp_path)


def test_a_list_may_leave_out_the_endings_of_ids_and_begin_with_a_mark(tmp_path):
    boxes = {f"stem/frame_001/{number:05d}.jpg": {"bbox": [[1, 0.1, 0.1, 0.5, 0.5]]} for number in range(3)}
    (tmp_path / "solotest.json").write_text(json.dumps(boxes), encoding="utf-8-sig")
    (tmp_path / "ids.txt").write_text("\ufeffstem/frame_001/00002.jpg\r\nstem/frame_001/00000\r\n", encoding="utf-8")
    truth = read_benchmark("dsol-solo", tmp_path, ids=tmp_path / "ids.txt")
    assert truth.ids == ["stem/frame_001/00002.jpg", "stem/frame_001/00000.jpg"]
