"""The report: one self-contained HTML page of one run, or of several side by side."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.drawing import markup
from avloc.drawing.card import card
from avloc.drawing.clusters import LISTEN, ShownCluster
from avloc.drawing.colours import class_colours, css
from avloc.drawing.flags import FLAGS, flags
from avloc.drawing.markup import Chart, text
from avloc.drawing.moments import Moment
from avloc.drawing.other_sounds import sounds_tables
from avloc.drawing.per_class import class_table, flag_table, size_table
from avloc.drawing.results import meanings, results_table
from avloc.drawing.style import CSS
from avloc.drawing.tools import policy, script, tools

WHAT = (
    "A method gets frames of videos together with their sound, and finds where in the picture the sound comes from. Its "
    "answer is a heat map. This page shows the scores of the run and of baselines that ignore the sound, the heat maps "
    "of some clips with their sound (the best, the median and the worst by score, and a random sample), the training "
    "curves, the object clusters, which were found without labels, and the settings."
)
SEVERAL = (
    "Several runs on the same clips. Their scores are shown side by side, and so are their heat maps: for the best and "
    "the worst clips by the score of the first run, for those on which the runs differ most, and for a random sample."
)
HEARD = (
    f"Below the frames of each cluster are players of the sounds of the same clips, in the same order, up to {LISTEN:g} "
    "seconds of each. In a good cluster, the objects are of one kind and the sounds are similar."
)


@dataclass(frozen=True)
class ShownSet:
    """A test set. about: the source of its clips. shown: its chosen clips, a moment for each run; empty if there are
    only numbers. results: of each run, None if it has none. charts: of the results. compared: tables of differences
    between runs.
    """

    name: str
    about: str
    shown: Sequence[Sequence[Moment]]
    results: Sequence[Mapping[str, Any] | None]
    charts: Sequence[Chart] = ()
    compared: Sequence[str] = ()


@dataclass
class ShownRun:
    """One run of the page. deviations: (key, value here, the method's default). commands: how to reproduce it."""

    name: str
    method: str
    training: list[Chart] = field(default_factory=list)
    matrix: Chart | None = None
    matched: str = ""
    clusters: list[ShownCluster] = field(default_factory=list)
    config: str = ""
    deviations: list[tuple[str, str, str]] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)


@dataclass
class Page:
    """The contents of the report. left_out: lines about what is missing in the runs. differing: settings that differ
    between runs: the key and a value for each run.
    """

    runs: list[ShownRun]
    sets: list[ShownSet]
    warnings: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    differing: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [run.name for run in self.runs]

    def html(self) -> str:
        several = len(self.runs) > 1
        title = f"{' and '.join(self.names)}" if several else f"{self.runs[0].method} in {self.names[0]}"
        sections = {
            "results": ("Results", self._results()),
            "clips": ("Clips", self._clips()),
            "training": ("Training", self._of_runs(_training)),
            "clusters": ("Clusters", self._of_runs(_clusters)),
            "settings": ("Settings", self._differing() + self._of_runs(_settings)),
            "warnings": ("Warnings", markup.items(self.warnings) or markup.paragraph("None.")),
            "again": ("Run it again", self._of_runs(_again)),
        }
        links = "".join(f'<li><a href="#{key}">{heading}</a></li>' for key, (heading, _) in sections.items())
        body = "\n".join(markup.section(key, heading, content) for key, (heading, content) in sections.items())
        left_out = f'<div class="notes"><b>Left out</b>{markup.items(self.left_out)}</div>' if self.left_out else ""
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy()}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{text(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
            f"<header><h1>{text(title)}</h1>{markup.paragraph(SEVERAL if several else WHAT)}"
            f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n'
            f"<main>\n{left_out}\n{body}\n</main>\n<script>{script()}</script>\n</body>\n</html>\n"
        )

    def _of_runs(self, draw: Any) -> str:
        """A section for each run, with its name if there are several."""
        if len(self.runs) == 1:
            return str(draw(self.runs[0]))
        return "".join(f"<h3>{text(run.name)}</h3>{draw(run)}" for run in self.runs)

    def _results(self) -> str:
        parts = []
        metrics: dict[str, None] = {}
        for shown in self.sets:
            if not any(shown.results):
                continue
            parts.append(f"<h3>{text(shown.name)}</h3>{markup.paragraph(shown.about, 'faint')}")
            charts = "".join(map(markup.chart, shown.charts))
            parts.append(f'<div class="charts">{charts}</div>' if charts else "")
            for run, result in zip(self.names, shown.results, strict=True):
                if result is not None:
                    metrics |= dict.fromkeys(result.get("metrics", {}))
                    of_run = f": {run}" if len(self.runs) > 1 else ""
                    parts.append(results_table(f"{shown.name}{of_run} (95 % interval)", result))
                    parts.append(sounds_tables(f"{shown.name}{of_run}", result))
            parts += shown.compared
            parts.append(class_table(shown.name, self.names, shown.results))
            parts.append(size_table(shown.name, self.names, shown.results))
            parts.append(flag_table(shown.name, self.names, shown.results))
        if not parts:
            return markup.paragraph("There are no results.")
        how = (
            "Intervals are 95 % bootstrap intervals over videos. Below each baseline is the difference between the model "
            "and this baseline on the same frames: ▲ and ▼ mark differences that are significant (their interval "
            "excludes zero), ≈ those that are not. Rows named mask score a fixed shape and have no interval."
        )
        pixels = (
            "Precision and recall of pixels show the maps at every threshold. They are not part of the protocol: each "
            "frame's maps are scaled from their lowest to their highest value, and the ground truth is the boxes of the "
            "sounding objects."
        )
        return (
            "".join(parts)
            + "".join(markup.paragraph(line, "faint") for line in (how, pixels))
            + markup.items(meanings(list(metrics)))
        )

    def _clips(self) -> str:
        key = (
            '<ul class="key"><li><i class="sounding"></i>sounding object (solid line)</li>'
            '<li><i class="silent"></i>silent object (dashed)</li>'
            '<li><i class="other"></i>object without class (dotted)</li>'
            '<li><i class="heat"></i>heat map, low to high</li></ul>'
        )
        how = (
            "Colours run from the lowest to the highest value of each picture, shown below it, so a weak map looks as "
            "strong as a confident one; the maps of single classes share one scale for each clip."
        )
        sets = [shown for shown in self.sets if shown.shown]
        moments = [moment for shown in sets for clip in shown.shown for moment in clip]
        classes = sorted({name for one in moments for name in (one.classes[number] for number in one.heard)})
        numbers = {name: number for number, name in enumerate(classes)}
        used = {flag for moment in moments for flag in flags(moment)}
        parts = [key, markup.paragraph(how, "faint")]
        parts.append(tools([one.name for one in sets], classes, [flag for flag in FLAGS if flag in used], self.names))
        for place, shown in enumerate(sets):
            cards = "\n".join(card(shown.name, clip, self.names, numbers, place) for clip in shown.shown)
            first = shown.shown[0][0]
            hues = _hues(first.classes) if any(moment.assignment is not None for moment in shown.shown[0]) else ""
            about = markup.paragraph(f"{len(shown.shown)} clips. {shown.about}", "faint")
            parts.append(
                f'<section class="set"><h3>{text(shown.name)}</h3>{about}{hues}'
                f'<div class="grid" style="--columns:{min(1 + len(self.runs), 4)}">{cards}</div></section>'
            )
        return "\n".join(parts)

    def _differing(self) -> str:
        if len(self.runs) == 1:
            return ""
        rows = [
            [f"<code>{text(key).replace('.', '.<wbr>')}</code>", *map(text, values)] for key, *values in self.differing
        ]
        columns = ["Setting", *map(text, self.names)]
        told = markup.paragraph(
            "Settings that differ between these runs:" if rows else "All runs have the same settings."
        )
        return told + (markup.table("Settings that differ", columns, rows, "plain") if rows else "")


def _training(run: ShownRun) -> str:
    charts = "".join(map(markup.chart, run.training))
    return f'<div class="charts">{charts}</div>' if charts else _nothing("training log")


def _clusters(run: ShownRun) -> str:
    parts = [markup.paragraph(run.matched) if run.matched else ""]
    parts.append(f'<div class="charts">{markup.chart(run.matrix)}</div>' if run.matrix else "")
    parts.append(markup.paragraph(HEARD) if any(one.sounds for one in run.clusters) else "")
    strips = "".join(map(_cluster, run.clusters))
    parts.append(f'<div class="strips">{strips}</div>' if strips else "")
    return "".join(parts) or _nothing("clustering")


def _cluster(shown: ShownCluster) -> str:
    named = zip(shown.clips, shown.sounds, strict=False)
    players = "".join(markup.player(sound, shown.rate, clip) for clip, sound in named)

    listen = f'<div class="listen">{players}</div>' if players else ""
    return f'<div class="strip">{markup.picture(shown.strip)}{listen}</div>'


def _settings(run: ShownRun) -> str:
    names = [f"<code>{text(key).replace('.', '.<wbr>')}</code>" for key, _, _ in run.deviations]
    rows = [[name, text(here), text(usual)] for name, (_, here, usual) in zip(names, run.deviations, strict=True)]
    told = "Settings that differ from the method's defaults. Its documentation says which of the defaults are as published."
    listed = markup.table("Settings of the method", ["Setting", "Here", "Default"], rows, "plain")
    dump = f"<details><summary>The complete config.yaml</summary><pre>{text(run.config)}</pre></details>"
    return markup.paragraph(told) + (listed if rows else markup.paragraph("Nothing.")) + dump


def _again(run: ShownRun) -> str:
    told = "In a new folder, from the configuration of this run, on the same prepared stores:"
    lines = "\n".join(shlex.join(command) for command in run.commands)
    return f"{markup.paragraph(told)}<pre>{text(lines)}</pre>"


def _nothing(what: str) -> str:
    return markup.paragraph(f"This run holds no {what}.")


def _hues(classes: Sequence[str]) -> str:
    found = zip(classes, class_colours(len(classes)), strict=True)
    entries = "".join(f'<li><i style="background:{css(colour)}"></i>{text(name)}</li>' for name, colour in found)
    return f'<ul class="key" aria-label="Hue of each class">{entries}</ul>'
