"""Annotation files in the layouts they were published in, and what is refused."""

import json
import pickle

import numpy as np
import pytest

from avloc.annotations import BENCHMARKS, read_benchmark, read_own_truth
from avloc.annotations.files import fractions_of_pixels
from avloc.annotations.pickles import read_plain_pickle
from avloc.errors import AvlocError, ConfigError, DataError


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
    ],
)
def test_a_pickle_that_asks_for_more_than_values_is_refused(tmp_path, content, capsys):
    (tmp_path / "gtdata.pkl").write_bytes(content)
    with pytest.raises(DataError, match="refused"):
        read_plain_pickle(tmp_path / "gtdata.pkl")
    assert capsys.readouterr().out == ""


def test_plain_values_of_a_pickle_are_read(tmp_path):
    value = {"a": [1, 2.5, "text", None], "b": np.arange(6).reshape(2, 3), "c": (True, b"raw")}
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(value, protocol=4))
    found = read_plain_pickle(tmp_path / "plain.pkl")
    assert found["a"] == value["a"]
    assert (found["b"] == value["b"]).all()


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": "yxyx"}, "expected 'xyxy' or 'xywh'"),
        ({"units": "cm"}, "expected 'fraction' or 'pixels'"),
        ({"size": None}, "need 'size'"),
        ({"clips": []}, "'clips' is empty"),
        ({"clips": [{"name": "a"}]}, "the text 'id'"),
        ({"clips": [{"id": "a"}, {"id": "a"}]}, "id 'a' stands there twice"),
        ({"clips": [{"id": "a", "boxes": [{"box": [1, 2, 3]}]}]}, "four numbers"),
        ({"clips": [{"id": "a", "boxes": [{"box": [10, 10, 0, 5]}]}]}, "have no area"),
        ({"clips": [{"id": "a", "boxes": [{"box": [150, 10, 100, 5]}]}]}, "reach beyond the frame"),
        ({"clips": [{"id": "a", "boxes": [{"box": [1e300, 10, 100, 5]}]}]}, "broken coordinate"),
        ({"clips": [{"id": "a", "sound": "loud"}]}, "expected one of own, silence"),
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
    with pytest.raises(DataError, match="not listed"):
        read_own_truth(put(tmp_path / "coco.json", coco | {"images": []}))


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
    assert "1 clips are annotated; the published VGG Sound Source has 5158" in truth.warnings[0]


def test_every_benchmark_is_described():
    names = (
        "vggss vggss-extended vggsound-single vggsound-duet vggsound-instruments vggsound-instruments-multi "
        "flickr-soundnet flickr-soundnet-extended music-solo music-duet dsol-solo dsol-duet dsol-synthetic "
        "audioset-instrument ave is3 vpo-ss vpo-ms avsbench-s4 avsbench-ms3"
    )
    assert set(BENCHMARKS) == set(names.split())
    assert all(one.title and one.needs and one.ids and one.origin for one in BENCHMARKS.values())
