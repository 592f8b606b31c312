"""What is fuzzed: files of each kind, how they are damaged, and what reads them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from avloc.annotations import read_benchmark, read_own_truth
from avloc.annotations.files import id_list
from avloc.clustering import read_dictionary
from avloc.data.labels import Labels, labels_path, read_labels, write_labels
from avloc.data.proposals import read_proposals
from avloc.data.score_files import read_scores
from avloc.data.store import Store
from avloc.engine.calibration import Calibration
from avloc.engine.card import card_of
from avloc.engine.checkpoints import load_state
from avloc.engine.experiment import open_run, read_experiment
from avloc.engine.run import Run
from avloc.engine.stages import load_stage
from avloc.files import read_json
from avloc.nn.pretrained import read_weights
from avloc.predictions import read_predictions
from avloc.standings.results import read_results
from avloc.standings.runs import about_run
from tests.commands import invoke
from tests.fuzz import damage, further, sources
from tests.fuzz.made import Made
from tests.fuzz.reading import Input, anew, command, same


def configurations(made: Made) -> Iterator[Input]:
    yield Input(made.config, damage.text_of, lambda: read_experiment(made.config))
    config = made.run / "config.yaml"
    yield Input(config, damage.text_of, lambda: open_run(None, made.run))
    yield Input(config, damage.text_of, lambda: about_run(made.run / "results" / "x.json"))


def annotations(made: Made) -> Iterator[Input]:
    root = made.folder / "annotations"
    for path in sorted((root / "own").iterdir()):
        way = damage.json_of if path.suffix == ".json" else damage.text_of
        yield Input(path, way, partial(read_own_truth, path))
    for name in ("vggss", "vggsound-duet", "flickr-soundnet"):
        for path in sorted((root / name).iterdir()):
            way = {".json": damage.json_of, ".pkl": damage.bytes_of}.get(path.suffix, damage.text_of)
            alone = root / name if name == "vggsound-duet" else path
            yield Input(path, way, partial(read_benchmark, name, alone))
    xml = root / "flickr-xml"
    yield Input(xml / "123.xml", damage.text_of, partial(read_benchmark, "flickr-soundnet", xml))
    yield Input(root / "ids" / "ids.csv", damage.text_of, lambda: id_list(root / "ids" / "ids.csv"))


def predictions(made: Made) -> Iterator[Input]:
    root = made.folder / "maps"
    for name in ("maps.npz", "by_id.npz", "boxes.json", "boxes.csv", "folder", "pictures"):
        path = root / name
        if path.is_dir():
            yield Input(sorted(path.iterdir())[0], damage.bytes_of, partial(read_predictions, path))
            continue
        way = {".json": damage.json_of, ".csv": damage.text_of}.get(path.suffix, damage.bytes_of)
        yield Input(path, way, partial(read_predictions, path))


def hdf5(made: Made) -> Iterator[Input]:
    root = made.folder / "maps"
    ours = root / "ours.h5"
    yield Input(ours, damage.bytes_of, lambda: _values(ours), same(_values(ours)))
    yield Input(root / "theirs.h5", damage.bytes_of, lambda: read_predictions(root / "theirs.h5"))


def _values(path: Path) -> dict[str, Any]:
    return vars(read_predictions(path))


def trained(made: Made) -> Iterator[Input]:
    """What a run keeps of its training: the same is read, or nothing."""
    experiment, run = open_run(None, made.run)
    for number in (1, 2):
        for path in sorted(run.stage(number).glob("*.safetensors")):
            phases = (path.stem,)
            read = partial(_weights, experiment, run, number, phases)
            yield Input(path, damage.bytes_of, read, same(read()))
            yield Input(path, damage.bytes_of, partial(card_of, path))
        path = run.states(number)[-1]
        yield Input(path, damage.bytes_of, partial(load_state, path), same(load_state(path)))
    yield Input(run.clusters, damage.bytes_of, run.load_clusters, same(run.load_clusters()))
    store = Store.open(made.store).split("test")
    scores = np.linspace(0, 1, len(store) * 3, dtype=np.float32).reshape(-1, 3)
    write_labels(store, "told", Labels(("a", "b", "c"), scores, scores))
    read = partial(_labels, store)
    yield Input(labels_path(store, "told"), damage.bytes_of, read, same(read()))


def _weights(experiment: Any, run: Run, number: int, phases: tuple[str, ...]) -> dict[str, Any]:
    return dict(load_stage(experiment, run, number, phases).state_dict())


def _labels(store: Store) -> dict[str, Any]:
    return vars(read_labels(store, "told"))


def tables(made: Made) -> Iterator[Input]:
    """JSON that a run keeps, read by what reads it."""
    run = Run(made.run)
    yield Input(
        run.matching,
        damage.json_of,
        lambda: command("evaluate", "--run", made.run, "--resamples", 0, "--sets", "multi"),
    )
    yield Input(run.stores, damage.json_of, lambda: command("info", made.run))
    results = next(run.results.glob("*.json"))
    yield Input(results, damage.json_of, lambda: read_results(results))
    yield Input(results, damage.json_of, lambda: command("leaderboard", results))
    yield Input(results, damage.json_of, lambda: command("card", "--run", made.run))
    yield Input(run.log_path(1), damage.json_of, lambda: command("info", made.run))
    calibration = run.calibration
    if calibration.exists():
        yield Input(calibration, damage.json_of, lambda: Calibration.load(run))
    yield Input(results, damage.text_of, lambda: read_json(results))


def stores(made: Made) -> Iterator[Input]:
    for path in made.stores.values():
        for name in ("store.json", "manifest.jsonl"):
            yield Input(path / name, damage.json_of, partial(_look, path))


def _look(path: Path) -> None:
    store = Store.open(path)
    for split in store.splits:
        part = store.split(split)
        for what in ("ids", "videos", "starts", "labels", "annotated", "frame_keys", "boxes", "masks"):
            getattr(part, what)
        if len(part):
            part.clip(0)


def shards(made: Made) -> Iterator[Input]:
    for path in made.stores.values():
        shard = sorted((path / "shards").iterdir())[0]
        read = partial(_checked, path)
        yield Input(shard, damage.bytes_of, read, _unless_none(same(read())))


def _checked(path: Path, *command: str) -> list[Any] | None:
    """The clips of a store that `data check`, or the command, finds nothing wrong with; None where it does."""
    found = invoke(*(command or ("data", "check")), path)
    if found.exit_code:
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return None
    store = Store.open(path)
    return [vars(part.clip(n)) for part in map(store.split, store.splits) for n in range(len(part))]


def _unless_none(whole: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    return lambda found: None if found is None else whole(found)


def media(made: Made) -> Iterator[Input]:
    """Recordings that are prepared: items fail or are kept, the command always succeeds."""
    root = made.folder / "media"
    for path in sorted(root.iterdir()):
        out = made.folder / "prepared"
        words = ("prepare", "folder", "--source", root, "--out", out, "--seconds", 1, "--size", 16, "--jobs", 1)
        yield Input(path, damage.bytes_of, partial(anew, out, words))


def lists(made: Made) -> Iterator[Input]:
    root, out = made.folder / "listed", made.folder / "imported"
    words = (
        "prepare",
        "import",
        "--layout",
        "folder",
        "--source",
        root,
        "--out",
        out,
        "--lists",
        f"all={root}/train.txt",
        "--seconds",
        1,
        "--size",
        16,
        "--jobs",
        1,
    )
    yield Input(root / "train.txt", damage.text_of, partial(anew, out, words))


def verified(made: Made) -> Iterator[Input]:
    run = Run(made.run)
    for path in (*sorted(run.stage(1).iterdir()), run.clusters, *sorted(run.predictions.glob("*.h5")), run.config):
        yield Input(path, damage.bytes_of, partial(command, "verify", made.run))
    for path in made.stores.values():
        read = partial(_checked, path, "verify")
        for file in (sorted((path / "shards").iterdir())[0], path / "manifest.jsonl"):
            way = damage.json_of if file.suffix == ".jsonl" else damage.bytes_of
            yield Input(file, way, read, _unless_none(same(read())) if way is damage.bytes_of else lambda found: None)


def scores(made: Made) -> Iterator[Input]:
    part = Store.open(made.store).split("test")
    root = made.folder / "scores"
    ways = {".json": damage.json_of, ".csv": damage.text_of}
    for path in sorted(root.iterdir()):
        if path.suffix == ".h5":
            continue  # as those of `hdf5`
        reader = read_proposals if path.stem == "proposals" else read_scores
        yield Input(path, ways.get(path.suffix, damage.bytes_of), partial(reader, path, part))


def checkpoints(made: Made) -> Iterator[Input]:
    root = made.folder / "checkpoints"
    for name in ("theirs.pth", "old.pth"):
        yield Input(root / name, damage.bytes_of, partial(read_weights, str(root / name), "weights", {}))
        words = ("import-weights", "--method", "hard_way", "--stage", 1, "--from", root / name, "--run", root / "new")
        yield Input(root / name, damage.bytes_of, partial(anew, root / "new", words), taken=False)
    dictionary = root / "dictionary.npy"
    yield Input(dictionary, damage.bytes_of, lambda: read_dictionary(dictionary))


#: of each area its share of the examples, and the inputs
AREAS: dict[str, tuple[float, Callable[[Made], Iterator[Input]]]] = {
    "configurations": (0.14, configurations),
    "annotations": (0.15, annotations),
    "predictions": (0.14, predictions),
    "hdf5": (0.02, hdf5),
    "trained": (0.15, trained),
    "tables": (0.08, tables),
    "stores": (0.12, stores),
    "shards": (0.01, shards),
    "scores": (0.06, scores),
    "checkpoints": (0.03, checkpoints),
    "verified": (0.02, verified),
    "benchmarks": (0.08, further.benchmarks),
    "shipped": (0.03, further.shipped),
    "marked": (0.02, sources.marked),
    "described": (0.008, sources.described),
    "released": (0.008, further.released),
    "foreign": (0.004, further.foreign),
    "kinds": (0.006, further.kinds),
    "predicted": (0.004, further.predicted),
    "swapped": (0.004, further.swapped),
    "media": (0.003, media),
    "lists": (0.003, lists),
    "composed": (0.003, sources.composed),
}
