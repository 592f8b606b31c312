"""An overlay as the page shows it: the clip's frame once, a heat map as a small picture above it, boxes as lines.

The heat map is a separate layer, so that its opacity can be changed and it needs only 1 to 4 kB.
"""

import io

import numpy as np
from PIL import Image as Png

from avloc.drawing.colours import OTHER, SOUNDING, Image, css, heat_colours
from avloc.drawing.markup import data_uri, jpeg, text
from avloc.drawing.moments import Moment
from avloc.drawing.overlays import Overlay, tags
from avloc.drawing.pictures import scaled, truth_colours, unit_map

# px of a layer, for maps up to 32 cells wide and for larger ones; the browser interpolates
SMALL, LARGE = 64, 160
UNITS = 256  # of the drawing of the boxes


def frame_property(frame: Image) -> str:
    """The frame as a CSS property of a clip; all pictures of the clip use the same one."""
    return f"--frame:url({jpeg(scaled(frame))})"


def layered(moment: Moment, overlay: Overlay, title: str = "") -> str:
    """A figure; `title` replaces the overlay's own."""
    words = f"<figcaption><b>{text(title or overlay.title)}</b> {text(overlay.caption)}</figcaption>"
    boxes = _boxes(moment, overlay)
    if overlay.heats is None:
        stack = f'<div class="stack" role="img" aria-label="{text(overlay.alt)}">{boxes}</div>'
    else:
        size = SMALL if max(overlay.heats.shape[1:]) <= 32 else LARGE
        uri = data_uri(hue_layer(overlay, size) if overlay.hues else heat_layer(overlay, size), "image/png")
        heat = f'<img class="heat" src="{uri}" alt="{text(overlay.alt)}" width="{size}" height="{size}">'
        stack = f'<div class="stack over">{heat}{boxes}</div>'
    return f'<figure class="cell">{stack}{words}</figure>'


def heat_layer(overlay: Overlay, size: int) -> bytes:
    """PNG of a map in heat colours, more opaque where it is high: at 75 % opacity it looks as in the figures."""
    assert overlay.heats is not None
    # 128 levels: one sixth smaller
    levels = np.rint(unit_map(overlay.heats[0], overlay.limits, size) * 127).astype(np.uint8)
    ramp = np.arange(128) / 127
    picture = Png.fromarray(levels)
    picture.putpalette(heat_colours(ramp[None])[0].tobytes())
    alpha = np.rint(255 * (0.5 + 0.25 * ramp) / 0.75).astype(np.uint8).tobytes()
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=alpha, optimize=True)
    return file.getvalue()


def hue_layer(overlay: Overlay, size: int) -> bytes:
    """PNG of the maps of all classes, each position in the hue of its loudest class: `class_picture` without the frame."""
    assert overlay.heats is not None
    values = np.stack([unit_map(heat, overlay.limits, size) for heat in overlay.heats])
    strength = 0.85 * values.max(0)
    hues = np.asarray(overlay.hues, np.float64)[values.argmax(0)]
    alpha = 1 - 0.75 * (1 - strength)
    colours = hues * (strength / alpha)[..., None]
    opacity = np.clip(alpha / 0.75, 0, 1) * 255
    layer = np.rint(np.concatenate([colours, opacity[..., None]], axis=2)).astype(np.uint8)
    file = io.BytesIO()
    Png.fromarray(layer).save(file, "PNG", optimize=True)
    return file.getvalue()


def _boxes(moment: Moment, overlay: Overlay) -> str:
    if not overlay.objects:
        return ""
    kept = list(overlay.objects)
    colours = truth_colours(moment.labels[kept], moment.sounding[kept])
    names = tags(moment, overlay) if overlay.tagged else [""] * len(kept)
    lines, words = [], []
    # green is drawn last
    for number in sorted(range(len(kept)), key=lambda n: colours[n] == SOUNDING):
        left, top, right, bottom = (np.clip(moment.boxes[kept[number]], 0, 1) * UNITS).round(1).tolist()
        kind = {SOUNDING: "sounding", OTHER: "other"}.get(colours[number], "silent")
        place = f'x="{left:g}" y="{top:g}" width="{max(right - left, 1):g}" height="{max(bottom - top, 1):g}"'
        lines.append(f'<rect class="casing" {place}/><rect class="{kind}" {place}/>')
        if names[number]:
            at = f'x="{left + 5:g}" y="{min(top + 16, UNITS - 4):g}" fill="{css((255, 255, 255))}"'
            words.append(f"<text {at}>{text(names[number])}</text>")
    return f'<svg viewBox="0 0 {UNITS} {UNITS}" aria-hidden="true">{"".join(lines + words)}</svg>'
