import numpy as np
import pytest

from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.moments import Moments


def taken(short: str, samples: int) -> list[int]:
    return Moments(8, 1000, 3000, short).middle("x.wav", np.arange(samples, dtype=np.int16)).tolist()


def test_a_sound_that_is_too_short_is_repeated_and_its_middle_or_its_start_taken():
    twice = [*range(1900), *range(1900)]
    assert taken("repeat", 1900) == twice[400:3400]
    assert taken("start", 1900) == twice[:3000]
    with pytest.raises(MediaError, match=r"1\.900 s of 3\.000 s"):
        taken("fail", 1900)


def test_of_a_sound_that_is_long_enough_the_middle_is_taken_whatever_would_become_of_a_short_one():
    assert taken("start", 5000) == taken("repeat", 5000) == taken("fail", 5000) == list(range(1000, 4000))
