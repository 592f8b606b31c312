"""A store and a run of a few clips whose names are as hostile as can be, and a reader of pages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import yaml

from avloc.data.clip import Box, Clip
from avloc.engine.run import Run
from avloc.predictions import write_predictions
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store

CLASSES = ("$x$", "<b>&", "harp")
HOSTILE = '"><script>alert(1)</script>'
SIZE, RATE = 32, 800


@dataclass(frozen=True)
class Reader:
    """One clip an item: its class sounds on the left, the next class is silent on the right, a stranger lies below."""

    def read(self, item: Item) -> Iterator[Clip]:
        number = item.facts["number"]
        label = number % len(CLASSES)
        boxes = (
            Box((0.0, 0.25, 0.5, 0.75), 0, label, True),
            Box((0.5, 0.25, 1.0, 0.75), 0, (label + 1) % len(CLASSES), False),
            Box((0.25, 0.75, 0.75, 1.0), 0, -1, False),
        )
        yield Clip(
            id=f"{item.id}/000",
            video=item.id,
            split="",
            start=0.0,
            frames=np.full((2, SIZE, SIZE, 3), 20 * number + 40, np.uint8),
            frame_keys=(f"{item.id}/key", ""),
            waveform=(1000 * np.sin(np.arange(RATE) * (number + 1) / 10)).astype(np.int16),
            labels=(label,),
            boxes=boxes,
            annotated=(True, False),
        )


def make_store(path: Path) -> Path:
    items = {f"{HOSTILE}{n}": Item(f"{HOSTILE}{n}", f"{n}.mp4", {"number": n}) for n in range(6)}
    settings = {
        "data": "made", "classes": CLASSES, "rate": RATE, "seconds": 1.0, "samples": RATE, "frames_per_clip": 2,
        "size": SIZE, "frames": "raw",
    }  # fmt: skip
    listing = Listing(items, {"test": [Entry(name) for name in items], "train": [Entry(name) for name in items]})
    build_store(path, path.parent, listing, Reader(), settings, jobs=0)
    return path


def metrics(value: float) -> dict:
    return {"iou@0.5": {"value": value, "ci95": [value, value], "ci95_by_video": [value - 0.05, value + 0.05]}}


def make_run(path: Path, store: Path) -> Run:
    run, data = Run(path), {"store": str(store), "train": "train"}
    tests = {
        "solo": {"store": str(store), "split": "test", "protocol": "dsol-solo", "stage": 1},
        "mosaic": {"store": str(store), "split": "test", "protocol": "dsol-synthetic"},
    }
    config = {
        "method": "dsol",
        "seed": 0,
        "stage1": {"data": data, "model": {"clusters": 3, "pairs": "all"}, "train": {"epochs": 2}},
        "stage2": {"data": data, "model": {}, "train": {"epochs": 1}},
        "evaluate": tests,
    }
    path.mkdir()
    run.config.write_text(yaml.safe_dump(config, sort_keys=False))
    ids = [f"{HOSTILE}{n}/{'key' if n % 2 else '000#0'}" for n in range(6)]
    maps = np.random.default_rng(0).random((6, 3, 5, 5), np.float32)
    for variant in ("", ".wrong-sound", ".deaf"):
        write_predictions(run.predictions / f"solo{variant}.h5", ids, maps[:, :1])
        write_predictions(run.predictions / f"mosaic{variant}.h5", ids, maps, assignment=np.eye(3))
    run.results.mkdir()
    for name, test in tests.items():
        result = {
            "protocol": {"name": test["protocol"]},
            "counts": {"evaluated": 6, "dropped": {}},
            "metrics": metrics(0.6321),
            "comparisons": {"centre": {"metrics": metrics(0.2), "difference": metrics(0.4321)}},
            "per_clip": [{"id": frame, "ciou": n / 10} for n, frame in enumerate(ids)],
            "warnings": [f"warned of {HOSTILE}"],
        }
        (run.results / f"{name}.{test['protocol']}.json").write_text(json.dumps(result))
    for number in (1, 2):
        run.stage(number).mkdir()
        lines = [
            {"phase": phase, "epoch": n + 1, "loss": 1.0 - n / 4, HOSTILE: 1.0 - n / 4, "validation": {"iou": n / 4}}
            for n, phase in enumerate(["localize", "classify"])
        ]
        run.log_path(number).write_text("".join(json.dumps(line) + "\n" for line in lines))
    clips = [f"{HOSTILE}{n}/000" for n in range(6)]
    run.save_clusters(labels=np.arange(6) % 3, clusters=3, ids=np.array(clips))
    matching = {"classes": CLASSES, "assignment": np.eye(3).tolist(), "agreement": np.eye(3).tolist(), "purity": 0.5}
    run.matching.write_text(json.dumps({**matching, "score": 3.0, "doubts": ["a doubt about <b>&"]}))
    return run


class Reading(HTMLParser):
    """Tags in order, ids, attributes that load something, images, text, and whether every tag is closed."""

    VOID = ("meta", "img", "source", "wbr", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.alts: list[str | None] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        self.loads += [found[name] for name in ("src", "srcset", "href") if name in found]
        if tag == "img":
            self.alts.append(found.get("alt"))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data
