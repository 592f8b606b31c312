import numpy as np
import pytest

from avloc.data.categories import CATEGORIES, read_mapping
from avloc.errors import DataError


def table(classes: int, categories: int) -> np.ndarray:
    return np.eye(categories)[np.arange(classes) % categories]


@pytest.mark.parametrize("turned", [False, True])
def test_arrays_are_read_whichever_way_they_lie(tmp_path, turned):
    values = table(20, 7)
    np.save(tmp_path / "m.npy", values.T if turned else values)
    found = read_mapping(tmp_path / "m.npy", 20, "it")
    assert found.categories == CATEGORIES and (found.table == values).all() and found.table.dtype == np.float32
    np.save(tmp_path / "m.npy", table(20, 3))
    assert read_mapping(tmp_path / "m.npy", 20, "it").categories == ("category 0", "category 1", "category 2")


def test_a_table_names_its_categories_and_a_class_may_have_several(tmp_path):
    (tmp_path / "m.csv").write_text(
        "class,category,name\n0,wind,flute\n1,strings,harp\n2,strings,violin\n2,bowed,violin\n"
    )
    found = read_mapping(tmp_path / "m.csv", 4, "it")
    assert found.categories == ("wind", "strings", "bowed")
    assert found.table.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0]]
    (tmp_path / "m.csv").write_text("class,category\n0,music\n1,animal\n")
    assert read_mapping(tmp_path / "m.csv", 2, "it").categories == ("animal", "music")  # the published order


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (table(19, 7), r"found \(19, 7\); expected \(20, categories\), for the tagger has 20 classes"),
        (np.zeros(20), r"found \(20,\); expected \(20, categories\)"),
        (table(20, 7) * 0.5, "0.5 in it; expected 0 and 1"),
        (np.where(table(20, 7) > 0, np.nan, 0), "nan in it; expected 0 and 1"),
        (table(20, 7) * (np.arange(7) != 4), "no class is of music"),
    ],
)
def test_arrays_that_are_none_are_one_line(tmp_path, values, message):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(DataError, match=message) as refused:
        read_mapping(tmp_path / "m.npy", 20, "the tagger")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,category\n", "no rows"),
        ("class,kind\n0,music\n", r"m.csv:2: no class or no category"),
        ("class,category\n20,music\n", r"m.csv:2: class '20'; expected a number from 0 to 19, as the tagger has"),
        ("class,category\nflute,music\n", "class 'flute'; expected a number"),
    ],
)
def test_tables_that_are_none_are_one_line(tmp_path, text, message):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_mapping(tmp_path / "m.csv", 20, "the tagger")


def test_what_is_no_file_is_one_line(tmp_path):
    (tmp_path / "broken.npy").write_text("no")
    for name in ("none.npy", "broken.npy", "none.csv"):
        with pytest.raises(DataError, match="cannot be read") as refused:
            read_mapping(tmp_path / name, 20, "it")
        assert "\n" not in str(refused.value)
