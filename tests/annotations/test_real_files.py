"""The real annotation files: counts, and the ceilings and blind baselines that follow from them."""

from pathlib import Path

import numpy as np
import pytest

from avloc.annotations import read_benchmark
from avloc.protocols import named
from avloc.protocols.boxes import pixel_corners
from avloc.scoring import score

FILES = Path(__file__).parents[3] / "shared" / "annotations"
pytestmark = pytest.mark.skipif(not FILES.exists(), reason=f"{FILES} is not there")

#: folder, clips, boxes, videos, clips with a box
COUNTS = {
    "vggss": ("vggss", 5158, 5941, None, 5158),
    "vggss-extended": ("vggss_extended", 10316, 5941, None, 5158),
    "vggsound-single": ("vggsound_duet", 5158, 5941, None, 5158),
    "vggsound-duet": ("vggsound_duet", 5158, None, None, 5158),
    "flickr-soundnet": ("flickr_soundnet", 250, None, 250, 250),
    "flickr-soundnet-extended": ("flickr_soundnet_extended", 500, None, 250, 250),
    "music-solo": ("music", 2124, 2124, 20, 2124),
    "music-duet": ("music", 1020, 2040, 6, 1020),
    "dsol-solo": ("dsol_music", 13472, 12356, 27, 12356),
    "dsol-duet": ("dsol_music", 11512, 15035, 16, 10284),
    "audioset-instrument": ("audioset_instrument", 4503, 8038, 566, 4503),
    "is3": ("is3_and_avsbench_boxes", 6480, 6480, 3240, 6480),
    "vpo-ss": ("is3_and_avsbench_boxes", 890, 890, None, 890),
    "vpo-ms": ("is3_and_avsbench_boxes", 2157, 2155, None, 2155),
    "avsbench-s4": ("is3_and_avsbench_boxes", 3700, 3694, None, 3694),
    "avsbench-ms3": ("is3_and_avsbench_boxes", 320, 291, None, 291),
}


def read(name):
    return read_benchmark(name, FILES / COUNTS[name][0])


@pytest.mark.parametrize("name", COUNTS)
def test_the_files_hold_what_is_published(name):
    _, clips, boxes, videos, sounding = COUNTS[name]
    truth = read(name)
    assert len(truth) == clips
    assert boxes is None or len(truth.boxes) == boxes
    assert videos is None or len(set(truth.videos)) == videos
    assert truth.sounding.sum() == sounding
    assert len(truth.sha256) == 64
    assert not any("published" in line for line in truth.warnings)


def percent(values):
    return {name: round(100 * value, 1) for name, value in values.items()}


@pytest.fixture(scope="module")
def vggss():
    truth = read("vggss")
    return score("ez-vsl", np.zeros((len(truth), 1, 1), np.float32), truth, resamples=0)


def test_vgg_ss_has_twelve_broken_boxes_and_two_empty_truths(vggss):
    assert any(line.startswith("12 of 5941 boxes have an invalid coordinate") for line in vggss.warnings)
    assert [row["id"] for row in vggss.per_clip if row["ciou"] == 0] == ["M1P1xla8rg0_000000", "MKC9LvRivTM_000030"]


def test_ceiling_and_blind_baselines_of_vgg_ss(vggss):
    assert percent(vggss.baselines["half-area ceiling"])["locacc"] == 50.5
    assert percent(vggss.baselines["half-area ceiling"])["auc"] == 49.5
    assert percent(vggss.baselines["all-ones"])["locacc"] == 21.9
    centre = percent(vggss.baselines["centre"])
    assert (centre["locacc"], centre["auc"]) == (31.7, 36.9)
    assert vggss.metrics["locacc"].value == vggss.baselines["all-ones"]["locacc"], "a constant map is all ones here"


def test_ceilings_of_vgg_ss_below_one_half():
    truth = read("vggss")
    protocol = named("ez-vsl").with_axes(report="ciou@0.1,ciou@0.3,ciou@0.5")
    found = score(protocol, np.zeros((len(truth), 1, 1), np.float32), truth, resamples=0)
    most = percent(found.baselines["half-area ceiling"])
    assert (most["ciou@0.1"], most["ciou@0.3"], most["ciou@0.5"]) == pytest.approx((91.0, 69.4, 50.5), abs=0.11)
    assert percent(found.baselines["all-ones"])["ciou@0.3"] == pytest.approx(43.3, abs=0.11)
    corners = pixel_corners(truth.boxes, "clip", 224)
    masks = np.zeros((len(truth), 224, 224), bool)
    for (x0, y0, x1, y1), clip in zip(corners.tolist(), truth.box_clip.tolist(), strict=True):
        masks[clip, y0:y1, x0:x1] = True
    area = masks.mean(axis=(1, 2))
    assert round(100 * float(np.median(area)), 1) == 25.3
    assert round(100 * float(area.mean()), 1) == 31.2
    assert ((area == 0).sum(), round(100 * float((area > 0.5).mean()), 1)) == (2, 21.9)


def test_a_centred_disc_on_vgg_ss():
    truth = read("vggss")
    steps = np.arange(224) - 111.5
    disc = -np.hypot(steps[:, None], steps[None]).astype(np.float32)
    result = score("vcs", np.broadcast_to(disc, (len(truth), 224, 224)), truth, resamples=0)
    assert result.metrics["locacc"].value == pytest.approx(0.3402, abs=5e-5)
    assert result.metrics["auc"].value == pytest.approx(0.3744, abs=5e-5)


def test_ceiling_and_blind_baselines_of_flickr():
    truth = read("flickr-soundnet")
    found = score("ez-vsl", np.zeros((250, 1, 1), np.float32), truth, resamples=0).baselines
    assert percent(found["half-area ceiling"]) == {"locacc": 94.4, "auc": 80.5, "ciou": 80.5}
    assert percent(found["all-ones"])["locacc"] == 48.0
    assert (percent(found["centre"])["locacc"], percent(found["centre"])["auc"]) == (62.0, 53.4)


@pytest.mark.parametrize(
    ("name", "axes", "ceiling", "blind"),
    [
        ("music-solo", {"boxes": "as-written"}, (99.9, 42.2, 30.7, 37.6), (24.3, 0.1)),
        ("music-solo", {"boxes": "xywh-as-corners"}, (21.2, 1.8, 0.1, 6.9), (0.1, 0.1)),
        ("music-duet", {"boxes": "as-written"}, (99.2, 40.5, 0.5, 23.2), (0.1, 0.0)),
    ],
)
def test_ceilings_of_music_read_both_ways(name, axes, ceiling, blind):
    truth = read(name)
    protocol = named("avgn-fixed").with_axes(strict_success=False, **axes)
    sources = 2 if name == "music-duet" else 1
    found = score(protocol, np.zeros((len(truth), sources, 1, 1), np.float32), truth, resamples=0).baselines
    most = percent(found["half-area ceiling"])
    found_most = (most["ciou@0.1"], most["ciou@0.3"], most["ciou@0.5"], most["auc"])
    assert found_most == pytest.approx(ceiling, abs=0.11), (
        "whole pixels: one frame can be on the other side of a quarter"
    )
    least = percent(found["all-ones"])
    assert (least["ciou@0.3"], least["ciou@0.5"]) == blind


def test_ceiling_of_music_duet_as_one_union():
    truth = read("music-duet")
    protocol = named("noprior").with_axes(corners="clip")
    found = score(protocol, np.zeros((1020, 1, 1, 1), np.float32), truth, resamples=0).baselines
    most = percent(found["half-area ceiling"])
    assert (most["ciou@0.3"], most["ciou@0.5"], most["auc"]) == pytest.approx((99.4, 22.6, 46.1), abs=0.11)
    assert percent(found["all-ones"])["ciou@0.3"] == 2.0


def test_how_many_music_boxes_are_lost_when_read_as_corners():
    lost = {}
    for name, source in (("music-solo", 0), ("music-duet", 1)):
        truth = read(name)
        corners = pixel_corners(truth.xywh, "clip", 224)
        empty = (corners[:, 2] <= corners[:, 0]) | (corners[:, 3] <= corners[:, 1])
        lost[name] = round(100 * empty[truth.sources == source].mean(), 1)
    assert lost == {"music-solo": 77.6, "music-duet": 99.6}


def test_trivial_baselines_of_dsol():
    solo, duet = read("dsol-solo"), read("dsol-duet")
    ones = score("dsol-solo", np.ones((len(solo), 14, 14), np.float32), solo, resamples=0).metrics
    assert (round(100 * ones["iou@0.5"].value, 2), round(100 * ones["auc"].value, 2)) == (15.35, 33.22)
    steps = (np.arange(14) + 0.5) / 14 - 0.5
    centre = np.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / 0.25**2).astype(np.float32)
    blob = score("dsol-solo", np.broadcast_to(centre, (len(solo), 14, 14)), solo, resamples=0).metrics
    assert (round(100 * blob["iou@0.5"].value, 2), round(100 * blob["auc"].value, 2)) == (24.89, 38.91)
    uniform = score("dsol-duet", np.full((len(duet), 11, 1, 1), 1 / 11, np.float32), duet, resamples=0).metrics
    found = {name: round(100 * uniform[name].value, 2) for name in ("ciou@0.3", "auc", "nsa")}
    assert found == {"ciou@0.3": 6.49, "auc": 16.12, "nsa": 100.0}


def test_corner_and_extent_of_the_file_are_needed_to_truncate_as_published():
    truth = read("dsol-duet")
    published = pixel_corners(truth.boxes, "extent", 224, truth.xywh)
    without = pixel_corners(truth.boxes, "extent", 224)
    moved = (published != without).any(axis=1)
    assert 0 < moved.mean() < 0.01
    assert np.abs(published - without).max() == 1


def test_lists_restrict_a_benchmark():
    heard = read_benchmark("vggss", FILES / "vggss", ids=FILES / "vggss" / "vggss_heard_test.csv")
    unheard = read_benchmark("vggss", FILES / "vggss" / "vggss.json", ids=FILES / "vggss" / "vggss_unheard_test.csv")
    assert (len(heard), len(unheard)) == (2564, 2575)
    assert len({heard.classes[label] for label in heard.clip_class}) == 110
    original = FILES / "flickr_soundnet" / "test_list_original_250.txt"
    flickr = read_benchmark("flickr-soundnet", FILES / "flickr_soundnet" / "flickr_boxes_256.json", ids=original)
    assert (len(flickr), flickr.unannotated) == (249, 1), "3908875357 is a typo of 3908875350 in one of the two lists"


def test_a_list_of_videos_stands_for_their_frames():
    videos = FILES / "dsol_music" / "solo_testing.txt"
    solo = read_benchmark("dsol-solo", FILES / "dsol_music", ids=videos)
    listed = {line.split(".")[0] for line in videos.read_text().splitlines()}
    assert set(solo.videos) <= listed
    assert (len(solo), len(set(solo.videos))) == (13472, 27)
    duet = read_benchmark("dsol-duet", FILES / "dsol_music", ids=FILES / "dsol_music" / "duet_pairs_val.txt")
    assert (len(duet), len(set(duet.videos)), duet.unannotated) == (11512, 16, 1), "8DHG_hVSw1o is not annotated"


def test_a_table_may_stand_for_its_benchmark():
    table = FILES / "flickr_soundnet_extended" / "flickr_test_plus_silent.csv"
    assert len(read_benchmark("flickr-soundnet-extended", table)) == 500


def test_frames_of_audioset_with_two_classes():
    truth = read("audioset-instrument")
    maps = np.ones((len(truth), 15, 1, 1), np.float32)
    assert score("c2f-class", maps, truth, resamples=0).counts["evaluated"] == 211


def test_frames_of_audioset_by_level():
    truth = read("audioset-instrument")
    clips = np.unique(np.stack([truth.box_clip, truth.box_class]), axis=1)[0]
    classes = np.bincount(clips, minlength=len(truth))
    for level in (1, 2, 3):
        for name, count in (("c2f-class", 15), ("c2f-agnostic", 1)):
            protocol = named(name).with_axes(level=level)
            result = score(protocol, np.ones((len(truth), count, 1, 1), np.float32), truth, resamples=0)
            assert result.counts["evaluated"] == (classes == level).sum() > 0


def test_videos_of_music_duet_are_told():
    truth = read("music-duet")
    assert max(truth.videos.count(video) for video in set(truth.videos)) == 1008
    result = score("avgn-fixed", np.random.default_rng(0).random((1020, 2, 4, 4)), truth, resamples=200)
    metric = result.metrics["ciou"]
    assert metric.ci95_by_video[1] - metric.ci95_by_video[0] > 2 * (metric.ci95[1] - metric.ci95[0])
