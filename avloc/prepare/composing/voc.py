"""Objects of Pascal VOC: Annotations/ID.xml beside JPEGImages/ID.jpg."""

from pathlib import Path

from avloc.errors import DataError
from avloc.plain_xml import xml_root
from avloc.prepare.composing.boxes import add_object
from avloc.prepare.composing.sources import Found, natural
from avloc.prepare.parts.inside import inside

EXPECTED = "Pascal VOC, Annotations/ID.xml beside JPEGImages/ID.jpg"


def list_voc(path: Path, role: str) -> tuple[Path, Found]:
    """Objects by class; pixels count from 1 and the far corner is included. Missing pictures are counted."""
    found = Found()
    files = sorted((path / "Annotations").glob("*.xml"), key=lambda file: natural(file.name))
    if not files:
        raise DataError(f"{path}: no XML files in Annotations; expected {EXPECTED}")
    for file in files:
        if file.name.startswith("."):
            continue
        root = xml_root(file, "a Pascal VOC annotation")
        try:
            width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
            if width <= 0 or height <= 0:
                raise ValueError("no <size> with width and height")
            name = root.findtext("filename") or f"{file.stem}.jpg"
            pictures = path / "JPEGImages"
            named = [one for one in (name, f"{file.stem}.jpg") if inside(pictures, one) is not None]
            picture = next((one for one in named if (pictures / one).is_file()), None)
            if picture is None:
                found.leave_out("missing pictures")
                continue
            where = f"{role}:JPEGImages/{picture}"
            for item in root.iter("object"):
                x0, y0, x1, y1 = (float(item.findtext(f"bndbox/{c}") or "") for c in ("xmin", "ymin", "xmax", "ymax"))
                add_object(found, where, item.findtext("name") or "", (x0 - 1, y0 - 1, x1, y1), (width, height))
        except (ValueError, OverflowError) as error:
            raise DataError(f"{file}: not a Pascal VOC annotation ({error})") from None
    return path, found
