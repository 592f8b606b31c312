"""A film whose every second has its own grey and its own tone, and the ways in which such a film can be spoiled.

Second k is grey 20 + 20k and sounds 400 + 150k Hz, so that a clip's picture and sound can be checked against one another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet

#: container -> (codec of the picture, of the sound), what such files usually hold
CODECS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "webm": ("libvpx", "libopus"),
    "avi": ("mpeg4", "libmp3lame"),
    "ts": ("libx264", "aac"),
    "flv": ("libx264", "aac"),
    "3gp": ("mpeg4", "aac"),
    "wmv": ("wmv2", "wmav2"),
}
FORMATS = {"ts": "mpegts", "wmv": "asf", "mkv": "matroska"}
TICKS = 12800


def grey(second: int) -> int:
    return 20 + 20 * second


def pitch(second: int) -> int:
    return 400 + 150 * second


@dataclass(frozen=True)
class Film:
    """What is made: s, frames a second, Hz, when picture and sound start (s), and how they are coded."""

    seconds: float = 6.0
    fps: float = 10
    rate: int = 16000
    layout: str = "mono"
    picture_from: float = 0.0
    sound_from: float = 0.0
    picture_to: float | None = None
    sound_to: float | None = None
    gop: int = 10
    bframes: int = 0
    codecs: tuple[str, str] | None = None
    times: Sequence[float] | None = None
    options: tuple[tuple[str, str], ...] = ()
    phase: float = 1.0  # of every second channel
    params: str = "scenecut=0"

    def make(self, path: Path) -> Path:
        """Write the film; the test is skipped where this PyAV has no encoder for it."""
        kind = path.suffix[1:]
        picture_codec, sound_codec = self.codecs or CODECS[kind]
        for name in (picture_codec, sound_codec):
            try:
                av.Codec(name, "w")
            except Exception:
                pytest.skip(f"this PyAV has no encoder {name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", format=FORMATS.get(kind), options=dict(self.options)) as container:
            rate = Fraction(self.fps).limit_denominator(1001)
            video = container.add_stream(picture_codec, rate=rate)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            video.codec_context.gop_size = self.gop
            video.codec_context.max_b_frames = self.bframes
            if picture_codec == "libx264":
                video.options = {
                    "crf": "20",
                    "preset": "ultrafast",
                    "bf": str(self.bframes),
                    "x264-params": self.params,
                }
            if picture_codec in ("libx264", "libvpx"):
                video.codec_context.time_base = Fraction(1, TICKS)
            audio = container.add_stream(
                sound_codec, rate=48000 if sound_codec == "libopus" else self.rate, layout=self.layout
            )
            if sound_codec == "wmav2":
                audio.bit_rate = 64000
            self._picture(container, video)
            self._sound(container, audio)
        return path

    def _picture(self, container: av.container.OutputContainer, video: av.video.stream.VideoStream) -> None:
        last = self.seconds if self.picture_to is None else self.picture_to
        times = self.times or [n / self.fps for n in range(round(last * self.fps))]
        constant = video.codec_context.time_base != Fraction(1, TICKS)
        for time in (time for time in times if time >= self.picture_from - 1e-9):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey(int(time + 1e-6)), np.uint8))
            if not constant:
                frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            else:
                frame.pts, frame.time_base = round(time * self.fps), 1 / Fraction(self.fps).limit_denominator(1001)
            container.mux(video.encode(frame))
        container.mux(video.encode())

    def _sound(self, container: av.container.OutputContainer, audio: av.audio.stream.AudioStream) -> None:
        rate = audio.codec_context.sample_rate
        wave = tones(self.seconds if self.sound_to is None else self.sound_to, rate)
        wave = wave[round(self.sound_from * rate) :]
        channels = audio.codec_context.layout.nb_channels
        samples = np.repeat(wave[None], channels, 0)
        samples[1::2] *= self.phase
        wanted = audio.codec_context.format.name
        resampler = av.AudioResampler(format=wanted, layout=self.layout, rate=rate)
        step = audio.codec_context.frame_size or 1024
        for start in range(0, len(wave), step):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, start : start + step]), "fltp", self.layout
            )
            frame.rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = round(self.sound_from * rate) + start
            for ready in resampler.resample(frame):
                container.mux(audio.encode(ready))
        container.mux(audio.encode())


def tones(seconds: float, rate: int) -> np.ndarray:
    """(S,) float32; second k sounds with its own pitch."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * (400 + 150 * np.floor(time + 1e-9)) * time)).astype(np.float32)


def second_shown(frame: np.ndarray) -> int:
    """The second that a frame is of."""
    return round((float(frame.mean()) - 20) / 20)


def second_heard(sound: np.ndarray, rate: int = 16000) -> int | None:
    """The second that a sound is of, judged by its loudest frequency; None where most of it is silent."""
    sound = sound.astype(float)
    if (np.abs(sound) > 1500).mean() < 0.2:
        return None
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
    return round((spectrum.argmax() * rate / 4 / len(sound) - 400) / 150)


#: (kind, place among the packets of its kind, packet) -> whether the packet is kept; it may change the packet
Edit = Callable[[str, int, Packet], bool]


def breaking(kind: str, places: set[int]) -> Edit:
    """Overwrites all but the first bytes of some packets of a kind."""

    def edit(of: str, number: int, packet: Packet) -> bool:
        if of == kind and number in places:
            head = 6 if kind == "video" else 0
            packet.update(bytes(packet)[:head] + b"\xff" * (packet.size - head))
        return True

    return edit


def remux(source: Path, out: Path, edit: Edit = lambda kind, number, packet: True, **options: str) -> Path:
    """Copy packets without coding them anew."""
    with (
        av.open(str(source)) as taken,
        av.open(str(out), "w", format=FORMATS.get(out.suffix[1:]), options=options) as made,
    ):
        streams = {stream.index: made.add_stream_from_template(stream) for stream in taken.streams}
        counts = dict.fromkeys(streams, 0)
        for packet in taken.demux():
            if not packet.size:
                continue
            index = packet.stream.index
            kind, number = packet.stream.type, counts[index]
            counts[index] += 1
            if edit(kind, number, packet):
                packet.stream = streams[index]
                made.mux(packet)
    return out


def join(sources: Sequence[Path], out: Path) -> Path:
    """One file after another without coding anew: the stamps of each go on where those before ended."""
    with av.open(str(sources[0])) as first, av.open(str(out), "w", format=FORMATS.get(out.suffix[1:])) as made:
        streams = {stream.type: made.add_stream_from_template(stream) for stream in first.streams}
        reached = Fraction(0)
        for source in sources:
            with av.open(str(source)) as taken:
                packets = [packet for packet in taken.demux() if packet.size]
                offset = reached - min(packet.pts * packet.time_base for packet in packets)
                for packet in packets:
                    reached = max(reached, offset + (packet.pts + (packet.duration or 0)) * packet.time_base)
                    packet.pts += round(offset / packet.time_base)
                    packet.dts = None if packet.dts is None else packet.dts + round(offset / packet.time_base)
                    packet.stream = streams[packet.stream.type]
                    made.mux(packet)
    return out
