"""`avloc prepare NAME`: data sets into stores."""

from pathlib import Path
from typing import Annotated, Any

import typer

from avloc.cli.scale import at_scale
from avloc.cli.show import Json, guarded, print_json, progress, table

app = typer.Typer(no_args_is_help=True, help="Turn a data set into a store that every method reads, or make one.")

Source = Annotated[Path, typer.Option(help="Where the data set lies.")]
Out = Annotated[Path, typer.Option(help="Folder to write; run the command again to finish or extend it.")]
Jobs = Annotated[int | None, typer.Option(help="Processes; default: one for each processor.", min=1)]
StoreKind = Annotated[str, typer.Option(help="How the store lies on disk: hdf5 or lmdb.")]
Frames = Annotated[str, typer.Option(help="How frames are kept: jpeg (quality 95) or raw.")]


@app.command()
@guarded
@at_scale("prepare music")
def music(
    source: Source,
    out: Out = Path("data/music"),
    fps: Annotated[int, typer.Option(help="Frames kept of each second.")] = 4,
    size: Annotated[int, typer.Option(help="Side of the kept frames in pixels; the aspect is not kept.")] = 256,
    rate: Annotated[int, typer.Option(help="Sampling rate of the kept sound in Hz.")] = 16000,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    splits: Annotated[list[str] | None, typer.Option(help="Prepare this list alone; may be repeated.")] = None,
    **work: Any,
) -> Any:
    """MUSIC (solo and duet), or the synthetic world, which has its layout.

    SOURCE holds MUSIC_solo_videos.json and MUSIC_duet_videos.json (class: video
    ids), lists such as solo_training_1.txt (lines of "<id>_0_1000.flac
    <id>_0_1000.mp4"), videos/<id>_0_1000.mp4, and, for the boxes, solotest.json
    and duettest.json. Each second becomes a clip; videos that cannot be read are
    counted with their reasons.
    """
    from avloc import prepare_music

    return prepare_music(source, out, fps, size, rate, frames, store, splits or None, **work)


@app.command("music-synthetic")
@guarded
@at_scale("prepare music-synthetic")
def music_synthetic(
    source: Annotated[Path, typer.Option(help="A store that `avloc prepare music` wrote.")],
    out: Out = Path("data/music-synthetic"),
    pool: Annotated[
        list[str], typer.Option(help="SPLIT=SOURCE SPLIT: where the tiles of a split come from; may be repeated.")
    ] = ["train=solo_training_2", "validation=solo_validation", "test=solo_testing"],  # noqa: B006
    count: Annotated[list[str], typer.Option(help="SPLIT=NUMBER of mosaics; may be repeated.")] = [  # noqa: B006
        "train=3000",
        "validation=400",
        "test=800",
    ],
    training: Annotated[
        list[str] | None, typer.Option(help="Splits whose sounds get random gains; default: train.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    size: Annotated[int, typer.Option(help="Side of a mosaic in pixels; its cells are half of it.")] = 256,
    jitter: Annotated[float, typer.Option(help="Training gains are drawn from 1 - jitter to 1 + jitter.")] = 0.5,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Any,
) -> Any:
    """MUSIC-synthetic: 2x2 mosaics of solo clips of four classes, two of which sound."""
    from avloc import prepare_music_synthetic

    return prepare_music_synthetic(
        source, out, pool, count, training or None, seed, size, jitter, frames, store, **work
    )


Lists = Annotated[list[str] | None, typer.Option(help="SPLIT=FILE: the ids of a split, one a line; may be repeated.")]
Benchmark = Annotated[str | None, typer.Option(help="Which annotation it is: vggss, flickr-soundnet, ...")]
Annotations = Annotated[Path | None, typer.Option(help="Where the boxes of the benchmark lie.")]
Short = Annotated[str, typer.Option(help="Sounds that are too short: fail (counted) or repeat.")]


@app.command()
@guarded
@at_scale("prepare folder")
def folder(
    source: Source,
    out: Out,
    lists: Lists = None,
    labels: Annotated[Path | None, typer.Option(help="A .csv of ids and classes, a line each.")] = None,
    benchmark: Benchmark = None,
    annotations: Annotations = None,
    seconds: Annotated[float, typer.Option(help="Length of a clip.")] = 3.0,
    every: Annotated[bool, typer.Option("--every", help="All clips of each video, not its middle alone.")] = False,
    frames_per_clip: Annotated[int, typer.Option(help="Frames kept of each clip.")] = 1,
    size: Annotated[int, typer.Option(help="Side of the kept frames in pixels; the aspect is not kept.")] = 256,
    rate: Annotated[int, typer.Option(help="Sampling rate of the kept sound in Hz.")] = 16000,
    short: Short = "fail",
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Any,
) -> Any:
    """Any folder of videos; for published data sets with lists and boxes of their own see the other commands.

    Videos may lie in folders of their own; a listed ID_START is found as
    ID_START.mp4, ID/START.mp4 or ID_START_END.mp4, with zeros before the times or
    without. A video without sound is heard by the sound file beside it that has
    its name; a picture and a sound file of one name are a clip too. What cannot
    be read is counted with its reason.
    """
    from avloc import prepare_folder

    return prepare_folder(
        source, out, lists or (), labels, benchmark, annotations, seconds, every, frames_per_clip, size, rate, short,
        frames, store, **work,
    )  # fmt: skip


@app.command("import")
@guarded
@at_scale("prepare import")
def import_(
    source: Source,
    layout: Annotated[str, typer.Option(help="folder, sspl, visual-context, dsol or coarse-to-fine.")],
    out: Out,
    lists: Lists = None,
    benchmark: Benchmark = None,
    annotations: Annotations = None,
    seconds: Annotated[float | None, typer.Option(help="Of sound kept, the middle; default: the layout's.")] = None,
    rate: Annotated[int | None, typer.Option(help="Of the kept sound in Hz; default: the layout's, 16000.")] = None,
    frame: Annotated[int, typer.Option(help="Which of several numbered frames.")] = 7,
    short: Short = "fail",
    size: Annotated[int, typer.Option(help="Side of the kept frames in pixels.")] = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Any,
) -> Any:
    """Data prepared for a published program, or frames and sounds in two folders.

    \b
    folder          video_frames/ID/007.jpg, frames/ID.jpg or images/ID.jpg,
                    and audios/ID.wav or audio/ID.wav
    sspl            10k_unlabeled, 144k_unlabeled, 5k_labeled
    visual-context  SPLIT_images.lmdb, SPLIT_audios.lmdb
    dsol            audio_frames/STEM/000.pkl and video_frames/STEM/frame_000,
                    or the folders of MUSIC-synthetic
    coarse-to-fine  Video.h5, Spec.h5, and Roi.h5, labels_a.npy, labels_v.npy
                    where they are there

    Where there are spectrograms and no sounds, the store holds spectrograms; only methods that listen alike read it.
    """
    from avloc import prepare_import

    return prepare_import(
        source, layout, out, lists or (), benchmark, annotations, seconds, rate, frame, short, size, frames, store,
        **work,
    )  # fmt: skip


@app.command()
@guarded
def synthetic(
    out: Out,
    videos: Annotated[
        int | None, typer.Option(help="How many videos in all, at least 12; default: the preset's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the world; another seed is another world.")] = 0,
    preset: Annotated[str, typer.Option(help="quick (some 700 videos) or full (ten times as many).")] = "quick",
    jobs: Jobs = None,
    json: Json = False,
) -> None:
    """The built-in world: real mp4 files with sound and exact truth, in the layout of MUSIC."""
    from avloc import prepare_synthetic

    with progress("prepare synthetic", many=True) as shown:
        world = prepare_synthetic(out, videos, seed, preset, jobs, shown)
    if json:
        print_json(world)
        return
    table("", ["list", "videos"], [[name, number] for name, number in world.counts.items()], right=(1,))
    print(
        f"{world.out}: {world.videos} videos of {', '.join(world.classes)}; `avloc prepare music --source {world.out}` is next"
    )
