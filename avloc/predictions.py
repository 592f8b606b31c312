"""Predictions on disk: heat maps with the ids of their clips, as HDF5, .npz, or a folder with one file per map."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from errno import ENOMEM
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.errors import DataError
from avloc.files import refused, replacing, system_error, why
from avloc.given_arrays import array_of, texts_of
from avloc.links import following
from avloc.naming import brief, first_double, some
from avloc.plain_arrays import MissingArrays, names_of_arrays, plain_arrays
from avloc.predicted_arrays import NEGATIVES, VECTORS, checked_maps, expect, names, numbers, tell_unused
from avloc.predicted_boxes import Framed, read_boxes
from avloc.predicted_maps import as_float32, maps_of_folder

_ENDINGS = ".h5, .hdf5 or .npz with the arrays ids and maps, boxes in .json or .csv, or a folder of ID.npy or ID.png"
log = logging.getLogger("avloc.predictions")
_NEEDED = ("ids", "maps")
_OPTIONAL = ("classes", "confidence", "object_maps", "assignment", *VECTORS, *NEGATIVES.values())


@dataclass
class Predictions:
    """Raw heat maps of N clips: maps (N, K, h, w) float32, and optional further arrays."""

    ids: list[str]
    maps: NDArray[np.float32]
    classes: tuple[str, ...] | None = None  # names of the K maps
    confidence: NDArray[np.float64] | None = None  # (N,) confidence that something in view sounds
    object_maps: NDArray[np.float32] | None = None  # (N, h, w) for object-guided localization
    assignment: NDArray[np.bool_] | None = None  # (C, K) which map belongs to which class
    negative_maps: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # by kind of sound, (N, K, h, w)
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # (N, C) each, by the names in VECTORS
    attributes: dict[str, Any] = field(default_factory=dict)
    boxes: list[list[Framed]] | None = None  # of each clip, if the file has boxes, from which maps are drawn
    sized: list[NDArray[np.float32]] | None = None  # (K, h, w) of each clip if their sizes differ; then maps is empty


def write_predictions(
    path: Path,
    ids: Sequence[str],
    maps: ArrayLike,
    classes: Sequence[str] | None = None,
    confidence: ArrayLike | None = None,
    assignment: ArrayLike | None = None,
    attributes: dict[str, Any] | None = None,
    object_maps: ArrayLike | None = None,
    negative_maps: Mapping[str, ArrayLike] | None = None,
    frame_vectors: ArrayLike | None = None,
    sound_vectors: ArrayLike | None = None,
) -> None:
    """Write raw heat maps (N, K, h, w) or (N, h, w) to one HDF5 file, written atomically.

    negative_maps: maps of the same clips with other sounds, {"silence": maps, "noise": maps, "offscreen": maps}.
    frame_vectors, sound_vectors: (N, C), embeddings of each clip's frame and sound in one space, for retrieval.
    """
    import h5py

    from avloc.sealed_hdf5 import sealed_file

    path = Path(path)
    others = negative_maps or {}
    if not set(others) <= set(NEGATIVES):
        raise DataError(f"{path}: maps of {', '.join(others)}; expected {', '.join(NEGATIVES)}")
    further = {
        "classes": None if classes is None else texts_of(classes),
        "confidence": confidence,
        "assignment": assignment,
        "object_maps": object_maps,
        **dict(zip(VECTORS, (frame_vectors, sound_vectors), strict=True)),
        **{NEGATIVES[kind]: one for kind, one in others.items()},
    }
    arrays = {name: array_of(one, f"{path}: {name}") for name, one in further.items() if one is not None}
    arrays |= {"ids": array_of(texts_of(ids), f"{path}: ids"), "maps": array_of(maps, f"{path}: maps")}
    found = _checked(path, arrays, lambda name: arrays[name])  # what cannot be read is not written
    with replacing(path) as temporary, sealed_file(temporary) as file:
        text = h5py.string_dtype("utf-8")
        file.create_dataset("ids", data=found.ids, dtype=text)
        if found.classes is not None:
            file.create_dataset("classes", data=list(found.classes), dtype=text)
        if found.assignment is not None:
            file.create_dataset("assignment", data=found.assignment.astype(np.uint8))
        for name, maps in (
            ("maps", found.maps),
            *((NEGATIVES[kind], one) for kind, one in found.negative_maps.items()),
        ):
            file.create_dataset(name, data=maps, chunks=(min(64, len(maps)), *maps.shape[1:]))
        for name, one in (("confidence", found.confidence), ("object_maps", found.object_maps), *found.vectors.items()):
            if one is not None:
                file.create_dataset(name, data=one)
        for name, value in (attributes or {}).items():
            file.attrs[name] = value


def read_predictions(path: Path, follow_links: bool = False) -> Predictions:
    """Read predictions of any kind; DataError tells what is missing or does not fit. Nothing is unpickled.

    follow_links: also read maps in a folder that are symbolic links to outside it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file; expected predictions: {_ENDINGS}")
    if path.is_dir():
        with following(follow_links, path):
            return of_maps(path, *maps_of_folder(path))
    if path.suffix.lower() in (".h5", ".hdf5", ".hdf"):
        return _from_hdf5(path)
    if path.suffix.lower() == ".npz":
        return _from_npz(path)
    if path.suffix.lower() in (".json", ".csv"):
        drawn = read_boxes(path)
        sure = np.array([drawn.scores.get(name, 0.0) for name in drawn.maps])
        unsure = len(drawn.maps) - len(drawn.scores)
        if drawn.scores and unsure:
            log.warning("%s: %d of %d clips have no score; none is used as confidence", path, unsure, len(drawn.maps))
        found = Predictions(list(drawn.maps), np.stack(list(drawn.maps.values()))[:, None])
        found.confidence = None if unsure else sure
        found.boxes = None if drawn.masked else [drawn.boxes[name] for name in drawn.maps]
        return found
    raise DataError(f"{path}: {path.suffix or 'a file without ending'} is not supported; expected {_ENDINGS}")


def of_maps(path: Path, ids: list[str], maps: list[NDArray[np.float32]]) -> Predictions:
    """Predictions from a map (K, h, w) for each id; their sizes may differ, but not the number of maps per clip."""
    _refuse_doubles(path, ids)
    if len({one.shape for one in maps}) == 1:
        return Predictions(ids, np.stack(maps))
    other = next((number for number, one in enumerate(maps) if len(one) != len(maps[0])), None)
    if other is not None:
        found = f"{len(maps[other])} maps of {brief(ids[other])!r}, but {len(maps[0])} of {brief(ids[0])!r}"
        raise DataError(f"{path}: {found}; expected the same number for each clip")
    return Predictions(ids, np.zeros((0, 0, 0, 0), np.float32), sized=maps)


def _by_id(path: Path, there: Collection[str], take: Callable[[str], NDArray]) -> Predictions:
    """A file with one array for each clip, under its id."""
    ids = list(there)
    maps = [take(name) for name in ids]
    if any(one.ndim not in (2, 3) or one.dtype.kind not in "fiub" or not one.size for one in maps):
        raise _lacking(path, there)
    return of_maps(path, ids, [as_float32(one).reshape(-1, *one.shape[-2:]) for one in maps])


def _from_hdf5(path: Path) -> Predictions:
    from avloc.plain_hdf5 import dataset, is_group, names_in, open_hdf5, paths_in, told, whole
    from avloc.sealed_hdf5 import refuse_harmful

    try:
        refuse_harmful(path)
        with open_hdf5(path) as file:
            plain = {name: dataset(file, name, "any") for name in names_in(file) if not is_group(file, name)}
            known = bool(set(plain) & {*_NEEDED, *_OPTIONAL})
            if not known:  # an array for each clip, whose id may have slashes, which HDF5 takes for groups
                plain = {name: dataset(file, name, "any") for name in paths_in(file)}
            tell_unused(path, plain if known else (), (*_NEEDED, *_OPTIONAL))
            found = (_checked if known or not plain else _by_id)(path, plain, lambda name: whole(plain[name]))
            with told():
                attributes = {name: _plain(value) for name, value in file.attrs.items()}
    except MemoryError as error:
        raise _too_large(path, error) from None
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == ENOMEM:
            raise _too_large(path, error) from None
        if system_error(error) is not None:
            raise DataError(refused(path, error, "")) from None
        raise DataError(f"{path}: not a complete HDF5 file ({error}); write the predictions again") from None
    found.attributes = attributes
    return found


def _plain(value: Any) -> Any:
    """An attribute in Python's own types: a list if it has several values."""
    if isinstance(value, np.ndarray) and value.size != 1:
        return value.tolist()
    return value.item() if hasattr(value, "item") else value


def _too_large(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: does not fit into memory ({error}); keep maps at the size the model gives, in float32")


def _from_npz(path: Path) -> Predictions:
    try:
        try:
            arrays = plain_arrays(path, _NEEDED, _OPTIONAL)
            tell_unused(path, names_of_arrays(path), (*_NEEDED, *_OPTIONAL))
        except MissingArrays as error:
            if set(error.there) & {*_NEEDED, *_OPTIONAL} or not error.there:
                raise _lacking(path, error.there) from None
            arrays = plain_arrays(path)
            return _by_id(path, list(arrays), lambda name: arrays[name])
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({why(error)})") from None
    except ValueError as error:
        raise DataError(
            f"{path}: not a complete .npz file ({why(error)}); expected plain arrays, ids as text"
        ) from None
    return _checked(path, arrays, lambda name: arrays[name])


def _lacking(path: Path, there: Collection[str]) -> DataError:
    missing = [name for name in _NEEDED if name not in there]
    held = f"{len(there)} arrays, {some(there, 5)}" if there else "nothing"
    return DataError(f"{path}: holds {held}; expected the arrays {' and '.join(missing)}")


def _checked(path: Path, there: Collection[str], take: Callable[[str], NDArray]) -> Predictions:
    if any(name not in there for name in _NEEDED):
        raise _lacking(path, there)
    held = take("ids")
    maps = checked_maps(path, take("maps"), held.size)
    ids = names(path, "ids", held)
    given = {name: take(name) for name in _OPTIONAL if name in there}
    amount = maps.shape[1]
    found = Predictions(ids, maps)
    _refuse_doubles(path, ids)
    if "classes" in given:
        expect(path, "classes", (given["classes"].size,), (amount,), "a name for each of the K maps")
        found.classes = tuple(names(path, "classes", given["classes"]))
    if "confidence" in given:
        found.confidence = numbers(path, "confidence", given["confidence"]).astype(np.float64)
        expect(path, "confidence", found.confidence.shape, (len(ids),), "a number for each id")
        if not np.isfinite(found.confidence).all():
            raise DataError(f"{path}: confidence holds NaN or infinity; expected a number for each id")
    if "object_maps" in given:
        found.object_maps = as_float32(numbers(path, "object_maps", given["object_maps"]))
        expect(path, "object_maps", (*found.object_maps.shape[:1], found.object_maps.ndim), (len(ids), 3), "(N, h, w)")
    found.negative_maps = {
        kind: checked_maps(path, given[name], len(ids), name) for kind, name in NEGATIVES.items() if name in given
    }
    found.vectors = {name: as_float32(numbers(path, name, given[name])) for name in VECTORS if name in given}
    for name, vectors in found.vectors.items():
        expect(path, name, (*vectors.shape[:1], vectors.ndim), (len(ids), 2), "(N, C)")
    if "assignment" in given:
        found.assignment = numbers(path, "assignment", given["assignment"]) != 0
        expect(path, "assignment", found.assignment.shape[1:], (amount,), "(C, K), K the number of maps")
    return found


def _refuse_doubles(path: Path, ids: list[str]) -> None:
    double = first_double(ids)
    if double is not None:
        raise DataError(f"{path}: duplicate id {brief(double)!r}; expected each id once")
