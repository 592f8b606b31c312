"""Pieces of HTML. Everything that comes from a file goes through `text`; pictures and sounds are embedded."""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import Image
from avloc.drawing.panels import Picture
from avloc.drawing.sound import sound_file, sound_picture


@dataclass(frozen=True)
class Chart:
    """The same chart for a light and a dark page, as PNG bytes, with a text alternative."""

    light: bytes
    dark: bytes
    alt: str


def text(value: object) -> str:
    """Text escaped for HTML, including quotation marks; control characters become blanks."""
    return html.escape("".join(mark if mark.isprintable() or mark == "\n" else " " for mark in str(value)), quote=True)


def data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def jpeg(image: Image, quality: int = 85) -> str:
    """A data URI."""
    _, content = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data_uri(content.tobytes(), "image/jpeg")


def image(uri: str, alt: str, width: int, height: int) -> str:
    return f'<img src="{uri}" alt="{text(alt)}" width="{width}" height="{height}">'


def picture(shown: Picture) -> str:
    height, width = shown.image.shape[:2]
    return (
        f'<figure class="cell">{image(jpeg(shown.image), shown.alt, width, height)}'
        f"<figcaption><b>{text(shown.title)}</b> {text(shown.caption)}</figcaption></figure>"
    )


def chart(shown: Chart) -> str:
    # a PNG has its size there; charts are drawn at twice the size at which they are shown
    width, height = (int.from_bytes(shown.light[at : at + 4], "big") // 2 for at in (16, 20))
    dark = f'<source srcset="{data_uri(shown.dark, "image/png")}" media="screen and (prefers-color-scheme: dark)">'
    light = image(data_uri(shown.light, "image/png"), shown.alt, width, height)
    return f'<figure class="chart"><picture>{dark}{light}</picture></figure>'


def player(waveform: NDArray[Any], rate: int, name: str) -> str:
    """A player of samples (S,); empty for a spectrogram (T, F), which cannot be played."""
    if waveform.ndim == 2:
        return ""
    label = text(f"Sound of {name}")
    uri = data_uri(*sound_file(waveform, rate))
    return f'<audio controls preload="none" aria-label="{label}" src="{uri}"></audio>'


def sound_figure(waveform: NDArray[Any], rate: int, name: str) -> str:
    """The picture of a clip's sound, with a description."""
    shown = sound_picture(waveform, rate, 320)
    height, width = shown.shape[:2]
    if waveform.ndim == 2:
        alt = f"Spectrogram of {name}"
        words = f"the stored spectrogram, {waveform.shape[0]} x {waveform.shape[1]}; there is no waveform to play"
    else:
        alt = f"Waveform and log-mel spectrogram of {name}"
        words = (
            f"{len(waveform) / rate:.3g} s: waveform, scaled to its peak; log-mel spectrogram, 0 to {rate / 2000:g} kHz"
        )
    return (
        f'<figure class="sound">{image(jpeg(shown, 75), alt, width, height)}'
        f"<figcaption><b>Sound</b> {words}</figcaption></figure>"
    )


def section(identity: str, heading: str, *content: str) -> str:
    inside = "\n".join(part for part in content if part)
    return f'<section id="{text(identity)}"><h2>{text(heading)}</h2>\n{inside}\n</section>'


def items(lines: Iterable[str]) -> str:
    """A list of plain texts; empty if there are none."""
    entries = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<ul>{entries}</ul>" if entries else ""


def paragraph(words: str, kind: str = "") -> str:
    return f'<p class="{kind}">{text(words)}</p>' if kind else f"<p>{text(words)}</p>"


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Cells are HTML already; the first one of a row is its heading. A wide table scrolls sideways."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    filled = [(first, "".join(f"<td>{cell}</td>" for cell in rest)) for first, *rest in rows]
    body = "\n".join(f'<tr><th scope="row">{first}</th>{rest}</tr>' for first, rest in filled)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(caption)}"><table class="{kind}">'
        f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
