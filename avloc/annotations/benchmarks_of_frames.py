"""Benchmarks of single frames that have masks, with or without boxes."""

from functools import partial

from avloc.annotations import avatar_frames, avss, small_frames
from avloc.annotations.benchmark import Benchmark

_SINGLE = ("locacc", "auc")
_SMALL = "xmin, ymin, xmax, ymax, pixels of 224 x 224"
_KAIST = "kaistmm/SSLalignment@e7ae3c5 (no licence stated)"


def _small(name: str, title: str, clips: int, metrics: tuple[str, ...] = _SINGLE) -> Benchmark:
    of_avsbench = name.startswith("avs")
    needs = " or ".join([*small_frames.NAMES[name], *(["a folder gt_masks"] if of_avsbench else [])])
    if not of_avsbench:
        needs += f", with masks also {'gt_masks' if name == 'is3' else 'gray_masks'} ({small_frames.MASK_LISTS[name]})"
    read = partial(small_frames.read_small_frames, name=name)
    where = "image name without ending" + (", with its folders" if name.startswith("avs") else "")
    return Benchmark(name, title, read, needs, _SMALL, where, clips, "kaist", metrics, _KAIST)


OF_SMALL_FRAMES = (
    _small("is3", "IS3, synthetic scenes with two sounds", 6480, ("locacc", "auc", "iiou", "iauc")),
    _small("vpo-ss", "VPO, single source", 890),
    _small("vpo-ms", "VPO, several sources", 2157),
    _small("avsbench-s4", "AVSBench S4, boxes", 3700),
    _small("avsbench-ms3", "AVSBench MS3, boxes", 320),
    Benchmark(
        "avss",
        "AVSBench AVSS, the class of every pixel",
        avss.read_avss,
        "metadata.csv, label2idx.json, folders v1s, v1m, v2 with UID/labels_semantic or UID/labels_rgb",
        "masks of class numbers, or coloured by them",
        "PART/UID/k, PART being v1s, v1m or v2",
        0,
        "avss",
        ("miou", "fscore"),
        "OpenNLPLab/AVSBench@f7414af (Apache-2.0)",
    ),
    Benchmark(
        "avatar",
        "AVATAR, frames of four scenarios",
        avatar_frames.read_avatar,
        "a folder metadata with VIDEO/FRAME.json",
        "x, y, width, height and polygons, pixels of the picture",
        "VIDEO_FRAME",
        0,
        "avloc-avatar",
        ("ciou", "auc"),
        "arXiv 2507.04667",
    ),
)
