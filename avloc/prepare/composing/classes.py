"""Which pictures and sounds have the same class: those with equal names, or those in a table class,picture,sound."""

import difflib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avloc.errors import DataError
from avloc.naming import counted
from avloc.prepare.composing.columns import named_rows
from avloc.prepare.composing.sources import SEVERAL, Found, Source, names_of, plain

logger = logging.getLogger(__name__)

COLUMNS = ("class", "picture", "sound")


@dataclass(frozen=True)
class Cast:
    """The classes of a composition. classes: names that have pictures and sounds, sorted.

    pictures, sounds: of each class. things: pictures of silent objects, by name. noises: sounds whose object is never
    in view, by name. of_picture: the class of each name of pictures.
    """

    classes: tuple[str, ...]
    pictures: Mapping[str, Sequence[Source]]
    sounds: Mapping[str, Sequence[Source]]
    things: Mapping[str, Sequence[Source]]
    noises: Mapping[str, Sequence[Source]]
    of_picture: Mapping[str, str]


def join_classes(pictures: Found, sounds: Found, silent: Found, noise: Found, table: Path | None) -> Cast:
    """The cast; DataError if no class has both. Names without a match are logged.

    A sound with several labels ("Bark|Dog|Animal") gets the class that its labels name; if they name several classes,
    it is left out. A name with pictures and sounds that is not a class in the table is left out too: it can be neither
    a silent thing nor noise.
    """
    shown = {plain(name): name for name in pictures.by_name}
    heard = {plain(label): label for name in sounds.by_name for label in name.split(SEVERAL)}
    of_picture, of_sound = _by_name(shown, heard) if table is None else _read(table, shown, heard)
    classes = tuple(sorted(set(of_picture.values()) & set(of_sound.values())))
    if not classes:
        raise DataError(_no_class(pictures, sounds, table))
    cast_pictures, things = _pictures_of(classes, pictures, of_picture, heard)
    cast_sounds, noises = _sounds_of(classes, sounds, of_sound, shown)
    _report("pictures without sounds, shown as silent objects", things)
    _report("sounds without pictures, heard as noise", noises)
    _add(things, silent, cast_pictures, "--silent")
    _add(noises, noise, cast_sounds, "--noise")
    if both := sorted(set(things) & set(noises)):
        raise DataError(
            f"{both[0]!r} is both a silent object and a sound of nothing in view; remove it from one of them"
        )
    named = {name: of for name in pictures.by_name if (of := of_picture.get(plain(name), "")) in cast_pictures}
    cast = Cast(classes, cast_pictures, cast_sounds, things, noises, named)
    unused = {name for name in shown if name in heard and not (name in of_picture and name in of_sound)}
    _report("names with pictures and sounds that --classes leaves out", unused)
    logger.info("classes with pictures and sounds: %s", ", ".join(cast.classes))
    return cast


def _pictures_of(
    classes: Collection[str], pictures: Found, of_picture: Mapping[str, str], heard: Collection[str]
) -> tuple[dict[str, list[Source]], dict[str, list[Source]]]:
    """The pictures of each class, and those of names without a class that nothing sounds like, by name."""
    of_class: dict[str, list[Source]] = {name: [] for name in classes}
    others: dict[str, list[Source]] = {}
    for given, own in pictures.by_name.items():
        name = plain(given)
        if of_picture.get(name) in of_class:
            of_class[of_picture[name]] += own
        elif name not in heard:
            others[name] = [*others.get(name, ()), *own]
    return of_class, others


def _sounds_of(
    classes: Collection[str], sounds: Found, of_sound: Mapping[str, str], shown: Collection[str]
) -> tuple[dict[str, list[Source]], dict[str, list[Source]]]:
    """The sounds of each class, and those whose labels have neither a class nor a picture, by their first label.

    Sounds with labels of several classes are left out, with a warning.
    """
    of_class: dict[str, list[Source]] = {name: [] for name in classes}
    others: dict[str, list[Source]] = {}
    several = 0
    for given, own in sounds.by_name.items():
        labels = [plain(label) for label in given.split(SEVERAL)]
        mine = {of_sound[label] for label in labels if of_sound.get(label) in of_class}
        if len(mine) == 1:
            of_class[mine.pop()] += own
        elif mine:
            several += len(own)
        elif not any(label in shown for label in labels):
            others[labels[0]] = [*others.get(labels[0], ()), *own]
    if several:
        logger.warning("%s labels of more than one class; left out", counted(several, "sound has", "sounds have"))
    return of_class, others


def _by_name(shown: Mapping[str, str], heard: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    both = {name: name for name in shown if name in heard}
    return both, dict(both)


def _read(table: Path, shown: Mapping[str, str], heard: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Class of each picture name and of each sound name; DataError for an unknown name, with the closest match."""
    of_picture: dict[str, str] = {}
    of_sound: dict[str, str] = {}
    for line, row in named_rows(table, *COLUMNS):
        name, picture, sound = (row[column].strip() for column in COLUMNS)
        if not plain(name):
            raise DataError(f"{table}:{line}: no class in this row; expected {','.join(COLUMNS)}")
        for given, there, of, what in ((picture, shown, of_picture, "pictures"), (sound, heard, of_sound, "sounds")):
            if not given:
                continue
            if plain(given) not in there:
                near = difflib.get_close_matches(plain(given), there, 1)
                hint = f"; did you mean {there[near[0]]!r}?" if near else f"; there are {names_of(there.values())}"
                raise DataError(f"{table}:{line}: no {what} of {given!r}{hint}")
            if of.setdefault(plain(given), plain(name)) != plain(name):
                raise DataError(
                    f"{table}:{line}: {given!r} already belongs to {of[plain(given)]!r}; a name can have only one class"
                )
    return of_picture, of_sound


def _no_class(pictures: Found, sounds: Found, table: Path | None) -> str:
    mine, theirs = names_of(pictures.by_name), names_of(sounds.by_name)
    where = "" if table is None else f"{table}: "
    heard = {plain(label): label for name in sounds.by_name for label in name.split(SEVERAL)}
    near = next(
        (
            (name, heard[found[0]])
            for name in sorted(pictures.by_name)
            if (found := difflib.get_close_matches(plain(name), heard, 1))
        ),
        None,
    )
    hint = f"; nearest are {near[0]!r} and {near[1]!r}" if near else ""
    return (
        f"{where}no class has both pictures and sounds: pictures of {mine}; sounds of {theirs}{hint}; match them with "
        "--classes, a table class,picture,sound"
    )


def _add(to: dict[str, list[Source]], more: Found, classes: Mapping[str, object], option: str) -> None:
    for name, own in more.by_name.items():
        if plain(name) in classes:
            raise DataError(f"{option}: {name!r} is also a class that is seen and heard; remove it from one of them")
        to[plain(name)] = [*to.get(plain(name), ()), *own]


def _report(what: str, names: Collection[str]) -> None:
    if names:
        logger.warning("%s: %s", what, names_of(names, 40))
