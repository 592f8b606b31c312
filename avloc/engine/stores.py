"""The stores of an experiment, found at their present paths, and refused if the method cannot use their sound."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.data.cached import cached
from avloc.data.digest import split_digest
from avloc.data.opening import NoStore
from avloc.data.store import Store
from avloc.engine.places import Kind
from avloc.engine.shipped import making_command
from avloc.errors import AvlocError, DataError
from avloc.walking import listed

if TYPE_CHECKING:
    from avloc.engine.experiment import Experiment

log = logging.getLogger("avloc.data")


def open_data(
    experiment: "Experiment", number: int, split: str, senses: Any = None, training: bool = False, direct: bool = True
) -> Store:
    """A split that a stage is trained on; a list of a folder if its `layout` says so and `direct` allows it.

    senses: the Localizer that will use it; without one, nothing is refused. training: it is trained on the split.
    """
    data = experiment.stage(number).data
    if direct and data.layout == "folder":
        kind = folder_kind(split, senses or experiment.build(number, pretrained=False), data.follow_links)
    elif data.layout == "webdataset":
        names = [name for name in (data.train, data.validation) if name is not None]
        kind = webdataset_kind(names, senses, data.follow_links)
    else:
        kind = _stores([name for name in (data.train, data.validation) if name is not None])
    with _saying_what_makes_it(experiment, data.store, f"stage{number}", "data", "store"):
        store: Store = experiment.find(f"stage{number}.data", data.store, kind)
    if data.layout != "folder":
        refuse_unheard(store, senses, f"stage{number}.model.sound.seconds", experiment.method, training)
    if data.read_ahead and store.settings.get("store") == "lmdb":
        raise DataError(f"{store.path}: LMDB shards cannot be read ahead; leave out data.read_ahead, or set data.cache")
    part = store.split(split)
    return cached(part, data.cache) if training and data.cache is not None else part


def open_test(experiment: "Experiment", name: str, senses: Any = None) -> Store:
    """The split of a test set."""
    test = experiment.evaluate[name]
    given = experiment.source.where(["evaluate", name, "store"]).startswith("--set ")
    with _saying_what_makes_it(experiment, test.store, "evaluate", name, "store"):
        store: Store = experiment.find(f"evaluate.{name}", test.store, _stores([test.split]), given)
    refuse_unheard(store, senses, f"evaluate.{name}.seconds", experiment.method)
    return store.split(test.split)


@contextmanager
def _saying_what_makes_it(experiment: "Experiment", store: Path, *keys: str) -> Iterator[None]:
    """The message for a store that does not exist has the command from the comments of the configuration that names it."""
    try:
        yield
    except NoStore as missing:
        config = Path(experiment.source.source)
        command = making_command(config)
        what = str(missing).partition("; ")[0]
        moved = not what.endswith("(no store.json)")  # then the message already has better advice
        given = experiment.source.where(keys).startswith("--set ")
        if not command or moved or given or f"--source {store}" in command:
            raise
        raise NoStore(f"{what}; {config.name} needs `{command}`") from None


def open_named(
    path: Path,
    split: str,
    senses: Any,
    setting: str = "sound.seconds",
    method: str = "this method",
    training: bool = False,
) -> Store:
    """A split of a store that the user gives, not the configuration."""
    store = Store.open(path)
    refuse_unheard(store, senses, setting, method, training)
    return store.split(split)


def content_of(path: Path) -> str:
    """The fingerprint of a store."""
    return Store.open(path).fingerprint


def store_kind(path: Path) -> Kind:
    """What is at the path, a store or tar shards; only its fingerprint is used."""
    from avloc.prepare.layouts.tar_shards import is_shard

    names = listed(path) if path.is_dir() else [path.name]
    return (
        _stores([])
        if "store.json" in names or not any(map(is_shard, names))
        else webdataset_kind([], None, follow=True)
    )


def _digests(store: Store, names: Sequence[str]) -> dict[str, str]:
    parts = {name: store.split(name) for name in names if name in store.splits}
    return {name: split_digest(store.settings, (row for row, _ in part.lines())) for name, part in parts.items()}


def _stores(names: Sequence[str]) -> Kind:
    def there(path: Path) -> bool:
        return (path / "store.json").is_file()

    return Kind("store", there, Store.open, lambda store: store.fingerprint, lambda store: _digests(store, names))


def webdataset_kind(names: Sequence[str], senses: Any, follow: bool = False) -> Kind:
    """Tar shards that are read directly. follow: also links to outside their folder."""
    from avloc.prepare.layouts.tar_shards import is_shard
    from avloc.prepare.layouts.tar_store import TarStore

    view = getattr(senses, "sound", None)

    def there(path: Path) -> bool:
        return path.is_dir() or (is_shard(path.name) and path.parent.is_dir())

    def open_shards(path: Path) -> Store:
        return TarStore.of(path, getattr(view, "rate", None), getattr(view, "seconds", None), follow)

    def splits(store: Store) -> dict[str, str]:
        return _digests(store, names)

    return Kind("set of shards", there, open_shards, lambda store: store.fingerprint, splits)


def folder_kind(split: str, senses: Any, follow: bool = False) -> Kind:
    """Folders of frames and sounds that are read directly, list by list. follow: also links to outside them."""
    from avloc.prepare.layouts.folder_store import FolderStore

    def open_folder(path: Path) -> Store:
        seconds = getattr(senses.sound, "seconds", None)
        return FolderStore(path, split, senses.sound.rate, seconds, follow_links=follow)

    def splits(store: Store) -> dict[str, str]:
        return {split: store.fingerprint}

    return Kind("folder", Path.is_dir, open_folder, lambda store: "", splits)


def refuse_unheard(store: Store, senses: Any, setting: str, method: str, training: bool = False) -> None:
    """DataError for sound that a method cannot use: with another rate, too short, or a spectrogram that differs from
    its view's or that training would have to vary.

    setting: the setting of its length. Shorter clips are refused in training; in tests they are repeated, as in the
    published loaders, with a warning.
    """
    if senses is None:
        return
    if store.spectrograms is not None:
        store.spectrograms.refuse(str(store.path), senses, training)
        return
    view = senses.sound
    if view.rate not in (None, store.rate):
        raise DataError(
            f"{store.path} has {store.rate} Hz; this method needs {view.rate} Hz: prepare it again with "
            f"--rate {view.rate}"
        )
    seconds = getattr(view, "seconds", None)
    if seconds is None:
        _refuse_too_short(store, view)
        return
    heard = f"{store.path} has clips of {store.seconds:g} s; {method} needs {seconds:g} s"
    if store.samples < int(seconds * view.rate / 2) * 2:
        mend = f"prepare it again with --seconds {seconds:g}, or set {setting} to {store.seconds:g}"
        if training:
            raise DataError(f"{heard}: {mend}")
        log.warning("%s, so each is repeated; %s", heard, mend)
    elif store.samples > round(seconds * view.rate):
        log.info("%s of each, its %s", heard, getattr(view, "part", "middle"))


def _refuse_too_short(store: Store, view: Any) -> None:
    """The view itself decides whether such a short sound fills one of its windows."""
    import torch

    try:
        view(torch.zeros(1, store.samples, dtype=torch.int16))
    except (AvlocError, RuntimeError) as error:
        why = error if isinstance(error, AvlocError) else f"too short for {type(view).__name__}; prepare longer clips"
        raise DataError(f"{store.path} has clips of {store.seconds:g} s: {why}") from None
