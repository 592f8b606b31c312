"""What happened to a recording besides its clips: repairs, clips left out, padding and unused parts, for the manifest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Film
from avloc.prepare.media.picture import Seen
from avloc.prepare.media.sound import Heard
from avloc.prepare.parts.decoding import Decoding

APART = 0.05  # s; a larger offset between the starts of picture and sound is noted
REST = 0.1  # s; a longer unused rest of a recording is noted
PADDED = 0.05  # s by which a clip may be short before it counts as padded: half a frame, and WHOLE of its sound
BROKEN, UNSEEN, UNHEARD = "too much is broken", "no picture", "sound too short"


@dataclass
class Account:
    """heard: its sounds. film: its picture, None if it has none."""

    heard: Sequence[Heard]
    film: Film | None
    decoding: Decoding
    padded: float = 0.0
    used: float = 0.0  # s up to which clips were cut
    clips: dict[str, dict[str, float]] = field(default_factory=dict)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def keep(
        self, name: str, start: float, seconds: float, seen: Sequence[Seen], starts: Sequence[float] | None = None
    ) -> bool:
        """Whether a clip can be kept: it has frames, and not too much of it is made up.

        starts: s, where the clip starts in each of the sounds, if they are from different recordings.
        """
        if any(frame.image is None for frame in seen):
            self.leave_out(name, start, UNSEEN, "the picture begins later")
            return False
        begins = list(zip(self.heard, starts or [start] * len(self.heard), strict=True))
        sound = max((heard.made_up(begin, begin + seconds) for heard, begin in begins), default=0.0) / seconds
        picture = sum(frame.made_up for frame in seen) / max(len(seen), 1)
        if max(sound, picture) > self.decoding.repair:
            what = f"{sound:.0%} of its sound" if sound >= picture else f"{picture:.0%} of its frames"
            self.leave_out(name, start, BROKEN, f"{what} had to be made up")
            return False
        silence = sum(heard.silence(begin, begin + seconds) for heard, begin in begins)
        said = {"silence": round(silence, 3), "made_up": round(max(sound, picture), 4)}
        if kept := {what: share for what, share in said.items() if share}:
            self.clips[name] = kept
        return True

    def leave_out(self, name: str, start: float, reason: str, detail: str) -> None:
        self.left_out.append({"clip": name, "start": round(start, 3), "reason": reason, "detail": detail})

    def reached(self, samples: int, rate: int) -> None:
        """Clips were cut up to this sample."""
        self.used = max(self.used, samples / rate)

    def pad(self, seconds: float) -> None:
        """A clip's sound was padded with silence."""
        self.padded += seconds

    def refusal(self, path: str, otherwise: MediaError) -> MediaError:
        """Why there is no clip: the most frequent reason, or else `otherwise`."""
        if not self.left_out:
            return otherwise
        reasons = [clip["reason"] for clip in self.left_out]
        reason = max(dict.fromkeys(reasons), key=reasons.count)
        detail = next(clip["detail"] for clip in self.left_out if clip["reason"] == reason)
        return MediaError(path, reason, detail)

    def notes(self, whole: bool = False) -> dict[str, Any]:
        """Fields for the line of the manifest; none if there is nothing to note. whole: the whole recording should be
        cut into clips, so that an unused part is a rest.
        """
        packets = sum(heard.packets for heard in self.heard) + (len(self.film.broken) if self.film else 0)
        silence = sum(stop - start for heard in self.heard for start, stop in heard.gaps)
        offset = self._offset()
        repaired: dict[str, Any] = {}
        if silence:
            repaired["silence"] = round(silence, 3)
        if packets:
            repaired["packets"] = packets
        if abs(offset) > APART:
            repaired["offset"] = round(offset, 3)
        if self.clips:
            repaired["clips"] = self.clips
        notes: dict[str, Any] = {"repaired": repaired, "left_out": self.left_out}
        notes["padded"] = round(self.padded, 3)
        rest = self._ends() - self.used if whole else 0.0
        notes["rest"] = round(rest, 3) if rest >= REST else 0.0
        notes["channels"] = "cancel" if any(heard.cancels for heard in self.heard) else ""
        return {name: value for name, value in notes.items() if value}

    def _ends(self) -> float:
        """The end of the picture or the sound, whichever is later, s."""
        picture = self.film.clock.picture_to if self.film else None
        return max([picture or 0.0, *(heard.seconds for heard in self.heard)])

    def _offset(self) -> float:
        """Seconds by which the sound of a file starts after its picture; negative if it starts before."""
        clock = self.film.clock if self.film else None
        if clock is None or clock.sound_from is None or clock.picture_from is None:
            return 0.0
        return clock.sound_from - clock.picture_from
