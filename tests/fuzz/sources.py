"""The sources of data sets, whose lists, labels, boxes and settings are damaged: items fail, or one line says what is wrong."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from avloc.prepare.composing.groups import read_groups
from avloc.prepare.composing.pictures import list_pictures
from avloc.prepare.fetch.lists import read_moments
from tests.data.making import make_music, make_video, tone, write_image
from tests.data.published import write_frame, write_json, write_pickle, write_sound
from tests.fuzz import damage
from tests.fuzz.further import once
from tests.fuzz.made import Made
from tests.fuzz.reading import Input, anew
from tests.prepare.composing import make_world, photograph
from tests.prepare.composing import tone as tone_of
from tests.prepare.test_composing_layouts import MAKERS
from tests.prepare.test_prepare_audioset_instrument import NAMES, tags
from tests.prepare.test_prepare_avatar import annotate, thing
from tests.prepare.test_prepare_avsbench import rows, square
from tests.prepare.test_prepare_soundnet_flickr import xml_of
from tests.prepare.test_prepare_vggsound import TEST, TRAIN

#: of pictures and sounds, which other areas damage
MEDIA = {".mp4", ".jpg", ".png", ".wav"}
WAYS = {".json": damage.json_of, ".pkl": damage.bytes_of, ".npy": damage.bytes_of}


def marked(made: Made) -> Iterator[Input]:
    """Objects in pictures as COCO, Pascal VOC and Open Images mark them, groups of files, and moments to download."""
    root = made.folder / "marked"
    for layout, make in MAKERS.items():
        folder = once(lambda path, make=make: make(path, count=6), root / layout)
        for path in texts(folder):
            way = damage.json_of if path.suffix == ".json" else damage.text_of
            yield Input(path, way, partial(list_pictures, folder))
    groups = once(lambda path: path.write_text("file,group\ncat/a.png,one\ncat/b*,two\n"), root / "groups.csv")
    yield Input(groups, damage.text_of, partial(read_groups, groups))
    moments = once(lambda path: path.write_text("abcdefghijk,10,20\nbbcdefghijk_000030\n"), root / "moments.csv")
    yield Input(moments, damage.text_of, partial(read_moments, moments, 10.0))


def texts(folder: Path) -> list[Path]:
    """One file of each name's ending in each folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix.lower() not in MEDIA]
    return list({(path.parent, path.suffix, path.stem[:9]): path for path in files}.values())


def described(made: Made) -> Iterator[Input]:
    """What describes the clips of a published data set, prepared from a tree of it."""
    root = made.folder / "described"
    for name, make in MAKERS_OF.items():
        source, out = once(make, root / name), root / "store"
        for path in texts(source):
            way = WAYS.get(path.suffix, damage.text_of)
            yield Input(path, way, partial(anew, out, tuple(words_for(name, source, out))))
    yield from _composed(root)


def words_for(name: str, source: Path, out: Path, jobs: int = 0) -> list[object]:
    words = ["prepare", name, "--source", source, "--out", out, "--size", 16, "--jobs", jobs]
    if name == "folder":
        words += ["--lists", f"a={source}/a.csv", "--labels", source / "labels.csv"]
        words += ["--benchmark", "own", "--annotations", source / "boxes.json"]
    return words + ["--seconds", 1] * (name in ("folder", "avatar"))


def composed(made: Made) -> Iterator[Input]:
    """Pictures and sounds of which scenes are composed: by their classes, one of each kind of file."""
    world, out = once(make_world, made.folder / "composed" / "world"), made.folder / "composed" / "store"
    bell = world / "photos" / "bell"
    for kind, mode in (
        ("jpg", "RGB"),
        ("webp", "RGB"),
        ("bmp", "RGB"),
        ("tiff", "I;16"),
        ("gif", "P"),
        ("png", "RGBA"),
    ):
        photograph("bell", 0, (64, 48)).convert(mode).save(bell / f"other.{kind}")
    for kind in ("flac", "ogg", "mp3"):
        soundfile.write(world / "sounds" / "bell" / f"other.{kind}", tone_of("bell", 20, rate=16_000), 16_000)
    for path in (*bell.glob("other.*"), *(world / "sounds" / "bell").glob("other.*"), bell / "bell_00.png",
                 world / "sounds" / "cat" / "cat_00.wav"):  # fmt: skip
        yield Input(path, damage.bytes_of, partial(anew, out, _words_to_compose(world, out)))


def _words_to_compose(world: Path, out: Path) -> tuple[object, ...]:
    return ("prepare", "compose", "--pictures", world / "photos", "--sounds", world / "sounds", "--out", out,
            "--size", 32, "--rate", 8000, "--seconds", 1, "--min", 2, "--jobs", 0, "--count", "train:solo=6")  # fmt: skip


def _composed(root: Path) -> Iterator[Input]:
    world, out = root / "world", root / "store"
    once(make_world, world)
    for name, text in {
        "classes": "class,picture,sound\nbell,bell,bell\ncat,cat,cat\nowl,owl,owl\n",
        "groups": "file,group\nbell/bell_00.png,one\ncat/*,two\n",
    }.items():
        path = once(lambda at, text=text: at.write_text(text), world / f"{name}.csv")
        words = (*_words_to_compose(world, out), f"--{name}", path)
        yield Input(path, damage.text_of, partial(anew, out, words))


def _ave(root: Path) -> None:
    lines = ["Church bell&RUhOCu3LNXM&good&0&10", "Bark&E_1Asfq8it4&good&8&10"]
    for line in lines:
        make_video(root / "AVE" / f"{line.split('&')[1]}.mp4", 15, sound=tone(1.5))
    (root / "Annotations.txt").write_text("\n".join(["Category&VideoID&Quality&StartTime&EndTime", *lines]))
    (root / "trainSet.txt").write_text(lines[0] + "\n")
    (root / "testSet.txt").write_text(lines[1] + "\n")


def _vggsound(root: Path) -> None:
    names = [f"{video}_{start:06d}" for video, start, _ in [*TRAIN[:1], *TEST]]
    for name in names:
        make_video(root / f"{name}.mp4", 100, sound=tone(10))
    listed = [(*row, "train") for row in TRAIN[:1]] + [(*row, "test") for row in TEST]
    (root / "vggsound.csv").write_text("".join(f'{v},{start},"{label}",{split}\n' for v, start, label, split in listed))
    boxes = [{"file": name, "class": "dog barking", "bbox": [[0.25, 0.25, 0.75, 0.5]]} for name in names[1:]]
    write_json(root / "vggss.json", boxes)
    (root / "vggsound_duet_test.csv").write_text(f"{names[1]},playing_harp,{names[2]},dog_barking\n")
    (root / "vggsound_single_test.csv").write_text(f"{names[1]},playing_harp\n")
    (root / "vggss_test_plus_silent.csv").write_text(f"video,audio,label\n{names[1]},{names[2]},non-sounding\n")
    (root / "vggss_10k.txt").write_text(names[0])


def _flickr(root: Path) -> None:
    for number, name in enumerate(("10000000000", "2432219254")):
        write_frame(root / "frames" / f"{name}.jpg", number)
        write_sound(root / "audio" / f"{name}.wav", number, 4.0)
    (root / "metadata").mkdir()
    (root / "metadata" / "flickr_10k.txt").write_text("10000000000\n")
    (root / "metadata" / "flickr_test.csv").write_text("2432219254,0\n")
    (root / "Annotations").mkdir()
    (root / "Annotations" / "2432219254.xml").write_text(xml_of([[10, 10, 100, 100]] * 3))


def _audioset(root: Path) -> None:
    for part, name in (("train", "aAAAAAAAAAA"), ("val", "zBBBBBBBBBB")):
        for second in range(10):
            write_frame(root / part / name / f"{second:04d}.jpg", 0, second)
        write_sound(root / part / "audio" / f"{name}.wav", 0, 10.0)
    write_pickle(root / "train_audio.pkl", {"aAAAAAAAAAA": tags("Harp")})
    write_pickle(root / "val_audio.pkl", {"zBBBBBBBBBB": tags("Cello")})
    np.save(root / "audioset_train_effv2.npy", np.array([0]))
    boxes = {
        "categories": [{"id": n, "name": name} for n, name in enumerate(NAMES)],
        "images": [{"id": 3, "width": 256, "height": 192}],
        "annotations": [{"image_id": 3, "category_id": 4, "bbox": [0.1, 0.2, 0.3, 0.4]}],
    }
    write_json(root / "utils" / "normav.json", boxes)


def _avatar(root: Path) -> None:
    annotate(root, 5, [thing("Single-Sound")])
    annotate(root, 9, [thing("Off-Screen", "train horn", bbox=[], segmentation=[])])
    make_video(root / "videos" / "abcdefghijk_000030.mp4", 15, sound=tone(1.5))


def _avsbench(root: Path) -> None:
    data = root / "s4_data"
    for video, category, split in (("aaa", "dog_barking", "train"), ("bbb", "dog_barking", "test")):
        place = f"{split}/{category}/{video}"
        for n in range(1, 6):
            write_image(data / "visual_frames" / place / f"{video}_{n}.png", square(20, 20))
            write_image(data / "gt_masks" / place / f"{video}_{n}.png", square(10 * n, 20))
        write_sound(data / "audio_wav" / split / category / f"{video}.wav", 0, 5)
    listed = [["aaa", "0", "dog_barking", "train"], ["bbb", "0", "dog_barking", "test"]]
    rows(root / "s4_meta_data.csv", ["name", "start", "category", "split"], listed)


def _folder(root: Path) -> None:
    for name in ("a", "b"):
        make_video(root / f"{name}.mp4", 12, sound=tone(1.2))
    (root / "a.csv").write_text("a\nb\n")
    (root / "labels.csv").write_text("id,class\na,harp\nb,horn\nb,harp\n")
    box = {"box": [0.1, 0.1, 0.5, 0.5], "label": "harp", "sounding": True}
    write_json(root / "boxes.json", {"units": "fraction", "boxes": "xyxy", "clips": [{"id": "a", "boxes": [box]}]})


def _music(root: Path) -> None:
    make_music(root, {"solo_training": ["harp", "horn"]}, seconds=1)


#: trees of published data sets, by the command that prepares them
MAKERS_OF: dict[str, Callable[[Path], None]] = {
    "music": _music, "ave": _ave, "vggsound": _vggsound, "soundnet-flickr": _flickr, "audioset-instrument": _audioset,
    "avatar": _avatar, "avsbench": _avsbench, "folder": _folder,
}  # fmt: skip
