"""Writes the sound of one file to another: packets are copied, or encoded as AAC with gaps filled by silence."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from av.packet import Packet
from numpy.typing import NDArray

from avloc.prepare.media.film import Broken, Film
from avloc.prepare.media.packets import NONE
from avloc.prepare.media.timeline import JITTER

#: codecs that FFmpeg can write to MP4 directly
HELD = ("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac")
#: rates that AAC supports, Hz
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class Piece(NamedTuple):
    """Packets, and the time of the first (s)."""

    time: float
    packets: list[Packet]


def copied(film: Film) -> bool:
    """Whether the packets of the sound can be copied: MP4 supports the codec, and their time stamps have no gaps."""
    track, stream = film.sound, film.audio
    assert track is not None and stream is not None
    if stream.codec_context is None or stream.codec_context.name.removesuffix("float") not in HELD:
        return False
    if stream.codec_context.name.startswith("mp3") and stream.codec_context.sample_rate < 16000:
        return False  # FFmpeg writes no MP3 of a lower rate to MP4
    if film.video is None:  # a file with sound only starts with its first sample, whatever its time stamp
        return False
    if track.changed or (track.pts == NONE).any() or not (track.duration > 0).all():
        return False
    if len(track) < 2:
        return True
    away = np.diff(track.pts) - track.duration[:-1]
    steady = np.abs(np.cumsum(away)).max() * track.tick <= JITTER
    return bool(steady and np.diff(track.pts).min() > 0)


def copy_of(film: Film, container: Any) -> Iterator[Piece]:
    """The packets of a film's sound for `container`, on the film's clock."""
    assert film.audio is not None
    out = container.add_stream_from_template(film.audio)
    out.metadata.clear()
    return _copy(film, out)


def _copy(film: Film, out: Any) -> Iterator[Piece]:
    track = film.sound
    assert film.audio is not None and track is not None
    zero = round(film.clock.zero / track.tick)
    with film.packets(film.audio) as (_, packets):
        for place, packet in packets:
            if not packet.size:
                continue
            # a separate packet, because writing changes it, and the film may be read again
            again = Packet(bytes(packet))
            again.time_base = track.base
            again.pts = again.dts = int(track.pts[place]) - zero
            again.duration = int(track.duration[place])
            again.is_keyframe = True
            again.stream = out
            yield Piece(again.pts * track.tick, [again])


def encoded(source: Any, container: Any) -> Iterator[Piece]:
    """A Film's sound, or (samples (S,) in [-1, 1], Hz), as AAC for `container`."""
    if isinstance(source, Film):
        assert source.audio is not None
        context = source.audio.codec_context
        rate, channels = context.sample_rate, context.layout.nb_channels
    else:
        rate, channels = source[1], 1
    rate = min(AAC_RATES, key=lambda known: (known < rate, abs(known - rate)))
    layout = "mono" if channels == 1 else "stereo"
    out = container.add_stream("aac", rate=rate, layout=layout)
    frames = _of_film(source) if isinstance(source, Film) else _of_array(*source)
    return _encode(out, frames, rate, layout)


def _of_film(film: Film) -> Iterator[tuple[float | None, Any]]:
    """(time in s, None: right after the one before; the frame)."""
    track = film.sound
    assert track is not None
    alone: float | None = None
    for _, frames in film.decoded(film.begin(film.audio, "no sound track")):
        if isinstance(frames, Broken):
            continue
        for frame in frames:
            at = film.time_of(frame, track)
            if film.video is None and at is not None:
                alone = at if alone is None else alone
                at -= alone
            yield at, frame


def _of_array(samples: NDArray[np.float32], rate: int) -> Iterator[tuple[float | None, Any]]:
    for start in range(0, len(samples), rate):
        piece = np.ascontiguousarray(samples[None, start : start + rate], np.float32)
        frame = av.AudioFrame.from_ndarray(piece, "fltp", "mono")
        frame.rate = rate
        yield start / rate, frame


def _encode(out: Any, frames: Iterator[tuple[float | None, Any]], rate: int, layout: str) -> Iterator[Piece]:
    """Samples are counted as in `Placer`: a gap becomes silence, and overlaps are dropped."""
    resample: Any = None
    kind: Any = None
    made = 0  # samples so far
    channels = 1 if layout == "mono" else 2
    for at, frame in frames:
        if kind != (frame.sample_rate, frame.layout.name, frame.format.name):
            kind = frame.sample_rate, frame.layout.name, frame.format.name
            resample = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        frame.pts = None
        for ready in resample.resample(frame):
            samples = ready.to_ndarray()
            lag = 0 if at is None else round(at * rate) - made
            if lag > JITTER * rate or (made == 0 and lag > 0):
                silence = np.zeros((channels, lag), np.float32)
                samples = np.concatenate([silence, samples], axis=1)
            elif lag < -JITTER * rate or (made == 0 and lag < 0):
                samples = samples[:, -lag:]
            if samples.shape[1]:
                yield _coded(out, samples, made, rate, layout)
                made += samples.shape[1]
            at = None
    yield Piece(made / rate, list(out.encode()))


def _coded(out: Any, samples: NDArray[np.float32], made: int, rate: int, layout: str) -> Piece:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
    frame.rate, frame.pts, frame.time_base = rate, made, Fraction(1, rate)
    return Piece(made / rate, list(out.encode(frame)))
