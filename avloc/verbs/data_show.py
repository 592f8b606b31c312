"""`avloc data show`: a picture of one clip."""

import re
from dataclasses import dataclass
from pathlib import Path

from avloc.verbs.data_check import find_clip


@dataclass(frozen=True)
class Shown:
    """file: the picture. split: where the clip was found. labels: classes that sound. boxes: in all its frames."""

    file: Path
    split: str
    labels: tuple[str, ...]
    boxes: int


def data_show(store: Path, clip: str, split: str | None = None, out: Path | None = None) -> Shown:
    """Draw a clip's frames with their boxes, its waveform and its log-mel spectrogram to a PNG file.

    split: where to look, all of them where None. out: the file; CLIP.png in the current folder where None.
    """
    import numpy as np

    from avloc.drawing.panels import Picture, Row, panel
    from avloc.drawing.pictures import scaled, truth_colours, with_boxes
    from avloc.drawing.sound import sound_picture
    from avloc.files import replacing

    part, number = find_clip(store, clip, split)
    found, table = part.clip(number), part.boxes
    names = tuple(part.classes[label] for label in found.labels)
    pictures = []
    for pick, frame in enumerate(found.frames):
        mine = (table.clip == number) & (table.frame == pick)
        labels, sounding = table.label[mine], table.sounding[mine]
        tags = [part.classes[label] if label >= 0 else "" for label in labels]
        image = with_boxes(scaled(frame), table.xyxy[mine], truth_colours(labels, sounding), tags)
        words = f"{int(mine.sum())} boxes" if found.annotated[pick] else "not annotated"
        pictures.append(Picture(f"Frame {pick}", image, words, f"Frame {pick}"))
    loudest = int(np.abs(found.waveform.astype(np.int32)).max())
    heard = f"{len(found.waveform) / part.rate:.2f} s at {part.rate} Hz, loudest {loudest / 32767:.3f}"
    sound = Picture("Sound", sound_picture(found.waveform, part.rate), heard, "Waveform and log-mel spectrogram")
    title = f"{clip}: {', '.join(names) or 'no label'}"
    about = f"{part.split_name} of {store}, from {found.start:.2f} s of {found.video}"
    content = panel(title, [Row(about, pictures), Row("", [sound])])
    out = Path(out) if out is not None else Path(re.sub(r"[^\w.-]+", "_", clip).lstrip("-.") + ".png")
    with replacing(out) as temporary:
        temporary.write_bytes(content)
    return Shown(out, part.split_name or "", names, int((table.clip == number).sum()))
