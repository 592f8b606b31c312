"""XML that others may have written: any problem is one error."""

import xml.etree.ElementTree as ET
from pathlib import Path

from avloc.errors import DataError
from avloc.files import refused, regular, system_error, why


def xml_root(path: Path, what: str) -> ET.Element:
    """The root element. what: "a Pascal VOC annotation". DataError for anything else, and if the file cannot be read."""
    try:
        return ET.parse(regular(path)).getroot()
    except (ET.ParseError, LookupError, ValueError, OSError, MemoryError) as error:  # LookupError: an unknown encoding
        if system_error(error) is not None or path.is_dir():
            raise DataError(refused(path, error, f"expected {what}")) from None
        raise DataError(f"{path}: not {what} ({why(error)})") from None
