"""Tables of text, whatever program wrote them."""

import pytest

from avloc.annotations.files import id_list
from avloc.errors import DataError
from avloc.tables import CLASSES, IDS, Table, is_header, read_table


def table(path, content, columns=2) -> Table:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, columns)


@pytest.mark.parametrize(
    "content",
    [
        "id,class\na,dog\nb,cat\n",
        "\ufeffid,class\r\na,dog\r\nb,cat\r\n",
        "a,dog\rb,cat",
        "\ufeffa,dog\nb,cat",
        "\r\n\r\nid,class\r\n\r\na,dog\r\n\r\nb,cat",
        "ID;Class\r\na;dog\r\nb;cat\r\n",
        "video_id\tlabel\na\tdog\nb\tcat\n",
        '"id","class"\n"a","dog"\n"b","cat"\n',
        "\ufeffid,class\na,dog\nb,cat\n".encode("utf-16-le"),
        "# YouTube ID,class\na,dog\nb,cat\n",
    ],
)
def test_marks_line_ends_quotes_and_headers_of_any_program(tmp_path, content):
    assert [row for _, row in table(tmp_path / "t.csv", content).rows] == [["a", "dog"], ["b", "cat"]]


def test_quotes_hold_commas_line_ends_and_quotes(tmp_path):
    found = table(tmp_path / "t.csv", 'a,"violin, fiddle"\nb,"two\nlines"\nc,"say ""hey"""\nd,5" nail\n')
    rows = [(1, ["a", "violin, fiddle"]), (2, ["b", "two\nlines"]), (4, ["c", 'say "hey"']), (5, ["d", '5" nail'])]
    assert found.rows == rows


def test_a_header_names_the_columns(tmp_path):
    found = table(tmp_path / "t.csv", "label,start,video_id\ndog,3,a\n")
    assert (found.column(IDS, 0), found.column(CLASSES, 1)) == (2, 0) and found.rows == [(2, ["dog", "3", "a"])]
    plain = table(tmp_path / "p.csv", "a,dog\n")
    assert (plain.column(IDS, 0), plain.column(CLASSES, 1)) == (0, 1)


@pytest.mark.parametrize(
    ("row", "header"),
    [
        (["id"], True),
        (["name"], True),
        (["video", "audio", "label"], True),
        (["video_id", "label", "modality", "background_music", "static_image", "voice_over"], True),
        (["image", "audio", "mask", "offset"], True),
        (["zpWuikVorYg_000032", "elk_bugling", "Rtg1SUrxOPY_000130", "people_coughing"], False),
        (["--0PQM4-hqg", "30", "waterfall burbling", "train"], False),
        (["video", "dog"], False),
        (["0001"], False),
        (["10000130166", "202"], False),
    ],
)
def test_a_first_row_is_a_header_if_it_names_columns(row, header):
    assert is_header(row) is header


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,dog\nb\n", r"t.csv:2: found 'b'; expected a table"),
        ('a,dog\nb,"cat\nc,cow\n', r"t.csv:2: a quote is never closed"),
        ("a," + "x" * 140_000, r"t.csv:1: cannot be read \(field larger than field limit"),
        (b"a,caf\xe9\n", r"t.csv:1: not UTF-8; save it as CSV UTF-8"),
        (b"\xff\xfea", r"t.csv: cannot be read \(.*utf-16"),
    ],
)
def test_what_is_no_table_is_one_short_line(tmp_path, content, expected):
    with pytest.raises(DataError, match=expected) as refused:
        table(tmp_path / "t.csv", content)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_lists_of_ids(tmp_path):
    def ids(content) -> list[str]:
        (tmp_path / "l.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return id_list(tmp_path / "l.csv")

    assert ids("\ufeffid\r\na.mp4\r\nb.OPUS\r\n") == ["a", "b"]
    assert ids("split,video_id\ntrain,a\ntest,b\n") == ["a", "b"]
    assert ids("a\nname\nvideo\n") == ["a", "name", "video"]  # only the first line can be a header
    assert ids("a.flac a.mp4\nb,202\n") == ["a", "b"]
    assert ids(b"caf\xe9.mp4\ngood.mp4\n") == ["caf%E9", "good"]  # as `ls` writes the name of such a file
    with pytest.raises(DataError, match=r"l.csv:2: no id in ',x'"):
        ids("a\n,x\n")
    with pytest.raises(DataError, match="empty; expected one id per line"):
        ids("id\n")
