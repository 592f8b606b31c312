"""Tables with named columns, a row at a time, as the data sets of pictures and sounds bring them."""

import csv
from collections.abc import Iterator
from pathlib import Path

from avloc.errors import DataError
from avloc.files import why


def named_rows(file: Path, *needed: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, value by column) of each row; DataError where a column is missing, or a row is too short for one."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            found = [(name or "").strip() for name in reader.fieldnames or ()]
            missing = [name for name in needed if name not in found]
            if missing:
                listed = ",".join(found) or "none"
                raise DataError(f"{file}: no column {missing[0]} among {listed}; expected {','.join(needed)}")
            reader.fieldnames = found
            for row in reader:
                if any(row[name] is None for name in needed):
                    raise DataError(f"{file}:{reader.line_num}: too few columns; expected {','.join(needed)}")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read ({why(error)}); expected {','.join(needed)}") from None
