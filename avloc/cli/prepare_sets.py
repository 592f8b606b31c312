"""`avloc prepare NAME` for data sets that are published as lists, tags and boxes beside videos, frames and sounds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from avloc.cli.prepare import Frames, Lists, Out, Source, StoreKind, app
from avloc.cli.scale import at_scale
from avloc.cli.show import guarded

Where = Annotated[Path | None, typer.Option(help="Where lists and boxes lie; default: SOURCE.")]
Splits = Annotated[list[str] | None, typer.Option(help="Prepare this split alone; may be repeated.")]
Size = Annotated[int, typer.Option(help="Side of the kept frames in pixels; the aspect is not kept.")]
Rate = Annotated[int, typer.Option(help="Of the kept sound in Hz.")]
Seconds = Annotated[float, typer.Option(help="Of sound kept.")]
Part = Annotated[str, typer.Option(help="Of the sound: middle or first.")]
Short = Annotated[str, typer.Option(help="Sounds that are too short: repeat, or fail (counted).")]
Seed = Annotated[int, typer.Option(help="Of a training split drawn where its list is missing.")]
Whole = Annotated[int, typer.Option(help="Of a clip, whole seconds; 10 is all of a video in one.")]
Fps = Annotated[int, typer.Option(help="Frames kept of each second.")]
At = Annotated[float, typer.Option(help="Where in its part of the second a frame is taken, 0 to 1.")]
Pad = Annotated[bool, typer.Option("--pad/--no-pad", help="Fill a last second that is cut short with silence.")]


@app.command("soundnet-flickr")
@guarded
@at_scale("prepare soundnet-flickr")
def soundnet_flickr(
    source: Source,
    out: Out = Path("data/flickr"),
    annotations: Where = None,
    lists: Lists = None,
    splits: Splits = None,
    seconds: Seconds = 3.0,
    rate: Rate = 16000,
    part: Part = "middle",
    short: Short = "repeat",
    size: Size = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    seed: Seed = 0,
    **work: Any,
) -> Any:
    """SoundNet-Flickr: a frame and a stretch of sound of each video. docs/data/soundnet_flickr.md

    SOURCE has frames/ID.jpg and audio/ID.wav, or Data/D/ID.jpg and Data/D/ID.wav,
    or frames/videos2/.../ID.mp4/*.jpg and mp3/videos2/.../*.mp3, or videos. Each
    list is a split; it lies in SOURCE or in --annotations, --splits chooses:

    \b
    train_10k, _144k  flickr_10k.txt, flickr_144k.txt
                      (github.com/stoneMo/EZ-VSL)
    test              flickr_test.csv, with boxes of Annotations/ID.xml
                      (ardasnck/learning_to_localize_sound_source) or of
                      gtdata.pkl
    test_extended     flickr_test_plus_silent.csv (stoneMo/SLAVC)
    """
    from avloc import prepare_soundnet_flickr

    return prepare_soundnet_flickr(
        source, out, annotations, lists or (), splits or None, seconds, rate, part, short, size, frames, store, seed,
        **work,
    )  # fmt: skip


@app.command()
@guarded
@at_scale("prepare vggsound")
def vggsound(
    source: Source,
    out: Out = Path("data/vggsound"),
    annotations: Where = None,
    lists: Lists = None,
    splits: Splits = None,
    at: Annotated[float, typer.Option(help="When the frame is taken, s; VGG-SS marks the one at 5.0.")] = 5.0,
    frame: Annotated[int, typer.Option(help="Which picture, where a clip has a folder of numbered ones.")] = 7,
    seconds: Seconds = 3.0,
    rate: Rate = 16000,
    part: Part = "middle",
    short: Short = "repeat",
    size: Size = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    seed: Seed = 0,
    **work: Any,
) -> Any:
    """VGGSound and its test sets, a clip of each listed ID_START. docs/data/vggsound.md

    SOURCE has ID_START.mp4, ID/START.mp4, or frames/ID_START.jpg and
    audio/ID_START.wav, in any folder. Each list is a split; it lies in SOURCE or
    in --annotations, --splits chooses:

    \b
    train, test       vggsound.csv (robots.ox.ac.uk/~vgg/data/vggsound)
    train_10k, _144k  vggss_10k.txt, vggss_144k.txt; also vggss_heard.txt
                      (github.com/stoneMo/EZ-VSL)
    vggss             vggss.json with its boxes
                      (hche11/Localizing-Visual-Sounds-the-Hard-Way);
                      vggss_4692, vggss_heard, vggss_unheard of
                      vggss_..._test.csv
    vggss_extended    vggss_test_plus_silent.csv (stoneMo/SLAVC)
    single, duet      vggsound_single_test.csv, vggsound_duet_test.csv
                      (stoneMo/AVGN)
    instruments       vgginstruments_test.csv, instruments_multi of
                      vgginstruments_multi_test.csv (stoneMo/AVGN);
                      frames/sampleNNNN.jpg
    """
    from avloc import prepare_vggsound

    return prepare_vggsound(
        source, out, annotations, lists or (), splits or None, at, frame, seconds, rate, part, short, size, frames,
        store, seed, **work,
    )  # fmt: skip


@app.command()
@guarded
@at_scale("prepare ave")
def ave(
    source: Source,
    out: Out = Path("data/ave"),
    annotations: Where = None,
    lists: Lists = None,
    splits: Splits = None,
    boxes: Annotated[Path | None, typer.Option(help="Boxes of your own, of clips VIDEOID/SECOND.")] = None,
    seconds: Whole = 1,
    fps: Fps = 1,
    at: At = 0.5,
    pad: Pad = True,
    rate: Rate = 22050,
    size: Size = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Any,
) -> Any:
    """AVE: ten clips of a second of each video, with the class of its event. docs/data/ave.md

    SOURCE has AVE/VIDEOID.mp4, and Annotations.txt, trainSet.txt, valSet.txt, testSet.txt with
    lines Category&VideoID&Quality&StartTime&EndTime (AVE_Dataset.zip of
    github.com/YapengTian/AVE-ECCV18). AVE has no boxes: bring yours to score on it.
    """
    from avloc import prepare_ave

    return prepare_ave(
        source, out, annotations, lists or (), splits or None, boxes, seconds, fps, at, pad, rate, size, frames, store,
        **work,
    )  # fmt: skip


@app.command("audioset-instrument")
@guarded
@at_scale("prepare audioset-instrument")
def audioset_instrument(
    source: Source,
    out: Out = Path("data/audioset-instrument"),
    release: Annotated[
        str, typer.Option(help="Whose lists, classes, boxes: coarse-to-fine or dsol.")
    ] = "coarse-to-fine",
    annotations: Where = None,
    splits: Splits = None,
    seconds: Whole = 1,
    fps: Fps = 1,
    at: At = 0.5,
    pad: Pad = True,
    rate: Annotated[int | None, typer.Option(help="Of the sound in Hz; default: 22050, for dsol 16000.")] = None,
    size: Size = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Any,
) -> Any:
    """AudioSet-instrument: ten clips of a second of each video. docs/data/audioset_instrument.md

    SOURCE has train/ID/0000.jpg to 0009.jpg with train/audio/ID.wav, val/ alike,
    or ID.mp4. The lists, tags and boxes of a release lie in SOURCE or in
    --annotations:

    \b
    coarse-to-fine  train_audio.pkl, val_audio.pkl, audioset_train_effv2.npy,
                    normav.json (utils of
                    github.com/shvdiwnkozbw/Multi-Source-Sound-Localization)
    dsol            single_train_data.pkl, single_train_data_label.pkl, ...,
                    audioset_box.json (github.com/DTaoo/
                    Discriminative-Sounding-Objects-Localization)
    """
    from avloc import prepare_audioset_instrument

    return prepare_audioset_instrument(
        source, out, release, annotations, splits or None, seconds, fps, at, pad, rate, size, frames, store, **work
    )
