"""Parts of a test set in the manifest of a store: AVATAR's scenarios, and VGGSounder's flags."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.avatar import TASKS
from avloc.annotations.vggsounder import Sounder, parts_of
from avloc.data.store import Store


def parts_of_store(store: Store) -> dict[str, NDArray[np.bool_]]:
    """Which of the N clips are in each part, (N,); a clip can be in several. Empty for a store without parts."""
    tasks: dict[str, NDArray[np.bool_]] = {task: np.zeros(len(store), bool) for task in TASKS}
    told: dict[str, Sounder] = {}
    for row, clips in store.lines():
        own = row.get("tasks")
        for task in own if isinstance(own, list) else ():
            if task in tasks:
                tasks[task][list(clips)] = True
        note = row.get("vggsounder")
        if isinstance(note, dict):
            told |= {store.ids[clip]: _sounder(note) for clip in clips}
    found = {task: inside for task, inside in tasks.items() if inside.any()}
    return found | (parts_of(told, _classes(store)) if told else {})


def _sounder(note: dict[str, Any]) -> Sounder:
    """The entry written by `Sounder.note`."""
    heard, seen = (set(note.get(flag) or ()) for flag in ("audible", "visible"))
    labels = {label: "A" * (label in heard) + "V" * (label in seen) for label in sorted(heard | seen)}
    return Sounder(labels, {flag: bool(note.get(flag)) for flag in ("static_image", "background_music", "voice_over")})


def _classes(store: Store) -> dict[str, str]:
    """The first class of each clip, "" for none."""
    rows = np.asarray(store.labels)
    return {
        name: store.classes[int(row.argmax())] if row.any() else "" for name, row in zip(store.ids, rows, strict=True)
    }
