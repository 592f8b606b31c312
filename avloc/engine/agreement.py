"""Whether weights, log and state of a stage belong to one training; two trainings in one run, or a copied file, mix them."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avloc.checked_weights import read_weights
from avloc.errors import RunError
from avloc.files import refused, regular, write_text
from avloc.naming import whole

Entry = dict[str, Any]
_ADVICE = "two commands may have trained this run, or a file was copied into it: train again in another --run"
WAIT = 0.5  # s within which a running training has written the next of the three files


def states_in(folder: Path) -> list[Path]:
    """States of a training, newest last."""
    return sorted(path for path in folder.glob("state-*.pt") if re.fullmatch(r"state-\d+\.pt", path.name))


def read_log(folder: Path) -> list[Entry]:
    """Entries of a training's log, none if there is no log; RunError if it is anything else."""
    path = folder / "log.jsonl"
    try:
        lines = regular(path).read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.strip()]
        for entry in found:
            if not isinstance(entry["epoch"], int) or not isinstance(entry["phase"], str):
                raise ValueError("an epoch is not a number, or a phase is not a name")
        return found
    except FileNotFoundError:
        return []
    except json.JSONDecodeError as error:
        raise RunError(f"{path}: a line is not JSON ({error.msg}); move this file away to leave it out") from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise RunError(refused(path, error, "the run's weights are not affected: move this file away")) from None


def write_log(folder: Path, log: Sequence[Entry]) -> None:
    write_text(folder / "log.jsonl", "".join(json.dumps(line) + "\n" for line in log))


def refuse_other_training(
    folder: Path, log: Sequence[Entry], best: Mapping[str, int], about: Mapping[str, Any]
) -> None:
    """RunError unless the folder's log and weights match the state from which a training would resume.

    log: entries of the state. best: for each phase, the epoch whose weights were kept. A training can be killed between
    two files, so weights may be from the epoch after the state, and the log may lack the last epoch.
    """
    written, done = read_log(folder), len(log)
    common = min(len(written), done)
    if written and (len(written) < done - 1 or written[:common] != list(log[:common])):
        raise RunError(f"{folder}/log.jsonl is from another training than the state of epoch {done}; {_ADVICE}")
    for phase, epoch in best.items():
        path = folder / f"{phase}.safetensors"
        _, said = read_weights(path, f"the state of epoch {done} needs it; {_ADVICE}", f"{_ADVICE}")
        found = said.get("epoch", "")
        number = whole(found)
        if number is not None and number != epoch and number <= done:
            raise RunError(
                f"{path} is from epoch {found}, but according to the state of epoch {done} it is from {epoch}; {_ADVICE}"
            )
        other = next(
            (name for name in ("data", "seed") if said.get(name, str(about.get(name))) != str(about.get(name))), None
        )
        if other is not None:
            raise RunError(f"{path} was trained with {other} {said[other]}, not {about.get(other)}; {_ADVICE}")


def refuse_mixed(weights: Path, about: Mapping[str, str], last: bool) -> None:
    """RunError if the weights do not belong to the same training as the log and states next to them.

    about: the metadata of the weights. last: whether the last epoch of a phase is kept, not the best one. If a running
    training has only written some of the files, they are checked again after a moment.
    """
    if _mixed(weights, about, last) is not None:
        time.sleep(WAIT)
        _, about = read_weights(weights, "train the stage", "train the stage again")
        found = _mixed(weights, about, last)
        if found is not None:
            raise RunError(f"{found}; {_ADVICE}")


def _mixed(weights: Path, about: Mapping[str, str], last: bool) -> str | None:
    log, states = read_log(weights.parent), states_in(weights.parent)
    epoch, count = whole(about.get("epoch", "")), len(log)
    if not log or epoch is None or "imported_from" in about:
        return None
    newest = int(states[-1].stem.removeprefix("state-")) if states else count
    if abs(newest - count) > 1:
        return f"{states[-1]} is from epoch {newest}, but log.jsonl next to it ends with epoch {count}"
    mine = [entry["epoch"] for entry in log if entry["phase"] == about.get("phase", weights.stem)]
    if epoch > count + 1 or (last and mine and epoch < mine[-1]) or (epoch <= count and mine and epoch not in mine):
        expected = mine[-1] if mine else count
        return f"{weights} is from epoch {epoch}, but log.jsonl next to it says {expected}"
    return None
