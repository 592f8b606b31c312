"""Speed of scoring: every protocol over 5,158 heat maps of 14 x 14 with 2,000 resamples, beside loops over clips.

    python tests/bench/scoring.py [--clips N] [--size N] [--repeats N] [--each] [--against FOLDER]

What is compared: the time that a protocol takes here, when all that fit are scored together (and, with --each, alone),
and a plain loop over clips for one protocol with the same resamples. The loop is what published evaluators do, clip by
clip with OpenCV and scikit-learn: resize, min-max, sort for the threshold, cIoU with full-size float masks, success
rates of a list, sklearn's auc; and each bootstrap resample scored like the set itself. There are two of them: the
cheaper, `plain`, is the rule of EZ-VSL (with OpenCV's resize, which is faster than PyTorch's); `plain with AP` also takes
sklearn's average precision over the pixels of every clip, as the evaluators of AVGN and T-VSL do. Ratios are a loop's time
to ours; everything runs in processes of their own, in turns, and medians are printed, in seconds of the clock and of the
processor: on a busy machine the two differ. The loops use one core, scoring as many as there are, up to four.

--against: another checkout of avloc, whose scoring of all protocols runs in turns with this one; no loops then.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np

from avloc.annotations import Truth
from avloc.scoring import score, score_all

RESAMPLES = 2000
LOOPS = {"plain": False, "plain with AP": True}


def made_up(clips: int, size: int = 14) -> tuple[np.ndarray, list[list[list[float]]], Truth]:
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
    maps = rng.standard_normal((clips, size, size), np.float32 if size > 14 else np.float64).astype(
        np.float32, copy=False
    )
    return maps, boxes, Truth(ids, ids, flat, clip, label[clip], classes)


class Evaluator:
    """One protocol (a half-area rule) as evaluators are usually written, with or without the pixel AP of each clip."""

    def __init__(self, pixel_ap: bool) -> None:
        from sklearn import metrics  # here, so that the memory of avloc is measured without it

        self.pixel_ap, self.metrics = pixel_ap, metrics
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
            self.ap.append(self.metrics.average_precision_score(truth.reshape(-1), mask.reshape(-1)))

    def summary(self, scores: list[float]) -> tuple[float, float, float]:
        rates = [np.sum(np.array(scores) >= 0.05 * i) / len(scores) for i in range(21)]
        area = self.metrics.auc([0.05 * i for i in range(21)], rates)
        return float(np.mean(np.array(scores) >= 0.5)), float(area), float(np.mean(scores))

    def finish(self) -> list[tuple[float, float, float]]:
        rng = np.random.default_rng(0)
        clips = len(self.ciou)
        resampled = []
        for _ in range(RESAMPLES):
            resampled.append(self.summary([self.ciou[pick] for pick in rng.integers(0, clips, clips)]))
        return [self.summary(self.ciou), *(tuple(ends) for ends in np.quantile(resampled, [0.025, 0.975], axis=0))]


def loop(maps: np.ndarray, boxes: list[list[list[float]]], pixel_ap: bool = False) -> None:
    evaluator = Evaluator(pixel_ap)
    for heat, own in zip(maps, boxes, strict=True):
        evaluator.update(heat, own)
    evaluator.finish()


def measured(what: str, clips: int, size: int, checkout: str = "") -> dict[str, float]:
    """In a process of its own, so that its memory is its own: seconds of clock and processor, peak memory in MiB."""
    command = [sys.executable, os.path.abspath(__file__), "--only", what, "--clips", str(clips), "--size", str(size)]
    place = {"PYTHONPATH": checkout} if checkout else {}
    found = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **place}, cwd=checkout or None
    )
    return json.loads(found.stdout)


def only(what: str, clips: int, size: int) -> dict[str, float]:
    maps, boxes, truth = made_up(clips, size)
    score("ez-vsl", maps[:64], truth.take(np.arange(64)), resamples=10)  # imports and first calls
    amount = 1
    clock, processor = time.perf_counter(), time.process_time()
    if what in LOOPS:
        loop(maps, boxes, LOOPS[what])
    elif what == "all":
        amount = len(score_all(maps, truth, resamples=RESAMPLES)[0])
    else:
        score(what, maps, truth, resamples=RESAMPLES)
    spent = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}
    return spent | {"protocols": amount, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def fitting() -> list[str]:
    """The protocols that can score one map per clip with boxes."""
    maps, _, truth = made_up(8)
    return list(score_all(maps, truth, resamples=0)[0])


def compare_with(checkout: str, clips: int, size: int, repeats: int) -> None:
    """All protocols here and by another checkout, in turns."""
    pairs = [
        (measured("all", clips, size), measured("all", clips, size, os.path.abspath(checkout))) for _ in range(repeats)
    ]
    for name, found in zip(("here", checkout), zip(*pairs, strict=True), strict=True):
        middle = {kind: statistics.median(one[kind] for one in found) for kind in found[0]}
        print(
            f"{name}: processor {middle['processor']:.2f} s, {middle['protocols']:.0f} protocols, peak {middle['peak']:.0f} MiB"
        )
    ratios = [here["processor"] / there["processor"] for here, there in pairs]
    print(
        f"{clips} clips of {size} x {size}: {statistics.median(ratios):.2f} of its processor time (of {repeats} pairs)"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--clips", type=int, default=5158)
    options.add_argument("--size", type=int, default=14, help="side of a heat map")
    options.add_argument("--against", default="", help="another checkout of avloc to compare with")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--each", action="store_true", help="also every protocol alone")
    options.add_argument("--only", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.only:
        print(json.dumps(only(chosen.only, chosen.clips, chosen.size)))
        return
    if chosen.against:
        compare_with(chosen.against, chosen.clips, chosen.size, chosen.repeats)
        return
    names = [*LOOPS, "all", *(fitting() if chosen.each else [])]
    runs = [{name: measured(name, chosen.clips, chosen.size) for name in names} for _ in range(chosen.repeats)]
    kinds = ("clock", "processor", "protocols", "peak")
    found = {name: {kind: statistics.median(run[name][kind] for run in runs) for kind in kinds} for name in names}
    print(
        f"{chosen.clips} clips, {RESAMPLES} resamples, medians of {chosen.repeats} runs; load {os.getloadavg()[0]:.1f}"
    )
    for name in LOOPS:
        print(f"{name:15} {found[name]['clock']:6.2f} s, processor {found[name]['processor']:6.2f} s")
    print(f"all together    {found['all']['clock']:6.2f} s, processor {found['all']['processor']:6.2f} s,", end=" ")
    print(f"{found['all']['protocols']:.0f} protocols, peak memory {found['all']['peak']:.0f} MiB")
    print(f"{'':18}{'clock s':>8}{'times plain':>13}{'with AP':>9}{'processor s':>13}{'times plain':>13}{'with AP':>9}")
    for name in names[len(LOOPS) :]:
        row = f"{'each of all' if name == 'all' else name:18}"
        for kind, width in (("clock", 8), ("processor", 13)):
            mine = found[name][kind] / found[name]["protocols"]
            row += f"{mine:{width}.2f}" + "".join(
                f"{found[other][kind] / mine:{wide}.1f}" for other, wide in zip(LOOPS, (13, 9), strict=True)
            )
        print(row)


if __name__ == "__main__":
    main()
