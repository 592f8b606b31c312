"""The report: one HTML page that needs nothing but itself."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.drawing import markup
from avloc.drawing.colours import class_colours, css
from avloc.drawing.markup import Chart, text
from avloc.drawing.moments import Moment, class_pictures, pictures
from avloc.drawing.panels import Picture
from avloc.drawing.results import meanings, results_chart, results_table
from avloc.drawing.sets import heading
from avloc.drawing.sound import sound_picture
from avloc.drawing.style import CSS

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
WHAT = (
    "A method was shown frames of videos together with their sound, and asked where in the picture the sound comes "
    "from. Its answer is a heat map. Here are the numbers of this run beside those of rules that cannot hear, the heat "
    "maps of some clips with their sound (the best, the median and the worst by score, and others drawn at random), "
    "how the training went, which objects were found without being told their names, and with what settings."
)


@dataclass(frozen=True)
class ShownSet:
    """A test set. about: where its clips come from. shown: its chosen frames, none where only numbers are there."""

    name: str
    about: str
    shown: Sequence[Moment]
    result: Mapping[str, Any] | None


@dataclass
class Page:
    """What the report says. deviations: (key, value here, the method's default). clusters: a strip of frames each.

    left_out: what the run does not hold, a line each. commands: how to run it again.
    """

    run: str
    method: str
    sets: list[ShownSet]
    training: list[Chart] = field(default_factory=list)
    matrix: Chart | None = None
    matched: str = ""
    clusters: list[Picture] = field(default_factory=list)
    config: str = ""
    deviations: list[tuple[str, str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)

    def html(self) -> str:
        title = f"{self.method} in {self.run}"
        sections = {
            "results": ("Results", self._results()),
            "clips": ("Clips", self._clips()),
            "training": ("Training", self._training()),
            "clusters": ("Clusters", self._clusters()),
            "settings": ("Settings", self._settings()),
            "warnings": ("Warnings", markup.items(self.warnings) or markup.paragraph("None.")),
            "again": ("Run it again", self._again()),
        }
        links = "".join(f'<li><a href="#{key}">{heading}</a></li>' for key, (heading, _) in sections.items())
        body = "\n".join(markup.section(key, heading, content) for key, (heading, content) in sections.items())
        left_out = f'<div class="notes"><b>Left out</b>{markup.items(self.left_out)}</div>' if self.left_out else ""
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{text(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
            f"<header><h1>{text(title)}</h1>{markup.paragraph(WHAT)}"
            f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n'
            f"<main>\n{left_out}\n{body}\n</main>\n</body>\n</html>\n"
        )

    def _results(self) -> str:
        parts = []
        metrics: dict[str, None] = {}
        for shown in self.sets:
            if shown.result is None:
                continue
            metrics |= dict.fromkeys(shown.result.get("metrics", {}))
            figure = results_chart(shown.name, shown.result)
            parts.append(f"<h3>{text(shown.name)}</h3>{markup.paragraph(shown.about, 'faint')}")
            parts.append(f'<div class="charts">{markup.chart(figure)}</div>' if figure else "")
            parts.append(results_table(f"{shown.name} (95 % interval)", shown.result))
        if not parts:
            return markup.paragraph("There are no results.")
        how = (
            "Intervals are 95 % bootstrap intervals that draw whole videos. Below each comparison stands how much "
            "higher the model is on the same frames: ▲ and ▼ mark differences whose interval leaves out zero, ≈ those "
            "that this test set cannot tell apart. Rows called a mask score a fixed shape and have no interval."
        )
        return "".join(parts) + markup.paragraph(how, "faint") + markup.items(meanings(list(metrics)))

    def _clips(self) -> str:
        key = (
            '<ul class="key"><li><i class="sounding"></i>sounding object (whole line)</li>'
            '<li><i class="silent"></i>silent object (dashed)</li>'
            '<li><i class="other"></i>object of no class (dotted)</li>'
            '<li><i class="heat"></i>heat map, low to high</li></ul>'
        )
        how = (
            "Colours run from the lowest to the highest value of each picture, said below it, so a weak map looks as "
            "strong as a sure one; the maps of single classes share one scale for each clip."
        )
        parts = [key, markup.paragraph(how, "faint")]
        for shown in self.sets:
            if shown.shown:
                parts.append(f"<h3>{text(shown.name)}</h3>{markup.paragraph(shown.about, 'faint')}")
                if shown.shown[0].assignment is not None:
                    parts.append(_hues(shown.shown[0].classes))
                parts += [_clip(shown.name, moment) for moment in shown.shown]
        return "\n".join(parts)

    def _training(self) -> str:
        charts = "".join(map(markup.chart, self.training))
        return f'<div class="charts">{charts}</div>' if charts else _nothing("training log")

    def _clusters(self) -> str:
        strips = "".join(f'<div class="strip">{markup.picture(strip)}</div>' for strip in self.clusters)
        parts = [markup.paragraph(self.matched) if self.matched else ""]
        parts.append(f'<div class="charts">{markup.chart(self.matrix)}</div>' if self.matrix else "")
        parts.append(f'<div class="strips">{strips}</div>' if strips else "")
        return "".join(parts) or _nothing("clustering")

    def _settings(self) -> str:
        names = [f"<code>{text(key).replace('.', '.<wbr>')}</code>" for key, _, _ in self.deviations]
        rows = [[name, text(here), text(usual)] for name, (_, here, usual) in zip(names, self.deviations, strict=True)]
        told = "What differs here from the method's defaults. Its documentation says which of them are as published."
        listed = markup.table("Settings of the method", ["Setting", "Here", "Default"], rows, "plain")
        dump = f"<details><summary>The whole config.yaml</summary><pre>{text(self.config)}</pre></details>"
        return markup.paragraph(told) + (listed if rows else markup.paragraph("Nothing.")) + dump

    def _again(self) -> str:
        told = "In a new folder, from the configuration of this run, on the same prepared stores:"
        lines = "\n".join(shlex.join(command) for command in self.commands)
        return f"{markup.paragraph(told)}<pre>{text(lines)}</pre>"


def _nothing(what: str) -> str:
    return markup.paragraph(f"This run holds no {what}.")


def _hues(classes: Sequence[str]) -> str:
    found = zip(classes, class_colours(len(classes)), strict=True)
    entries = "".join(f'<li><i style="background:{css(colour)}"></i>{text(name)}</li>' for name, colour in found)
    return f'<ul class="key" aria-label="Hue of each class">{entries}</ul>'


def _clip(name: str, moment: Moment) -> str:
    player = markup.sound(moment.waveform, moment.rate, sound_picture(moment.waveform, moment.rate), moment.clip)
    cells = "".join(map(markup.picture, pictures(moment))) + player
    classes = "".join(map(markup.picture, class_pictures(moment))) if moment.assignment is not None else ""
    return (
        f'<article class="clip" aria-label="{text(f"{name}: {moment.choice.id}")}">'
        f"<header><h4>{text(heading(moment))}</h4>"
        f"<span>sounding: {text(moment.names(moment.heard))}</span><code>{text(moment.choice.id)}</code></header>"
        f'<div class="cells">{cells}</div>{f"""<div class="cells">{classes}</div>""" if classes else ""}</article>'
    )
