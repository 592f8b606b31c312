"""Files as they come: several streams, turned pictures, odd rates, no duration, frames out of order, held-back ends."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr

import avloc
from avloc.prepare.media.film import open_film
from avloc.prepare.media.picture import on_display, probe, read_frames
from avloc.prepare.media.sound import read_sound, to_int16
from tests.data.making import MEDIA, make_video, number_in, painted, tone, turn

needs_media = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no real clips at {MEDIA}")


def pitch(sound: np.ndarray, rate: int) -> float:
    """Hz of the loudest frequency."""
    return float(np.abs(np.fft.rfft(sound.astype(float))).argmax() * rate / len(sound))


def make_streams(path: Path, duplicate: bool = True) -> Path:
    """Two pictures, of which the second is larger and shows 100 more, and two sounds, of 400 and 900 Hz, mono and stereo."""
    with av.open(str(path), "w") as container:
        pictures = [container.add_stream("libx264", rate=10, options={"crf": "18", "bf": "0"}) for _ in range(2)]
        sounds = [
            container.add_stream("aac", rate=rate, layout=kind) for rate, kind in ((22050, "mono"), (48000, "stereo"))
        ]
        for stream, scale in zip(pictures, (1, 2), strict=True):
            stream.width, stream.height, stream.pix_fmt = 128 * scale, 96 * scale, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 10)
        for number in range(20):
            for stream, scale in zip(pictures, (1, 2), strict=True):
                frame = av.VideoFrame.from_ndarray(painted(number + 100 * (scale - 1), 128 * scale, 96 * scale))
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(stream.encode(frame))
        for stream, rate, hertz, kind in zip(sounds, (22050, 48000), (400, 900), ("mono", "stereo"), strict=True):
            samples = np.repeat(tone(2.0, hertz, rate), 1 if kind == "mono" else 2, axis=0)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", kind)
            frame.rate = rate
            container.mux(stream.encode(frame))
        for stream in (*pictures, *sounds):
            container.mux(stream.encode())
    return path


def test_of_several_streams_the_first_of_each_kind_is_taken(tmp_path):
    video = make_streams(tmp_path / "v.mkv")
    assert [number_in(frame) for frame in read_frames(video, [0.0, 0.55, 1.9], 64)] == [0, 5, 19]
    assert pitch(read_sound(video, 16000), 16000) == pytest.approx(400, abs=2)
    seen = probe(video)
    assert (seen.width, seen.height, seen.sound_rate) == (128, 96, 22050)


@needs_media
def test_of_a_real_file_with_two_sounds_the_first_is_taken():
    first, second = [], []
    with av.open(str(MEDIA / "nasa_13013.mp4")) as container:
        for number, gathered in enumerate((first, second)):
            container.seek(0)
            gathered.extend(frame.to_ndarray().mean(0) for frame in container.decode(audio=number))
    expected, other = (np.concatenate(gathered) for gathered in (first, second))
    found = read_sound(MEDIA / "nasa_13013.mp4", 8000) / 32767
    length = min(len(found), len(expected))
    assert np.abs(found[:length] - expected[:length]).max() < 1e-3 and len(other) > 1.5 * len(expected)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_every_quarter_turn_is_honoured(tmp_path, quarters):
    images = [painted(n) for n in (0b10110000, 0b00000001)]
    plain = make_video(tmp_path / "plain.mp4", images)
    turned = make_video(tmp_path / "turned.mp4", images)
    turn(turned, quarters)
    upright, found = (read_frames(path, [0.0, 0.1], 64) for path in (plain, turned))
    assert (found == np.rot90(upright, -quarters, axes=(1, 2))).all() and not (found == upright).all()


@pytest.mark.parametrize("rate", [7999, 11025, 12345, 44056, 44100, 96000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_odd_rates_become_the_asked_one_by_soxr_from_the_mean_of_the_channels(tmp_path, rate, channels):
    random = np.random.default_rng(rate + channels)
    samples = random.uniform(-0.5, 0.5, (rate + 17, channels)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate, "FLOAT")
    mono = samples.mean(1, dtype=np.float64).astype(np.float32)
    for wanted in (16000, 22050, 24000):
        found = read_sound(tmp_path / "a.wav", wanted)
        assert len(found) == round(len(samples) * wanted / rate)
        expected = to_int16(soxr.resample(mono, rate, wanted, quality="HQ"))
        length = min(len(found), len(expected))
        assert abs(len(found) - len(expected)) <= 1
        assert np.abs(found[:length].astype(int) - expected[:length]).max() <= 1


class Pipe(io.RawIOBase):
    """What cannot be sought in, so that no duration can be written into the header afterwards."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self.content += bytes(data)
        return len(data)


@pytest.fixture
def endless(tmp_path) -> Path:
    """A webm of 3 s at 10 frames a second that does not say how long it is."""
    pipe = Pipe()
    with av.open(pipe, "w", format="webm") as container:
        picture = container.add_stream("libvpx", rate=10)
        picture.width, picture.height, picture.pix_fmt = 128, 96, "yuv420p"
        sound = container.add_stream("libopus", rate=48000, layout="mono")
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(painted(number))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(picture.encode(frame))
        frame = av.AudioFrame.from_ndarray(tone(3.0, 500, 48000), "fltp", "mono")
        frame.rate = 48000
        container.mux(sound.encode(frame))
        container.mux([*picture.encode(), *sound.encode()])
    path = tmp_path / "videos" / "endless.webm"
    path.parent.mkdir()
    path.write_bytes(pipe.content)
    return path


def test_a_video_that_does_not_say_how_long_it_is(endless, tmp_path):
    with av.open(str(endless)) as container:
        assert container.duration is None and container.streams.video[0].duration is None
    assert probe(endless).duration == pytest.approx(3.0, abs=0.11)
    assert [number_in(frame) for frame in read_frames(endless, [0.0, 1.25, 2.95], 64)] == [0, 12, 29]
    avloc.prepare_folder(endless.parent, tmp_path / "s", seconds=1.0, every=True, frames="raw", jobs=0)
    part = avloc.Store.open(tmp_path / "s").split("all")
    assert [number_in(frame) for frame in part.all_frames()[:, 0]][:2] == [5, 15] and len(part) >= 2


@needs_media
def test_frames_that_lie_out_of_order_are_shown_in_order():
    path = MEDIA / "odd" / "unordered.mov"
    with av.open(str(path)) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert stamps != sorted(stamps)
    # its four pictures are alike, so look at when each is shown
    with open_film(path) as film:
        shown = [frame.start for frame in on_display(film, [0.001, 0.032, 0.063, 0.094, 5.0])]
    assert shown == [stamp / 16384 for stamp in [*sorted(stamps), max(stamps)]]


@pytest.mark.parametrize("bframes", [False, True])
def test_the_last_frames_are_not_left_in_the_decoder(tmp_path, bframes):
    video = make_video(tmp_path / "v.mp4", 23, bframes=bframes)
    times = [n / 10 + 0.05 for n in range(23)]
    assert [number_in(frame) for frame in read_frames(video, times, 64)] == list(range(23))


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "a.flac", "a.mp3", "a.ogg"])
def test_the_last_samples_are_not_left_in_the_decoder_or_the_resampler(tmp_path, name):
    sound = np.zeros(2 * 22050, np.float32)
    sound[-700:] = tone(1.0, 1500)[0, :700]  # 32 ms at the very end
    if name.startswith("v"):
        make_video(tmp_path / name, 20, sound=sound[None])
    else:
        soundfile.write(tmp_path / name, sound, 22050)
    found = np.abs(read_sound(tmp_path / name, 16000).astype(int))
    last = found[2 * 16000 - 400 : 2 * 16000 - (200 if name.endswith("ogg") else 40)]
    assert last.max() > 8000 and found[: 2 * 16000 - 1200].max() < 1500
