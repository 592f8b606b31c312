"""JSON of others: nothing in it is lost without a word, and any problem is one line."""

import json

import pytest

from avloc.errors import AvlocError, DataError
from avloc.files import read_json
from avloc.plain_json import NotJson, plain_json
from avloc.predictions import read_predictions


@pytest.mark.parametrize(
    "text", ['{"a": [1, 2.5, null, "é"], "b": {}}', "[NaN, -Infinity]", "1" + "0" * 307, '"' + "9" * 400 + '"']
)
def test_json_is_read_as_python_reads_it(text):
    assert repr(plain_json(text)) == repr(json.loads(text))


def test_a_key_given_twice_is_refused_unless_it_says_the_same(tmp_path):
    file = tmp_path / "boxes.json"
    file.write_text('{"123": [[0, 0, 9, 9]], "456": [], "123": [[5, 5, 7, 7]]}')
    with pytest.raises(
        AvlocError, match=r"boxes\.json: unreadable JSON \(the key '123' is given twice, with different values\)$"
    ):
        read_json(file)
    assert plain_json('{"a": [1], "a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("digits", [309, 400, 5000])
def test_a_number_that_no_float_holds_is_refused(digits, tmp_path):
    with pytest.raises(NotJson, match=f"a whole number of {digits} digits"):
        plain_json("[" + "1" * digits + "]")
    file = tmp_path / "boxes.json"
    file.write_text(f'[{{"image_id": "a", "bbox": [1, 2, 3, {"1" * digits}]}}]')
    with pytest.raises(DataError, match="a whole number of"):
        read_predictions(file)


def test_what_is_not_json_is_told_with_its_line():
    with pytest.raises(NotJson) as found:
        plain_json("[1,\n2,\n]")
    assert found.value.line in (2, 3)  # newer Pythons point to the comma
    with pytest.raises(NotJson, match="nested too deep"):
        plain_json("[" * 100_000)
