"""Lists of ids, one file per split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from avloc.annotations.files import id_list
from avloc.annotations.pickles import NotPlain, plain_pickle
from avloc.annotations.vggsounder import is_sounder
from avloc.errors import DataError
from avloc.files import regular, why
from avloc.naming import first_double, shortened, some, utf8_name, words
from avloc.prepare.parts.items import Entry


def read_lists(lists: Sequence[str]) -> dict[str, tuple[Path, list[str]]]:
    """ "SPLIT=FILE" to the ids in each file: one per line, in the first column, or a pickled list."""
    found: dict[str, tuple[Path, list[str]]] = {}
    for text in words(lists):
        split, equals, file = text.partition("=")
        if not (split and equals and file) or split in found or "/" in split:
            raise DataError(f"lists {text!r}: expected SPLIT=FILE, each split once")
        found[split] = Path(file), _pickled_ids(Path(file)) if file.endswith(".pkl") else id_list(Path(file))
        if not found[split][1]:
            raise DataError(f"{file}: contains no id; expected one per line")
    return found


def list_names(lists: Mapping[str, tuple[Path, list[str]]]) -> str:
    """The file names as text; "" if there are none."""
    return some(utf8_name(file.name) for file, _ in lists.values())


def _pickled_ids(path: Path) -> list[str]:
    """A pickled list of ids, as in DSOL's AudioSet-instrument."""
    try:
        found = plain_pickle(regular(path).read_bytes())
    except NotPlain as error:
        raise DataError(f"{path}: {error}; write its ids into a text file, one per line") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({why(error)}); expected a pickled list of ids") from None
    if not isinstance(found, list):
        raise DataError(f"{path}: expected a list of ids; found {type(found).__name__}")
    strange = [name for name in found if not isinstance(name, str)]
    if strange:
        raise DataError(f"{path}: expected a list of ids, which are text; found {shortened(strange[0])} in it")
    double = first_double(found)
    if double is not None:
        raise DataError(f"{path}: duplicate id {double!r}; expected each id once")
    return found


def entries(path: Path, names: Sequence[str]) -> list[Entry]:
    if is_sounder(path):  # its lines are labels, not clips
        return [Entry(name, utf8_name(path.name)) for name in names]
    return [Entry(name, f"{utf8_name(path.name)}:{number}") for number, name in enumerate(names, 1)]
