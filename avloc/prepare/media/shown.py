"""A frame and when it is on display."""

from typing import NamedTuple

from av.video.frame import VideoFrame

TOLERANCE = 0.001  # s: containers round time stamps; WebM to whole milliseconds


class Shown(NamedTuple):
    """A decoded frame, on display from `start` to `end`, in seconds of the file's clock.

    half: s by which a requested time may exceed the end of the picture: half a frame. made_up: at the requested time it
    replaces a broken frame or depends on one. since: s when the picture starts.
    """

    frame: VideoFrame
    start: float
    end: float
    half: float = 0.0
    made_up: bool = False
    since: float = 0.0

    def lasts_to(self, time: float) -> bool:
        return time <= self.end + max(TOLERANCE, self.half)
