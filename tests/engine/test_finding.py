"""`find`: where the sound of a video or of a picture comes from, and when nothing sounds."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from avloc.data.needs import Needs
from avloc.data.views import FrameView, LogMel
from avloc.engine.finding import find
from avloc.engine.found_boxes import boxes_of, run_lengths
from avloc.engine.loaded import load
from avloc.errors import AvlocError
from avloc.methods.motion import Motion
from avloc.methods.noprior import NoPrior
from avloc.nn.encoders import Backbone
from avloc.prepare.media.sound import read_sound
from tests.data.making import make_video

RATE = 16_000


MOTION = load("motion", device="cpu")


def blinking(seconds: float, fps: int = 20, quiet: tuple[float, float] | None = None):
    """A square on the left that flickers while the sound is loud, twice a second, and one on the right that always does.

    quiet: from when to when the sound is digital silence.
    """
    count = round(seconds * fps)
    loud = (np.arange(count) * 4 // fps) % 2 == 0
    random = np.random.default_rng(0)
    images = []
    for number in range(count):
        image = np.full((64, 96, 3), 40, np.uint8)
        image[16:48, 8:40] = random.integers(60, 250) if loud[number] else 80
        image[16:48, 60:88] = random.integers(60, 250)
        images.append(image)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 440 * time) * np.repeat(loud, RATE // fps)[: len(time)] + 0.02 * np.sin(900 * time)
    if quiet is not None:
        tone[(time >= quiet[0]) & (time < quiet[1])] = 0
    return images, tone.astype(np.float32)


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    images, tone = blinking(6.0, quiet=(3.1, 4.4))
    path = tmp_path_factory.mktemp("finding") / "left.mp4"
    return make_video(path, images, 20, sound=tone[None], sound_rate=RATE)


@pytest.fixture(scope="module")
def found(video):
    return find(MOTION, video)


def test_the_map_is_high_where_the_picture_moves_with_the_sound(found):
    assert found.maps.shape == (12, 1, 28, 28) and found.times.tolist() == [0.5 * n for n in range(12)]
    loud = found.maps[found.sounding].mean(0)[0]
    left, right = loud[7:21, 3:11].mean(), loud[7:21, 18:25].mean()
    assert left > 0.2 and left > 4 * abs(right), (left, right)
    box = found.boxes[2][0]
    assert box.box[2] < 0.5 and box.sounding and box.name is None


def test_digital_silence_has_no_map(found):
    (quiet,) = found.quiet
    assert quiet == pytest.approx((3.1, 4.4), abs=0.15)
    assert [time for time, silent in zip(found.times, found.silent, strict=True) if silent] == [3.5, 4.0]
    assert not found.maps[found.silent].any() and not found.sounding[found.silent].any()
    assert all(not boxes for boxes, silent in zip(found.boxes, found.silent, strict=True) if silent)


def test_what_counts_as_quiet_is_said_by_the_level(video):
    assert find(MOTION, video, quiet_below=-3).silent.all()
    assert not find(MOTION, video, quiet_below=-3).maps.any()


def test_a_video_without_sound_is_silent_from_end_to_end(tmp_path):
    path = make_video(tmp_path / "mute.mp4", 20)
    found = find(MOTION, path)
    assert found.silent.all() and found.quiet == [(0.0, 2.0)] and "silent: 2.0 s" in repr(found)


def test_the_same_video_gives_the_same_maps(video, found):
    again = find(MOTION, video)
    np.testing.assert_array_equal(again.maps, found.maps)


def test_what_is_found_fits_a_screen(found):
    lines = repr(found).splitlines()
    assert len(lines) <= 6 and max(map(len, lines)) < 160
    assert "left.mp4 by motion: 6.0 s, 12 maps of 1x28x28" in lines[0] and "silent: 1." in repr(found)


def test_it_can_be_shown_and_saved_with_its_own_sound(found, tmp_path):
    assert found.show()._repr_png_()[:4] == b"\x89PNG"
    path = found.save(tmp_path / "out.mp4")
    mine, own = read_sound(path, RATE), read_sound(Path(found.name), RATE)
    assert abs(len(mine) - len(own)) <= 1100
    length = min(len(mine), len(own))
    assert np.abs(mine[:length].astype(int) - own[:length]).max() <= 2
    again = path.read_bytes()
    with pytest.raises(AvlocError, match=r"ends in \.mp4"):
        found.save(tmp_path / "out.avi")
    assert found.save(path).read_bytes() == again


class Loud(Motion):
    """The level of the sound at each place as bright as the picture."""

    window, window_needed, needs = 1.0, False, Needs()

    def locate(self, batch):
        level = batch.sound.square().mean(1).sqrt()
        return batch.frame.mean(1, keepdim=True)[:, :, ::8, ::8] * level[:, None, None, None]


def test_a_picture_with_a_sound_is_looked_at_too():
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 40:55] = 255
    sound = np.concatenate([np.sin(np.arange(32_000) / 5), np.zeros(32_000)]).astype(np.float32)
    found = find(replace(MOTION, method="loud", localizer=Loud().eval()), image=image, sound=sound, rate=16_000)
    assert found.seconds == 4 and found.quiet == [(2.0, 4.0)] and len(found.times) == 8
    (box,) = found.boxes[1]
    assert box.box[0] > 0.6 and box.box[3] < 0.6


def test_the_video_whose_sound_was_given_with_a_picture_is_not_overwritten(tmp_path, video):
    sound = tmp_path / "sound.mp4"
    shutil.copy(video, sound)
    (tmp_path / "link.mp4").symlink_to(sound)
    model = replace(MOTION, method="loud", localizer=Loud().eval())
    found = find(model, image=np.zeros((40, 60, 3), np.uint8), sound=sound)
    for path in (sound, tmp_path / "link.mp4"):
        with pytest.raises(AvlocError, match="is the input itself; choose another name"):
            found.save(path)
    assert sound.read_bytes() == video.read_bytes()


def test_an_unknown_view_is_refused(found):
    with pytest.raises(AvlocError, match="view is 'map'; expected one of heat, boxes, contour, none"):
        found.show(view="map")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "expected a video, or an image"),
        ({"video": "a.mp4", "image": "b.png"}, "expected a video, or an image"),
        ({"video": "a.mp4", "sound": np.zeros(9)}, "a video has its own sound"),
        ({"image": np.zeros((4, 4, 3), np.uint8)}, "image needs its sound"),
        ({"image": np.zeros((4, 4), np.uint8), "sound": np.zeros(9), "rate": 8000}, r"shape \(4, 4\)"),
        ({"image": np.zeros((4, 4, 3)), "sound": np.zeros(9), "rate": 8000}, "type float64"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "sound": np.zeros((9000, 2)), "rate": 8000}, "transpose"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "sound": np.zeros(9)}, "give its rate"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "sound": np.zeros(9), "rate": 16}, "rate is 16"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "sound": np.full(9, 300.0), "rate": 8000}, "reaches 300"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "sound": np.full(9, np.nan), "rate": 8000}, "NaN"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "sound": np.zeros(9, np.int32), "rate": 8000}, "type int32"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "sound": np.zeros(9000), "rate": 8000}, "a moving picture"),
        ({"video": "a.mp4", "every": 0}, "every is 0"),
        ({"video": "a.mp4", "quiet_below": 3}, "quiet_below is 3"),
        ({"video": "nowhere.mp4"}, "nowhere.mp4: missing file"),
    ],
)
def test_what_cannot_be_looked_at_is_answered_in_one_line(given, words):
    with pytest.raises(AvlocError, match=words) as caught:
        find(MOTION, **given)
    assert "\n" not in str(caught.value)


def test_each_separate_peak_has_a_box():
    maps = np.zeros((1, 10, 10))
    maps[0, 1:3, 1:4], maps[0, 6:9, 7:9], maps[0, 5, 0] = 1.0, 0.9, 0.3
    boxes = boxes_of(maps, None)
    assert [box.box for box in boxes] == [(0.1, 0.1, 0.4, 0.3), (0.7, 0.6, 0.9, 0.9)]


def test_of_named_maps_those_that_sound_are_green_and_those_only_seen_are_silent():
    maps, seen = np.zeros((3, 10, 10)), np.zeros((3, 10, 10))
    maps[1, 2:5, 2:5], maps[2, 8, 8] = 0.6, 0.1
    seen[1, 2:5, 2:5], seen[2, 6:9, 6:9] = 0.9, 0.95
    found = boxes_of(maps, ("cat", "dog", "drum"), seen, (20, 20))
    assert [(box.name, box.sounding) for box in found] == [("dog", True), ("drum", False)]
    assert found[0].mask.shape == (20, 20) and found[0].mask[6, 6] and not found[0].mask[14, 14]


def test_run_lengths_are_those_of_coco():
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert run_lengths(mask) == {"size": [2, 3], "counts": [2, 3, 1]}
    assert run_lengths(~mask)["counts"] == [0, 2, 3, 1]


@pytest.mark.parametrize("flow", ["frames", "signed"])
def test_a_method_that_looks_at_the_flow_sees_that_of_the_frames_around_each_map(video, flow):
    seen = []

    class Flows(NoPrior):
        """Its map is the flow itself, to the right."""

        def locate(self, batch):
            seen.append(batch.motion.shape)
            return batch.motion[:, :1]

    small = Backbone((4, 8), (1, 1), (1, 2))
    localizer = Flows(
        frame=FrameView(size=32, crop=False, augment=False), sound=LogMel(n_fft=512, hop=160), visual=small, audio=small,
        flow_encoder=small, flow=flow,
    ).eval()  # fmt: skip
    model = replace(MOTION, method="noprior", localizer=localizer, seconds=1.0)
    found = find(model, video)
    assert all(shape[1:] == (2, 32, 32) for shape in seen) and found.maps.shape == (12, 1, 32, 32)
    still = np.full((40, 60, 3), 90, np.uint8)
    loud = np.sin(np.arange(RATE)).astype(np.float32) * 0.5
    alone = find(model, image=still, sound=loud, rate=RATE)
    assert abs(alone.maps).max() < 1e-6  # nothing moves in a picture


def test_a_flow_of_a_method_of_its_own_locates_in_a_video(video):
    small = Backbone((4, 8), (1, 1), (1, 2))
    localizer = NoPrior(
        frame=FrameView(size=32, augment=False),
        sound=LogMel(n_fft=512, hop=160),
        visual=small,
        audio=small,
        flow_encoder=small,
    ).eval()
    found = find(replace(MOTION, method="noprior", localizer=localizer, seconds=1.0), video)
    assert np.ptp(found.maps[found.sounding]) > 0


def test_a_picture_of_fractions_and_a_sound_of_one_sample_are_refused(tmp_path):
    grey = np.full((40, 60, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "a.tiff"), grey.astype(np.float32))
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "one.wav", np.zeros(1), RATE)
    with pytest.raises(AvlocError, match=r"a\.tiff: not a picture \(its pixels are float32; expected 8 or 16 bits\)"):
        find(MOTION, image=tmp_path / "a.tiff", sound=tmp_path / "a.wav")
    with pytest.raises(AvlocError, match=r"one\.wav: too short \(its sound has no duration\)"):
        find(MOTION, image=grey, sound=tmp_path / "one.wav")
