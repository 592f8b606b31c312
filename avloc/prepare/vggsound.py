"""VGGSound and the test sets made from it: VGG-SS, its extension by silent clips, single and mixed clips, instruments.

Chen et al., ICASSP 2020 (vggsound.csv: YouTube id, start second, class, train or test), CVPR 2021 (vggss.json); for the
lists see `avloc.prepare.parts.vggsound_lists`.
"""

from pathlib import Path
from typing import Annotated, Unpack

from avloc.errors import DataError
from avloc.options import verb
from avloc.prepare.parts import options
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.one_moment import OneMoment
from avloc.prepare.parts.recipe import Recipe, moments_of
from avloc.prepare.parts.sounders import Only, Without
from avloc.prepare.parts.vggsound_lists import list_vggsound
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.store_folder import Prepared


@verb
def prepare_vggsound(
    source: options.Source,
    out: options.Out = Path("data/vggsound"),
    annotations: options.Annotations = None,
    lists: options.Lists = (),
    splits: options.Splits = None,
    at: Annotated[float, "time of the frame in seconds; the boxes of VGG-SS are for the frame at 5.0"] = 5.0,
    frame: Annotated[int, "which frame to use if a clip is a folder of numbered frames"] = 7,
    seconds: options.Seconds = 3.0,
    rate: options.Rate = 16000,
    part: options.Part = "middle",
    short: options.Short = "repeat",
    size: options.Size = 256,
    frames: options.Frames = "jpeg",
    store: options.StoreKind = "hdf5",
    repair: options.Repair = 0.1,
    channels: options.Channel = "mean",
    seed: options.Seed = 0,
    only: Only = (),
    without: Without = (),
    **work: Unpack[Scale],
) -> Prepared:
    """VGGSound and its test sets: one clip for each listed ID_START. docs/data/vggsound.md

    SOURCE contains ID_START.mp4, ID/START.mp4, or frames/ID_START.jpg and audio/ID_START.wav, in any folder. Each list
    becomes a split. Lists are in SOURCE or in --annotations; --splits selects some of them:

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
    vggsounder        vggsounder.csv (Bizilizi/VGGSounder), everything
                      heard in each clip; --only and --without filter it
    instruments       vgginstruments_test.csv, instruments_multi of
                      vgginstruments_multi_test.csv (stoneMo/AVGN), only
                      if named; frames/sampleNNNN.jpg

    The defaults are those of EZ-VSL and SSPL. Visual context uses 24000 Hz; Hard Way's test uses the first 10 seconds.
    """
    moments = moments_of(size, rate, seconds, short, part, Decoding(repair, channels=channels))
    if not 0 <= at < 1e4:
        raise DataError(f"at is {at}; expected seconds, 0 or more")
    classes, listing = list_vggsound(source, annotations or source, lists, splits or None, seed, only, without)
    reader = OneMoment(source, moments, at, frame)
    facts = {"at": at, "frame": frame, "part": part, "short": short, "seed": seed}
    return Recipe("vggsound", source, classes, listing, reader, moments, facts, block=64).prepare(
        out, frames, store, **work
    )
