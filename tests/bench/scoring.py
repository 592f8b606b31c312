"""Speed of scoring: every protocol over 5,158 heat maps of 14 x 14 with 2,000 resamples, beside loops over clips.

    python tests/bench/scoring.py [--clips N] [--only ez-vsl|avgn|one|all]

The loops are what published evaluators do, clip by clip with OpenCV and scikit-learn: resize, min-max, sort for the
threshold, cIoU with full-size float masks, success rates of a list, and each bootstrap resample scored like the set
itself. The second also takes the pixel AP of every clip, as the evaluator of AVGN does. Ratios are a loop's time for
its one protocol to the time a protocol takes here, when all that fit are scored together.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
from sklearn import metrics

from avloc.annotations import Truth
from avloc.scoring import score, score_all

RESAMPLES = 2000
LOOPS = ("ez-vsl", "avgn")


def made_up(clips: int) -> tuple[np.ndarray, list[list[list[float]]], Truth]:
    """Maps, boxes and truth like those of VGG-SS: one to three boxes, a quarter of the frame in the middle, 220
    classes."""
    rng = np.random.default_rng(0)
    boxes = []
    for _ in range(clips):
        own = []
        for _ in range(rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 2, 3])):
            width, height = rng.uniform(0.2, 0.9, 2)
            x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
            own.append([x, y, x + width, y + height])
        boxes.append(own)
    clip = np.repeat(np.arange(clips), [len(own) for own in boxes])
    flat = np.array([box for own in boxes for box in own])
    label = np.arange(clips) % 220
    ids = [f"clip{number}" for number in range(clips)]
    classes = tuple(f"class{number:03d}" for number in range(220))
    maps = rng.standard_normal((clips, 14, 14)).astype(np.float32)
    return maps, boxes, Truth(ids, ids, flat, clip, label[clip], classes)


class Evaluator:
    """One protocol (a half-area rule) as evaluators are usually written, with or without the pixel AP of each clip."""

    def __init__(self, pixel_ap: bool) -> None:
        self.pixel_ap = pixel_ap
        self.ciou: list[float] = []
        self.ap: list[float] = []

    def update(self, heat: np.ndarray, boxes: list[list[float]]) -> None:
        pred = cv2.resize(heat, (224, 224), interpolation=cv2.INTER_LINEAR)
        pred = (pred - pred.min()) / (pred.max() - pred.min())
        cut = np.sort(pred.flatten())[pred.size // 2]
        truth = np.zeros((224, 224))
        for box in boxes:
            x0, y0, x1, y1 = (int(224 * value) for value in box)
            mark = np.zeros((224, 224))
            mark[y0:y1, x0:x1] = 1
            truth += mark
        truth[truth > 0] = 1
        mask = np.zeros((224, 224))
        mask[pred >= cut] = 1
        self.ciou.append(np.sum(mask * truth) / (np.sum(truth) + np.sum(mask * (truth == 0))))
        if self.pixel_ap:
            self.ap.append(metrics.average_precision_score(truth.reshape(-1), mask.reshape(-1)))

    def summary(self, scores: list[float]) -> tuple[float, float, float]:
        rates = [np.sum(np.array(scores) >= 0.05 * i) / len(scores) for i in range(21)]
        area = metrics.auc([0.05 * i for i in range(21)], rates)
        return float(np.mean(np.array(scores) >= 0.5)), float(area), float(np.mean(scores))

    def finish(self) -> list[tuple[float, float, float]]:
        rng = np.random.default_rng(0)
        clips = len(self.ciou)
        resampled = []
        for _ in range(RESAMPLES):
            resampled.append(self.summary([self.ciou[pick] for pick in rng.integers(0, clips, clips)]))
        return [self.summary(self.ciou), *(tuple(ends) for ends in np.quantile(resampled, [0.025, 0.975], axis=0))]


def loop(maps: np.ndarray, boxes: list[list[list[float]]], pixel_ap: bool = False) -> tuple[float, float]:
    """Seconds of the loop over clips, and of its bootstrap."""
    evaluator = Evaluator(pixel_ap)
    start = time.perf_counter()
    for heat, own in zip(maps, boxes, strict=True):
        evaluator.update(heat, own)
    scored = time.perf_counter()
    evaluator.finish()
    return scored - start, time.perf_counter() - scored


def measured(what: str, clips: int) -> dict[str, float]:
    """In a process of its own, so that its memory is its own: seconds, protocols, peak memory in MiB."""
    command = [sys.executable, __file__, "--only", what, "--clips", str(clips)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def only(what: str, clips: int) -> dict[str, float]:
    maps, boxes, truth = made_up(clips)
    score("ez-vsl", maps[:64], truth.take(np.arange(64)), resamples=10)  # imports and first calls
    start = time.perf_counter()
    if what in LOOPS:
        scoring, resampling = loop(maps, boxes, what == "avgn")
        found: dict[str, float] = {"scoring": scoring, "resampling": resampling, "protocols": 1}
    elif what == "all":
        results, _ = score_all(maps, truth, resamples=RESAMPLES)
        found = {"protocols": len(results)}
    else:
        score("ez-vsl", maps, truth, resamples=RESAMPLES)
        found = {"protocols": 1}
    found["seconds"] = time.perf_counter() - start
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--clips", type=int, default=5158)
    options.add_argument("--only", choices=(*LOOPS, "one", "all"))
    chosen = options.parse_args()
    if chosen.only:
        print(json.dumps(only(chosen.only, chosen.clips)))
        return
    one, every = measured("one", chosen.clips), measured("all", chosen.clips)
    each = every["seconds"] / every["protocols"]
    print(f"{chosen.clips} clips, {RESAMPLES} resamples")
    shared = f"{every['seconds']:.1f} s, {each:.2f} s each; one alone {one['seconds']:.2f} s"
    print(f"avloc, {every['protocols']:.0f} protocols: {shared}")
    print(f"peak memory: {every['peak_mib']:.0f} MiB")
    for name in LOOPS:
        plainly = measured(name, chosen.clips)
        seconds = plainly["seconds"]
        parts = f"{plainly['scoring']:.1f} s scoring, {plainly['resampling']:.1f} s resampling"
        print(f"loop over clips, {name}: {seconds:.1f} s ({parts}), {seconds / each:.0f} times a protocol of avloc")


if __name__ == "__main__":
    main()
