"""Which files lie under a folder."""

import os

import pytest

from avloc import walking
from avloc.errors import DataError
from avloc.walking import files_in, listed, visible, walk


def put(root, *names) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def under(root, **how) -> list[str]:
    return [os.path.join(folder, name) for folder, names in walk(root, **how) for name in names]


SYSTEM = (
    "._a.mp4", ".DS_Store", ".hidden/a.mp4", "__MACOSX/._a.mp4", "__MACOSX/a.mp4", "Thumbs.db", "THUMBS.DB", "desktop.ini",
    "Desktop.ini", "@eaDir/a.mp4", "$RECYCLE.BIN/a.mp4", "lost+found/a.mp4", "System Volume Information/a.mp4",
)  # fmt: skip


def test_what_systems_leave_behind_is_not_there(tmp_path):
    put(tmp_path, "a.mp4", "b/c.mp4", *SYSTEM)
    assert under(tmp_path) == ["a.mp4", "b/c.mp4"] and listed(tmp_path) == ["a.mp4", "b"]
    assert not any(visible(name.split("/")[0]) for name in SYSTEM) and visible("a.mp4") and visible("-_x.mp4")
    assert [path.name for path in files_in(tmp_path, ".mp4", deep=True)] == ["a.mp4", "c.mp4"]
    assert [path.name for path in files_in(tmp_path, ".MP4".lower())] == ["a.mp4"]


def test_folders_come_in_the_order_of_their_paths(tmp_path):
    put(tmp_path, "z", "b/2", "b/1", "b/a/3", "a/9", "skipped/1")
    assert under(tmp_path, skip={"skipped"}) == ["z", "a/9", "b/1", "b/2", "b/a/3"]


def test_links_are_followed_and_each_folder_counts_once(tmp_path):
    put(tmp_path / "far", "x.mp4", "deep/y.mp4")
    put(tmp_path / "root", "real/a.mp4")
    for name, target in (
        ("root/a_link", tmp_path / "root" / "real"),  # comes first by name, but the folder itself is here
        ("root/loop", tmp_path / "root"),
        ("root/mount", tmp_path / "far"),
        ("root/mount2", tmp_path / "far"),
        ("root/nothing", tmp_path / "gone"),
        ("root/itself", tmp_path / "root" / "itself"),
        ("far/back", tmp_path / "root"),
    ):
        os.symlink(target, tmp_path / name)
    assert under(tmp_path / "root") == ["itself", "nothing", "mount/x.mp4", "mount/deep/y.mp4", "real/a.mp4"]


def test_a_folder_that_cannot_be_read_is_told(tmp_path, caplog, monkeypatch):
    put(tmp_path, "a.mp4", "shut/b.mp4")
    read = walking._entries

    def refusing(folder, skip):
        if folder.endswith("shut"):  # root could read it, whatever its permissions
            raise PermissionError(13, "Permission denied")
        return read(folder, skip)

    monkeypatch.setattr(walking, "_entries", refusing)
    assert under(tmp_path) == ["a.mp4"]
    assert "1 folder cannot be read and is skipped: shut (Permission denied)" in caplog.text


def test_a_root_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"nothing: cannot be read \(No such file"):
        under(tmp_path / "nothing")
    assert listed(tmp_path / "nothing") == []
