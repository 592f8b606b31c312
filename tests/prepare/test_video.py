from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from avloc.prepare.media.container import MediaError
from avloc.prepare.media.picture import probe, read_frames
from tests.data.making import MEDIA, make_video, number_in, painted, turn
from tests.prepare.film import Film, remux

needs_media = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no real clips at {MEDIA}")


def numbers(path: Path, times: list[float], size: int = 64) -> list[int]:
    return [number_in(frame) for frame in read_frames(path, times, size)]


@pytest.mark.parametrize("bframes", [False, True])
def test_the_frame_on_display_is_read_whatever_the_frame_rate(tmp_path, bframes):
    video = make_video(tmp_path / "v.mp4", 30, rate=10, bframes=bframes)
    # at 10 frames a second frame n is on display from n/10 to (n+1)/10; 7/30 s lies in frame 2, 14/30 in 4, 21/30 in 7
    assert numbers(video, [0, 7 / 30, 14 / 30, 21 / 30, 1, 1.99, 2.95]) == [0, 2, 4, 7, 10, 19, 29]


def test_at_30_frames_a_second_the_key_counts_frames(tmp_path):
    video = make_video(tmp_path / "v.mp4", 70, rate=30)
    keys = [0, 7, 14, 21, 30, 37, 44, 51, 60, 67]
    assert numbers(video, [key / 30 for key in keys]) == keys


def test_times_may_come_in_any_order_and_twice(tmp_path):
    video = make_video(tmp_path / "v.mp4", 20)
    assert numbers(video, [1.5, 0.0, 1.5, 0.3]) == [15, 0, 15, 3]
    assert read_frames(video, [], 32).shape == (0, 32, 32, 3)


def test_before_the_first_frame_stands_the_first_and_after_the_end_the_last(tmp_path):
    video = make_video(tmp_path / "v.mp4", 20)
    assert numbers(video, [-1.0, 100.0, 101.0]) == [0, 19, 19]


def test_a_variable_frame_rate_is_read_by_time(tmp_path):
    times = [0.0, 0.1, 0.5, 0.55, 2.0, 2.1]
    video = make_video(tmp_path / "v.mp4", 6, times=times)
    assert numbers(video, [0.05, 0.2, 0.49, 0.52, 0.6, 1.99, 2.0, 2.3]) == [0, 1, 1, 2, 3, 3, 4, 5]


def test_time_is_counted_from_the_first_frame(tmp_path):
    video = make_video(tmp_path / "v.mkv", 10, times=[3 + n / 10 for n in range(10)])
    assert numbers(video, [0.0, 0.55]) == [0, 5]


def test_an_ntsc_rate_does_not_lose_a_frame_to_rounding(tmp_path):
    video = make_video(tmp_path / "v.mp4", 60, rate=Fraction(30000, 1001))
    times = [n * 1001 / 30000 for n in range(60)]
    assert numbers(video, times) == list(range(60))


def test_webm_time_stamps_rounded_to_milliseconds_are_met(tmp_path):
    video = make_video(tmp_path / "v.webm", 60, rate=30)
    assert numbers(video, [n / 30 for n in range(60)]) == list(range(60))


def test_black_and_white_stay_black_and_white(tmp_path):
    grey = [np.full((96, 128, 3), value, np.uint8) for value in (0, 128, 255)]
    video = make_video(tmp_path / "v.mp4", grey)
    means = read_frames(video, [0.0, 0.1, 0.2], 32).mean((1, 2, 3))
    np.testing.assert_allclose(means, [0, 128, 255], atol=2)


def test_resizing_is_antialiased_and_does_not_keep_the_aspect(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (192, 256, 1)).repeat(3, 2).astype(np.uint8)
    frame = read_frames(make_video(tmp_path / "v.mp4", [noise] * 3), [0.0], 32)[0]
    assert frame.shape == (32, 32, 3)
    assert frame.std() < 20  # noise of deviation 74 averaged over 48 pixels; a picked pixel would keep it


def test_colours_keep_their_channels(tmp_path):
    red = np.zeros((96, 128, 3), np.uint8)
    red[..., 0] = 200
    frame = read_frames(make_video(tmp_path / "v.mp4", [red] * 3), [0.0], 16)[0]
    np.testing.assert_allclose(frame.mean((0, 1)), [200, 0, 0], atol=8)


def test_rotation_in_the_metadata_is_honoured(tmp_path):
    video = make_video(tmp_path / "v.mp4", [painted(0b10000000)] * 3)
    turn(video)
    frame = read_frames(video, [0.0], 64)[0]
    # the white bar on the left is on top after a quarter turn clockwise
    assert frame[:8].mean() > 240 and frame[10:].mean() < 10


@needs_media
@pytest.mark.parametrize("name", ["video_90.mov", "video_180.mov"])
def test_real_rotated_files_stand_as_opencv_shows_them(name):
    capture = cv2.VideoCapture(str(MEDIA / "odd" / name))
    upright = cv2.resize(capture.read()[1][..., ::-1], (64, 64), interpolation=cv2.INTER_AREA)
    frame = read_frames(MEDIA / "odd" / name, [0.0], 64)[0]
    assert np.abs(frame.astype(int) - upright).mean() < 6  # OpenCV takes another colour matrix


@needs_media
def test_of_several_streams_the_first_picture_is_read():
    video = MEDIA / "nasa_13013.mp4"
    seen = probe(video)
    assert (seen.width, seen.height, seen.sound_rate) == (320, 180, 8000)
    assert seen.duration == pytest.approx(13.0)
    assert read_frames(video, [0.0, 5.0, 12.9], 48).std((1, 2, 3)).min() > 5


def test_a_rate_that_a_remuxed_file_does_not_say_is_that_of_its_pictures(tmp_path):
    film = Film(fps=12).make(tmp_path / "whole.mkv")
    again = remux(film, tmp_path / "again.mkv")  # without the duration of a frame in its header
    assert probe(again).frame_rate == pytest.approx(12, abs=0.1)


@needs_media
def test_a_missing_duration_is_read_from_the_packets():
    assert probe(MEDIA / "odd" / "no_duration.webm").duration == pytest.approx(4.94, abs=0.01)
    frames = read_frames(MEDIA / "odd" / "no_duration.webm", [0.0, 2.0, 4.9, 10.0], 32)
    assert (frames[2] == frames[3]).all()


@needs_media
@pytest.mark.parametrize("name", ["-video-with-dash-.mp4", "unordered.mov"])
def test_odd_names_sizes_and_orders_are_read(name):
    assert read_frames(MEDIA / "odd" / name, [0.0, 0.05, 1.0], 16).shape == (3, 16, 16, 3)


@needs_media
def test_a_corrupted_file_is_refused_with_a_reason():
    with pytest.raises(MediaError, match="cannot be decoded") as refused:
        read_frames(MEDIA / "odd" / "corrupted.mp4", [0.0, 4.0], 16)
    assert refused.value.reason == "cannot be decoded"


def test_what_is_no_video_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    make_video(tmp_path / "whole.mp4", 20)
    whole = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    reasons = {
        "text": "not a media file",
        "empty": "not a media file",
        "half": "not a media file",
        "no": "missing file",
    }
    for name, reason in reasons.items():
        with pytest.raises(MediaError) as refused:
            read_frames(tmp_path / f"{name}.mp4", [0.0], 16)
        assert refused.value.reason == reason
        assert str(refused.value).startswith(str(tmp_path / f"{name}.mp4")) and "\n" not in str(refused.value)


def test_a_colon_in_a_name_is_only_a_colon(tmp_path):
    assert numbers(make_video(tmp_path / "http:a.mp4", 3), [0.1]) == [1]
