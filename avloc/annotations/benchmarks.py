"""The benchmarks by name."""

from functools import partial

from avloc.annotations import audioset, flickr, instruments, music, own, small_frames, vgg
from avloc.annotations.benchmark import Benchmark

_SINGLE = ("locacc", "auc")
_DUET = ("ciou@0.3", "auc", "cap", "piap")
_COUNTS = {name: {"truth": "counts"} for name in ("avgn", "avgn-rel", "avgn-val", "tvsl")}
#: the released loader also compares a mixed clip with the boxes of its partner's row; T-VSL's copy of it does not
_PARTNERS = {name: axes | ({} if name == "tvsl" else {"lookup": "partner"}) for name, axes in _COUNTS.items()}
_CORNERS = "xmin, ymin, xmax, ymax, fractions"
_EXTENT = "x, y, width, height, fractions"
_SMALL = "xmin, ymin, xmax, ymax, pixels of 224 x 224"
_SLAVC = "stoneMo/SLAVC@05b429c (Apache-2.0)"
_AVGN = "stoneMo/AVGN@5ab8cab (Apache-2.0)"
_KAIST = "kaistmm/SSLalignment@e7ae3c5 (no licence stated)"
_DSOL = "DTaoo/Discriminative-Sounding-Objects-Localization@7f40207 (MIT)"
_VGGSS = "hche11/Localizing-Visual-Sounds-the-Hard-Way@8fe8cbb (Apache-2.0)"
_FLICKR = "ardasnck/learning_to_localize_sound_source@89205e9 (research purposes only)"


def _small(name: str, title: str, clips: int, metrics: tuple[str, ...] = _SINGLE) -> Benchmark:
    needs = " or ".join([*small_frames.NAMES[name], *(["a folder gt_masks"] if name.startswith("avs") else [])])
    read = partial(small_frames.read_small_frames, name=name)
    where = "image name without ending" + (", with its folders" if name.startswith("avs") else "")
    return Benchmark(name, title, read, needs, _SMALL, where, clips, "kaist", metrics, _KAIST)


BENCHMARKS: dict[str, Benchmark] = {
    one.name: one
    for one in (
        Benchmark(
            "vggss",
            "VGG Sound Source",
            vgg.read_vggss,
            "vggss.json",
            _CORNERS,
            "<youtube id>_<start second, 6 digits>",
            5158,
            "ez-vsl",
            _SINGLE,
            _VGGSS,
        ),
        Benchmark(
            "vggss-extended",
            "VGG-SS and as many silent clips",
            vgg.read_vggss_extended,
            "vggss.json, vggss_test_plus_silent.csv",
            _CORNERS,
            "as vggss; VIDEO+AUDIO for a silent clip",
            10316,
            "slavc",
            ("ap", "max_f1", "locacc"),
            _SLAVC,
        ),
        Benchmark(
            "vggsound-single",
            "VGGSound-Single (VGG-SS, as AVGN scores it)",
            vgg.read_single,
            "vggss.json (vggsound_single_test.csv)",
            _CORNERS,
            "as vggss",
            5158,
            "avgn-fixed",
            ("ciou@0.5", "auc", "piap"),
            _AVGN,
            axes=_COUNTS,
        ),
        Benchmark(
            "vggsound-duet",
            "VGGSound-Duet, two clips mixed",
            vgg.read_duet,
            "vggsound_duet_test.csv, vggss.json",
            _CORNERS,
            "id of the row; the second source is its partner",
            5158,
            "avgn-fixed",
            _DUET,
            _AVGN,
            sources=2,
            axes=_PARTNERS,
        ),
        Benchmark(
            "vggsound-instruments",
            "VGGSound-Instruments, pixel masks",
            instruments.read_instruments,
            "vgginstruments_test.csv, masks.npz or anno with a mask for each sample",
            "masks (h, w), pickled",
            "sampleNNNN",
            446,
            "avgn-fixed",
            ("ciou@0.3", "auc", "piap"),
            _AVGN,
            convert=instruments.convert_masks,
        ),
        Benchmark(
            "vggsound-instruments-multi",
            "VGGSound-Instruments, two samples mixed",
            instruments.read_instruments_multi,
            "vgginstruments_multi_test.csv, masks.npz or anno with a mask for each sample",
            "masks (h, w), pickled",
            "sampleNNNN; the second source is its partner",
            446,
            "avgn-fixed",
            ("ciou@0.1", "auc", "cap", "piap"),
            _AVGN,
            sources=2,
            convert=instruments.convert_masks,
        ),
        Benchmark(
            "flickr-soundnet",
            "Flickr-SoundNet, several annotators",
            flickr.read_flickr,
            "flickr_boxes_256.json, gtdata.pkl or a folder of XML (flickr_test_250.csv)",
            "xmin, ymin, xmax, ymax, pixels of 256 x 256, one for each annotator",
            "Flickr id",
            250,
            "ez-vsl",
            _SINGLE,
            _FLICKR,
        ),
        Benchmark(
            "flickr-soundnet-extended",
            "Flickr-SoundNet and as many silent clips",
            flickr.read_flickr_extended,
            "as flickr-soundnet, flickr_test_plus_silent.csv",
            "as flickr-soundnet",
            "as flickr-soundnet; VIDEO+AUDIO for a silent clip",
            500,
            "slavc",
            ("ap", "max_f1", "locacc"),
            _SLAVC,
        ),
        Benchmark(
            "music-solo",
            "MUSIC-Solo, AVGN's list",
            music.read_music_solo,
            "music_solo.json",
            _EXTENT,
            "<video>_<segment>_<frame>",
            2124,
            "avgn-fixed",
            ("ciou@0.5", "auc", "piap"),
            _AVGN,
        ),
        Benchmark(
            "music-duet",
            "MUSIC-Duet, AVGN's list: 98.8 % of it is one video",
            music.read_music_duet,
            "music_duet.json",
            _EXTENT,
            "<video>_<segment>_<frame>",
            1020,
            "avgn-fixed",
            _DUET,
            _AVGN,
            sources=2,
        ),
        Benchmark(
            "dsol-solo",
            "MUSIC solo, DSOL's annotation",
            music.read_dsol_solo,
            "solotest.json or solotest_compact.json",
            _EXTENT,
            "<stem>/frame_<second>/<frame>.jpg",
            13472,
            "dsol-solo",
            ("iou@0.5", "auc"),
            _DSOL,
        ),
        Benchmark(
            "dsol-duet",
            "MUSIC duet, DSOL's annotation",
            music.read_dsol_duet,
            "duettest.json or duettest_compact.json",
            _EXTENT,
            "<stem>/frame_<second>/<frame>.jpg",
            11512,
            "dsol-duet",
            ("ciou@0.3", "auc", "nsa"),
            _DSOL,
            sources=2,
        ),
        Benchmark(
            "dsol-synthetic",
            "MUSIC-synthetic, four solos tiled, two sounding",
            music.read_dsol_synthetic,
            "test1/box with one .npy for each sample",
            _EXTENT + " of the tiled image, and the category",
            "file stem",
            0,
            "dsol-synthetic",
            ("ciou@0.3", "auc", "nsa"),
            "zenodo.org/record/4079386",
            sources=2,
        ),
        Benchmark(
            "audioset-instrument",
            "AudioSet-instrument, detector boxes",
            audioset.read_audioset,
            "normav.json, normav_compact.json or audioset_box.json",
            _EXTENT,
            "image id (10 * video + frame), or <video>/<second>",
            4503,
            "c2f-class",
            _SINGLE,
            "shvdiwnkozbw/Multi-Source-Sound-Localization@de67ce3 (no licence stated)",
            sources=2,
        ),
        Benchmark(
            "ave",
            "AVE: no boxes are published, so it is scored with boxes of one's own",
            own.read_own,
            "truth of one's own, COCO json, or Pascal VOC xml",
            "as the file says",
            "as the file says",
            0,
            "avloc",
            _SINGLE,
            "YapengTian/AVE-ECCV18",
        ),
        _small("is3", "IS3, synthetic scenes with two sounds", 6480, ("locacc", "auc", "iiou", "iauc")),
        _small("vpo-ss", "VPO, single source", 890),
        _small("vpo-ms", "VPO, several sources", 2157),
        _small("avsbench-s4", "AVSBench S4, boxes", 3700),
        _small("avsbench-ms3", "AVSBench MS3, boxes", 320),
    )
}
