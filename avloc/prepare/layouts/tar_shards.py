"""Lists a tar file without unpacking it: which members belong together, and where their bytes are.

Members are grouped as in webdataset: KEY.SUFFIX, where the key is everything before the first dot. Names are only used
as keys: nothing is written under them, links are not followed, and devices are skipped.
"""

import gzip
import tarfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc.files import regular
from avloc.naming import counted

ENDINGS = (".tar", ".tar.gz", ".tgz")
SMALL = 1 << 24  # bytes of a text member
LARGE = 1 << 32  # bytes of a picture, sound or video
HEADER = 1 << 20  # bytes of a name or another extended header
NAME = 255  # characters of a key
TEXTS = ("json", "cls", "txt")
Place = tuple[int, int]  # offset in the unpacked file, and number of bytes


@dataclass
class Sample:
    """Members of one key. parts: suffix in lower case -> position. texts: suffix -> content, of TEXTS. wrong: short
    reason if it is unusable, else empty.
    """

    key: str
    parts: dict[str, Place] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    wrong: str = ""


@dataclass
class Index:
    """samples: by key, in the order of the file. passed: members that belong to no sample, counted by reason. broken: why
    the file could not be read to its end, else empty."""

    samples: dict[str, Sample] = field(default_factory=dict)
    passed: Counter[str] = field(default_factory=Counter)
    broken: str = ""

    @property
    def read(self) -> str:
        return counted(len(self.samples), "sample", "samples")


class _Member(tarfile.TarInfo):
    """A header; remembers how the file ended, and refuses extended headers that would fill the memory."""

    @classmethod
    def fromtarfile(cls, tar: Any) -> Any:
        try:
            return super().fromtarfile(tar)
        except tarfile.TarError as error:
            tar.ended_by = error
            raise

    def _proc_member(self, tar: Any) -> Any:
        lengthy = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, *tarfile.GNU_TYPES[:2])
        if self.size < 0 or (self.type in lengthy and self.size > HEADER):
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]  # the documented place for such a check


def is_shard(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def read_index(path: Path) -> Index:
    """Reads the headers and the short texts once; damage ends the index and is described in `broken`.

    Of a plain file nothing else is read: a shard on a slow disk is listed without its pictures and sounds.
    """
    index = Index()
    try:
        with (
            open_shard(path) as content,
            tarfile.open(fileobj=content, mode=_mode(path), tarinfo=_Member, errors="surrogateescape") as tar,
        ):
            for member in tar:
                _add(index, tar, member)
                tar.members = []  # type: ignore[attr-defined]  # or every header would be kept in memory
            ended = getattr(tar, "ended_by", None)
            if not isinstance(ended, tarfile.EOFHeaderError):  # type: ignore[attr-defined]
                index.broken = f"no end of the archive after {index.read}: truncated or damaged"
            elif _more(tar):
                index.broken = f"more data after the end of the archive, which has {index.read}"
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        index.broken = f"after {index.read}: {str(error) or type(error).__name__}"[:200]
    return index


def is_plain(path: Path) -> bool:
    return path.suffix.lower() == ".tar"


def open_shard(path: Path) -> Any:
    """The unpacked bytes of a shard as a file; going back in a compressed one means reading it from its start."""
    # not tarfile's own gzip reader: it checks no CRC, and a file of three bytes is a TypeError in it
    return open(regular(path), "rb") if is_plain(path) else gzip.open(regular(path))


def _mode(path: Path) -> Any:
    return "r:" if is_plain(path) else "r|"


def _more(tar: Any) -> bool:
    """Whether anything but zeros follows the end, as in concatenated archives."""
    while chunk := tar.fileobj.read(1 << 16):
        if any(chunk):
            return True
    return False


def _add(index: Index, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    if member.isdir():
        return
    key, ending, why = _named(member)
    if why:
        index.passed[why] += 1
        return
    sample = index.samples.setdefault(key, Sample(key))
    if ending in sample.parts:
        sample.wrong = sample.wrong or f"two members of one name: {ending}"
        return
    sample.parts[ending] = member.offset_data, member.size
    if member.size > (SMALL if ending in TEXTS else LARGE):
        most = SMALL if ending in TEXTS else LARGE
        sample.wrong = f"member too large: {ending} of {member.size} bytes; at most {most} are read"
    elif ending in TEXTS:
        content = tar.extractfile(member)
        sample.texts[ending] = content.read() if content is not None else b""


def _named(member: tarfile.TarInfo) -> tuple[str, str, str]:
    """(key, suffix, why it is skipped)."""
    name = member.name.removeprefix("./")
    folder, slash, base = name.rpartition("/")
    stem, dot, ending = base.partition(".")
    if not member.isreg() or member.issparse():
        return "", "", "link, device or sparse file"
    if not stem or "__MACOSX" in folder.split("/"):
        return "", "", "hidden file"
    if not dot or not ending:
        return "", "", "name without ending"
    if len(name) > NAME or not name.isprintable():  # bytes that are not UTF-8 are surrogates, which cannot be printed
        return "", "", "name that is too long or not text"
    return f"{folder}{slash}{stem}", ending.lower(), ""
