"""Colours of HD, of other and of HDR videos: an overlay shows those of the video, and says how it is to be read."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, Interpolation, VideoReformatter

import avloc
from avloc.prepare.streams.source import open_video

pytestmark = pytest.mark.slow

PATCHES = [
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (200, 120, 60),
    (60, 160, 200),
    (128, 128, 128),
    (230, 230, 40),
    (0, 0, 0),
]
BT709, SMPTE170M, BT2020 = 1, 6, 9  # matrices, in the numbers of H.273
EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
SIZES = {"hd": (1280, 720), "sd": (640, 480)}


def video_of(path, rows, form, matrix, codec="libx264", **tags):
    """A video of flat patches, (H, W, 3), with these tags; its matrix is applied whether or not it is tagged."""
    with av.open(str(path), "w") as container:
        options = {"crf": "4"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width = rows.shape[:2]
        stream.pix_fmt = form
        context = stream.codec_context
        for name, value in tags.items():
            setattr(context, name, value)
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(rows, "rgb48le" if rows.dtype == np.uint16 else "rgb24")
            frame = VideoReformatter().reformat(
                frame, format=form, dst_colorspace=matrix, interpolation=EXACT, threads=1
            )
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def patches(size) -> np.ndarray:
    width, height = size
    return np.repeat(np.repeat(np.array([PATCHES], np.uint8), width // 8, axis=1), height, axis=0)


def middles(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return image[height // 4, width // 16 :: width // 8].astype(int)


def as_played(path) -> tuple[np.ndarray, tuple[int, ...]]:
    """The first picture as its tags say, and these: matrix, primaries, transfer."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.color_range == 1
        tags = frame.colorspace, frame.color_primaries, frame.color_trc
        return VideoReformatter().reformat(frame, format="rgb24", interpolation=EXACT, threads=1).to_ndarray(), tags


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize(
    ("kind", "matrix", "number"), [("hd", Colorspace.ITU709, BT709), ("sd", Colorspace.ITU601, SMPTE170M)]
)
def test_the_colours_of_a_video_stay_and_are_tagged(tmp_path, kind, matrix, number, tagged):
    tags = {"colorspace": number, "color_primaries": number, "color_trc": number} if tagged else {}
    path = video_of(tmp_path / "clip.mp4", patches(SIZES[kind]), "yuv420p", matrix, **tags)
    done = avloc.predict([path], weights="motion", out=tmp_path / "out", view="none").overlays[0]
    image, found = as_played(done.video)
    assert np.abs(middles(image) - PATCHES).max() <= 3
    assert found == (number, *((number, number) if tagged else (2, 2)))


def pq(nits: float) -> int:
    """The value of 16 bits that SMPTE ST 2084 gives a brightness."""
    share = (nits / 10_000) ** 0.1593017578125
    return round(65535 * ((0.8359375 + 18.8515625 * share) / (1 + 18.6875 * share)) ** 78.84375)


def test_an_hdr_video_has_the_brightness_of_sdr(tmp_path):
    """203 cd/m2 is the white of SDR (ITU-R BT.2408); half of its light has 0.5 ** (1 / 2.4) of its signal."""
    levels = np.array([pq(203), pq(101.5), pq(0), pq(1000)], np.uint16)
    rows = np.repeat(np.repeat(levels[None, :, None], 160, axis=1), 480, axis=0).repeat(3, axis=2)
    tags = {"colorspace": BT2020, "color_primaries": ColorPrimaries.BT2020, "color_trc": ColorTrc.SMPTE2084}
    path = video_of(tmp_path / "clip.mkv", rows, "yuv420p10le", Colorspace.BT2020, "ffv1", **tags)
    with open_video(path) as source:
        (first, *_) = source.pictures()
    assert first.image[100, 80::160].mean(1) == pytest.approx([255, 191, 0, 255], abs=5)
    done = avloc.predict([path], weights="motion", out=tmp_path / "out", view="none").overlays[0]
    image, found = as_played(done.video)
    assert image[100, 80::160].mean(1) == pytest.approx([255, 191, 0, 255], abs=5)
    assert found == (SMPTE170M, BT709, BT709)
