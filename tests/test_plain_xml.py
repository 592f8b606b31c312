"""XML of somebody else's is read, or one line says what is wrong with it, wherever it is read."""

import pytest

from avloc.annotations import read_benchmark, read_own_truth
from avloc.errors import DataError
from avloc.plain_xml import xml_root
from avloc.prepare.composing.pictures import list_pictures
from tests.prepare.test_composing_layouts import make_voc

FLICKR = "flickr-soundnet"
WRONG = {
    "an unknown encoding": b"<?xml version='1.0' encoding='zz'?><a/>",
    "an encoding of several bytes": "<?xml version='1.0' encoding='utf-7'?><a/>".encode("utf-7"),
    "text": b"text",
    "nothing": b"",
    "an entity without end": b'<!DOCTYPE a [<!ENTITY b "&b;&b;">]><a>&b;</a>',
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_xml_is_one_line(tmp_path, what):
    path = tmp_path / "a.xml"
    path.write_bytes(WRONG[what])
    readers = {
        "x": xml_root,
        "own": lambda path, _: read_own_truth(path),
        "b": lambda path, _: read_benchmark(FLICKR, path.parent),
    }
    for name, read in readers.items():
        with pytest.raises(DataError, match=r"a\.xml: not ") as error:
            read(path, name)
        assert "\n" not in str(error.value)


def test_a_file_that_is_missing_is_not_called_damaged(tmp_path):
    with pytest.raises(DataError, match=r"gone\.xml: no such file; expected x"):
        xml_root(tmp_path / "gone.xml", "x")


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/passwd", "a" * 300, "a&#x2F;..&#x2F;..&#x2F;b.jpg"])
def test_a_picture_that_pascal_voc_names_elsewhere_is_not_read(tmp_path, name):
    root = make_voc(tmp_path / "voc", count=6)
    (tmp_path / "secret.jpg").write_bytes((root / "JPEGImages" / "000000.png").read_bytes())
    path = root / "Annotations" / "000000.xml"
    path.write_text(path.read_text().replace("000000.png", name))
    _, found = list_pictures(root)
    assert found.left_out == {"missing pictures": 1}
    assert not [
        one.file for own in found.by_name.values() for one in own if "secret" in one.file or "passwd" in one.file
    ]


@pytest.mark.parametrize("value", ["1e999", "nan", "-5", "x"])
def test_a_size_that_is_no_size_is_one_line(tmp_path, value):
    root = make_voc(tmp_path / "voc", count=6)
    path = root / "Annotations" / "000000.xml"
    path.write_text(path.read_text().replace("<width>100</width>", f"<width>{value}</width>"))
    with pytest.raises(DataError, match=r"000000\.xml: not a Pascal VOC annotation"):
        list_pictures(root)
