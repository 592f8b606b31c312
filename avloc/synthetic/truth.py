"""The text files of a world, in the layout of the MUSIC data set: lists, labels, annotations and the full ground truth."""

from pathlib import Path
from typing import Any

from avloc.files import write_json, write_text
from avloc.synthetic.drawings import INSTRUMENTS
from avloc.synthetic.film import Film
from avloc.synthetic.plan import CLASSES, PlannedVideo
from avloc.synthetic.scenes import HEIGHT, RATE, SECONDS, WIDTH

KEY_RATE, KEY_OFFSETS = 30, (0, 7, 14, 21)  # the annotations' own frame rate, whatever that of the video
NO_CATEGORY = -1  # of things that never sound
# annotation file: the list whose sounding boxes it contains
ANNOTATIONS = {
    "solotest.json": "solo_testing",
    "pairtest.json": "pair_testing",
    "duettest.json": "duet_testing",
    "mosaictest.json": "mosaic_testing",
    "solovalidation.json": "solo_validation",
    "pairvalidation.json": "pair_validation",
    "duetvalidation.json": "duet_pairs_val",
    "mosaicvalidation.json": "mosaic_validation",
}
Truth = dict[str, dict[str, Any]]


def key_frames(stem: str) -> list[tuple[str, int]]:
    """The key of every annotated frame, and the frame shown at that time."""
    counters = [(second, KEY_RATE * second + offset) for second in range(SECONDS) for offset in KEY_OFFSETS]
    return [
        (f"{stem}/frame_{second:03d}/{counter:05d}.jpg", int(counter / KEY_RATE * RATE + 1e-6))
        for second, counter in counters
    ]


def film_truth(film: Film) -> Truth:
    """Every object of every key frame in the published schema, with its class and whether it sounds."""
    truth: Truth = {}
    for key, index in key_frames(film.plan.stem):
        # "wdith" is the spelling in the published annotation
        truth[key] = {"bbox": [_box(*found) for found in film.boxes(index)], "wdith": WIDTH, "height": HEIGHT}
    return truth


def _box(part: Any, xyxy: tuple[float, float, float, float]) -> dict[str, Any]:
    x0, y0, x1, y1 = xyxy
    pixels = [round(x0 * WIDTH), round(y0 * HEIGHT), round(x1 * WIDTH), round(y1 * HEIGHT)]
    return {
        "box": [pixels[0], pixels[1], pixels[2] - pixels[0], pixels[3] - pixels[1]],
        "normbox": [round(value, 6) for value in (x0, y0, x1 - x0, y1 - y0)],
        "category_id": CLASSES.index(part.name) if part.name in INSTRUMENTS else NO_CATEGORY,
        "class": part.name,
        "sounding": part.sounding,
    }


def _sounding_only(frame: dict[str, Any]) -> dict[str, Any]:
    kept = ("box", "normbox", "category_id")
    return frame | {"bbox": [{name: box[name] for name in kept} for box in frame["bbox"] if box["sounding"]]}


def write_texts(out: Path, plans: list[PlannedVideo], truth: Truth) -> None:
    """Everything but the videos and world.json; the lists are written last, so a world that has them is complete."""
    by_list: dict[str, list[PlannedVideo]] = {}
    for plan in plans:
        by_list.setdefault(plan.list_name, []).append(plan)
    write_json(out / "truth.json", truth, indent=None)
    for name, list_name in ANNOTATIONS.items():
        keys = [key for plan in by_list.get(list_name, []) for key, _ in key_frames(plan.stem)]
        if keys:
            write_json(out / name, {key: _sounding_only(truth[key]) for key in keys}, indent=None)
    write_json(out / "categories.json", {str(number): name for number, name in enumerate(CLASSES)})
    for kind in dict.fromkeys(plan.kind for plan in plans):
        videos: dict[str, list[str]] = {}
        for plan in plans:
            if plan.kind == kind:
                videos.setdefault(" ".join(plan.labels), []).append(plan.id)
        write_json(out / f"MUSIC_{kind}_videos.json", {"version": "avloc", "videos": dict(sorted(videos.items()))})
    for list_name, members in by_list.items():
        write_text(out / f"{list_name}.txt", "".join(f"{plan.stem}.flac {plan.stem}.mp4\n" for plan in members))
