"""Whole files of every kind that avloc reads: stores, a run with all that commands leave in it, annotations, maps, scores."""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import soundfile
import torch

from avloc.data.store import Store
from avloc.predictions import write_predictions
from avloc.prepare.writing.build import build_store
from tests.commands import shown
from tests.data.making import SETTINGS, MadeReader, made_listing, make_video, tone
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

IDS = ("a1_000010", "b2_000020", "c3_000030")


@dataclass(frozen=True)
class Made:
    """folder: of all. store: of the run. stores: small ones by their make, "raw hdf5". run: trained and evaluated."""

    folder: Path
    store: Path
    stores: dict[str, Path]
    run: Path
    config: Path


def make_all(folder: Path) -> Made:
    folder.mkdir(parents=True, exist_ok=True)
    store = make_tiny_store(folder / "tiny")
    config = write_config(folder / "config.yaml", tiny_config(store))
    run = folder / "run"
    shown("train-stage1", "--config", config, "--run", run)
    for command in ("cluster", "match-clusters", "train-stage2"):
        shown(command, "--run", run)
    shown("evaluate", "--run", run, "--resamples", "20", "--set", "evaluate.multi.frames=first", "--sets", "multi")
    stores = {}
    for make in ("raw hdf5", "jpeg hdf5", "jpeg lmdb"):
        frames, kind = make.split()
        stores[make] = folder / make.replace(" ", "-") / "store"
        settings = {**SETTINGS, "frames": frames, "store": kind}
        build_store(stores[make], stores[make].parent, made_listing(3), MadeReader(), settings, block=3, jobs=0)
    _annotations(folder / "annotations")
    _maps(folder / "maps")
    _scores(folder / "scores", Store.open(store).split("test"))
    _checkpoints(folder / "checkpoints")
    _media(folder / "media", folder / "listed")
    return Made(folder, store, stores, run, config)


def _put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        path.write_text(value if isinstance(value, str) else json.dumps(value))


FLICKR = """<annotations><annotator><bbox><label>x</label><a>0</a><b>64</b><c>128</c><d>256</d></bbox></annotator>
<annotator><bbox><label>x</label><a>64</a><b>64</b><c>192</c><d>256</d></bbox><comment/></annotator></annotations>"""
VOC = """<annotation><filename>a.jpg</filename><size><width>100</width><height>50</height></size>
<object><name>dog</name><bndbox><xmin>10</xmin><ymin>5</ymin><xmax>60</xmax><ymax>40</ymax></bndbox></object></annotation>"""


def _annotations(root: Path) -> None:
    """A folder for each reader, in it the files that it reads."""
    boxes = [[0.1, 0.2, 0.5, 0.6], [0.3, 0.3, 0.9, 0.8]]
    clips = [
        {"id": name, "video": name, "boxes": [{"box": box, "label": "dog", "sounding": True} for box in boxes]}
        for name in IDS
    ]
    _put(root / "own" / "own.json", {"name": "mine", "boxes": "xyxy", "units": "fraction", "clips": clips})
    coco = {
        "images": [{"id": n, "file_name": f"{name}.jpg", "width": 64, "height": 48} for n, name in enumerate(IDS)],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "bbox": [3, 4, 20, 30]},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 1, 8, 8], "segmentation": [[1, 1, 9, 1, 9, 9]]},
        ],
        "categories": [{"id": 1, "name": "dog"}],
    }  # fmt: skip
    _put(root / "own" / "coco.json", coco)
    _put(root / "own" / "voc.xml", VOC)
    _put(root / "vggss" / "vggss.json", [{"file": name, "class": "dog", "bbox": boxes} for name in IDS])
    _put(root / "vggsound-duet" / "vggss.json", [{"file": name, "class": "dog", "bbox": boxes} for name in IDS])
    _put(root / "vggsound-duet" / "vggsound_duet_test.csv", f"{IDS[0]},dog,{IDS[1]},cat\n{IDS[1]},cat,{IDS[2]},dog\n")
    pixels = [[0, 64, 128, 256], [64, 64, 192, 256]]
    _put(root / "flickr-soundnet" / "flickr_boxes_256.json", {"123": pixels, "456": pixels})
    _put(root / "flickr-xml" / "123.xml", FLICKR)
    entries = {
        0: {
            "visual": "a/123.jpg",
            "audio": "x.wav",
            "anno": np.array(pixels).astype("<U3"),
            "roi": np.zeros((8, 4), "f4"),
        }
    }
    _put(root / "flickr-soundnet" / "gtdata.pkl", pickle.dumps(entries, protocol=2))
    _put(root / "ids" / "ids.csv", "id\n" + "\n".join(IDS) + "\n")


def _maps(root: Path) -> None:
    """Predictions of each kind."""
    root.mkdir(parents=True)
    maps = np.random.default_rng(0).random((3, 1, 8, 8)).astype(np.float32)
    write_predictions(root / "ours.h5", list(IDS), maps, ["any"], np.ones(3), attributes={"method": "x"})
    with h5py.File(root / "theirs.h5", "w") as file:
        file["ids"], file["maps"] = list(IDS), maps
        for name in IDS:
            file[f"more/{name}"] = maps[0]
    np.savez_compressed(root / "maps.npz", ids=np.array(IDS), maps=maps, confidence=np.ones(3))
    np.savez(root / "by_id.npz", **{name: maps[n] for n, name in enumerate(IDS)})
    _put(root / "boxes.json", [{"image_id": name, "bbox": [10, 10, 50, 60], "score": 0.5} for name in IDS])
    _put(root / "boxes.csv", "id,x1,y1,x2,y2,score\n" + "".join(f"{name},0.1,0.1,0.5,0.5,0.7\n" for name in IDS))
    (root / "folder").mkdir()
    for n, name in enumerate(IDS):
        np.save(root / "folder" / f"{name}.npy", maps[n, 0])
    (root / "pictures").mkdir()
    for n, name in enumerate(IDS):
        cv2.imwrite(str(root / "pictures" / f"{name}.png"), (maps[n, 0] * 255).astype(np.uint8))


def _scores(root: Path, part: Store) -> None:
    root.mkdir(parents=True)
    table = np.random.default_rng(1).random((len(part), 3)).astype(np.float32)
    rows = [",".join([name, *map(str, values)]) for name, values in zip(part.ids, table.tolist(), strict=True)]
    _put(root / "scores.csv", "id,harp,horn,tuba\n" + "\n".join(rows) + "\n")
    np.savez(root / "scores.npz", ids=np.array(part.ids), classes=np.array(["harp", "horn", "tuba"]), sound=table)
    np.save(root / "scores.npy", table)
    boxes = np.tile(np.array([0.1, 0.1, 0.5, 0.5], np.float32), (len(part), 2, 3, 1))
    _put(root / "proposals.json", {name: one.tolist() for name, one in zip(part.ids, boxes, strict=True)})
    np.savez(root / "proposals.npz", ids=np.array(part.ids), boxes=boxes)
    with h5py.File(root / "proposals.h5", "w") as file:
        file["roi"] = boxes


def _checkpoints(root: Path) -> None:
    root.mkdir(parents=True)
    torch.save(
        {"state_dict": {"a.weight": torch.arange(6.0), "b.bias": torch.ones(3)}, "epoch": 3}, root / "theirs.pth"
    )
    torch.save({"module.a": torch.ones(2, 2)}, root / "old.pth", _use_new_zipfile_serialization=False)
    np.save(root / "dictionary.npy", np.random.default_rng(2).random((3, 8)).astype(np.float32))


def _media(root: Path, listed: Path) -> None:
    root.mkdir(parents=True)
    make_video(root / "film.mp4", 20, sound=tone(2))
    make_video(root / "other.mkv", 20, sound=tone(2))
    for name in IDS:
        (listed / "frames").mkdir(parents=True, exist_ok=True)
        (listed / "audio").mkdir(exist_ok=True)
        cv2.imwrite(str(listed / "frames" / f"{name}.jpg"), np.full((32, 32, 3), 90, np.uint8))
        soundfile.write(listed / "audio" / f"{name}.wav", np.full(16_000, 0.1), 16_000)
    (listed / "train.txt").write_text("\n".join(IDS) + "\n")
