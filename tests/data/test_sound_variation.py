"""What training may do to a sound means what its numbers say: decibels, seconds of a room, octaves."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Generator

from avloc.data import sound_variation as made
from avloc.data.sound_variation import Variation
from avloc.data.views import LogMel, LogStft, VggishPatches, Waveform

RATE = 16_000


def tone(hertz: float = 1000.0, seconds: float = 1.0, amplitude: float = 0.1) -> torch.Tensor:
    return amplitude * torch.sin(2 * torch.pi * hertz * torch.arange(int(seconds * RATE)) / RATE)


def decibels(ratio: torch.Tensor) -> torch.Tensor:
    return 20 * torch.log10(ratio)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("below", [0.0, 6.0, 20.0, -3.0])
def test_another_sound_is_so_many_decibels_softer(below):
    clips, others = (
        torch.stack([tone(), tone(500, amplitude=0.4)]),
        torch.stack([tone(3000), tone(200, amplitude=0.01)]),
    )
    added = made.mixed_with(clips, others, torch.tensor([below, below])) - clips
    torch.testing.assert_close(
        decibels(made.level(clips) / made.level(added)), torch.full((2, 1), below), rtol=0, atol=1e-3
    )


def test_silence_has_no_level_and_stays_silent():
    clips, others = torch.stack([torch.zeros(RATE), tone()]), torch.stack([tone(), torch.zeros(RATE)])
    assert torch.equal(made.mixed_with(clips, others, torch.tensor([0.0, 0.0])), clips)
    everything = Variation(mix=(0.0, 0.0), reverb=0.5, equalize=9.0, noise=(0.0, 0.0), share=1.0)
    assert torch.equal(everything(torch.zeros(3, RATE), RATE, seeded()), torch.zeros(3, RATE))


def test_noise_has_the_ratio_that_was_asked_for():
    clips = torch.stack([tone(), tone(amplitude=0.02), tone(300)])
    heard = Variation(noise=(10.0, 10.0), share=1.0)(clips, RATE, seeded())
    ratios = decibels(made.level(clips) / made.level(heard - clips))
    torch.testing.assert_close(ratios, torch.full((3, 1), 10.0), rtol=0, atol=0.01)
    drawn = Variation(noise=(5.0, 30.0), share=1.0)(tone(amplitude=0.02).repeat(64, 1), RATE, seeded())
    ratios = decibels(made.level(tone(amplitude=0.02)[None]) / made.level(drawn - tone(amplitude=0.02)))
    assert ratios.min() > 4.9 and ratios.max() < 30.1 and ratios.max() - ratios.min() > 15


def test_noise_lies_between_white_and_brown():
    noise = made.noises(200, RATE, seeded())
    torch.testing.assert_close(made.level(noise), torch.ones(200, 1), rtol=1e-4, atol=0)
    power = torch.fft.rfft(noise).abs().square()
    low, high = power[:, 100:200].mean(1), power[:, 3200:6400].mean(1)  # five octaves apart
    fall = 10 * torch.log10(low / high)
    assert -1.5 < fall.min() < 3 and 27 < fall.max() < 32  # 0 to 6 dB an octave


def test_an_octave_is_as_much_louder_as_the_equaliser_says():
    bands = made.octaves(RATE)
    assert bands == 8  # 62.5 Hz to 8 kHz
    gains = torch.zeros(2, bands)
    gains[0, 4], gains[1, 4] = 6.0, -12.0  # at 1 kHz
    clips = torch.stack([tone(1000), tone(1000)])
    loud = decibels(made.level(made.equalized(clips, RATE, gains)) / made.level(clips))
    torch.testing.assert_close(loud, torch.tensor([[6.0], [-12.0]]), rtol=0, atol=0.01)
    halfway = torch.stack([tone(1000 * 2**0.5)] * 2)
    loud = decibels(made.level(made.equalized(halfway, RATE, gains)) / made.level(halfway))
    torch.testing.assert_close(loud, torch.tensor([[3.0], [-6.0]]), rtol=0, atol=0.05)
    far = torch.stack([tone(250)] * 2)
    torch.testing.assert_close(made.equalized(far, RATE, gains), far, rtol=0, atol=1e-4)


def test_a_room_rings_for_as_long_as_it_says_and_never_before_the_sound():
    seconds = torch.tensor([0.2, 0.5])
    rooms = made.room_responses(seconds, RATE, seeded())
    for room, time in zip(rooms, seconds.tolist(), strict=True):
        energy = room.square()
        early, late = (
            energy[int(start * time * RATE) : int((start + 0.1) * time * RATE)].sum() for start in (0.1, 0.6)
        )
        assert abs(10 * torch.log10(early / late) - 30) < 2  # half of the time, half of the 60 dB
        assert room[0] == 1 and not room[1 : int(0.004 * RATE)].any()
    click = torch.zeros(2, RATE)
    click[:, 4000] = 0.5
    heard = made.reverberated(click, rooms)
    assert heard[:, :3999].abs().max() < 1e-5 and (heard[:, 4100:7000] != 0).any()
    torch.testing.assert_close(made.level(heard), made.level(click), rtol=1e-4, atol=0)


def test_a_clip_is_mixed_with_another_of_its_batch():
    clips = torch.stack([tone(hertz, amplitude=0.05) for hertz in (300, 700, 1500, 3100)])
    heard = Variation(mix=(0.0, 0.0), share=1.0)(clips, RATE, seeded())
    shares = (heard @ clips.T / (clips @ clips.T).diagonal()).round(decimals=2)
    assert torch.equal(shares.diagonal(), torch.ones(4))
    others = shares - torch.eye(4)
    assert torch.equal(others.sum(1), torch.ones(4)) and torch.equal(others.sum(0), torch.ones(4))


def test_nothing_passes_full_scale_and_the_mixture_keeps_its_ratio():
    loud = tone(amplitude=0.95)[None].repeat(8, 1)
    heard = Variation(noise=(0.0, 0.0), share=1.0)(loud, RATE, seeded())
    assert heard.abs().max() <= 1 + 1e-6 and torch.allclose(heard.abs().amax(1), torch.ones(8))


def test_it_happens_to_the_share_of_the_clips_that_was_asked_for():
    clips = tone(amplitude=0.05).repeat(400, 1)
    heard = Variation(equalize=6.0, share=0.3)(clips, RATE, seeded())
    assert 0.22 < float((heard != clips).any(1).float().mean()) < 0.38
    assert torch.equal(Variation(equalize=6.0, share=0.0)(clips, RATE, seeded()), clips)


@pytest.mark.parametrize(
    "view",
    [
        Waveform(RATE, vary=Variation(noise=(5, 20), share=1.0)),
        LogMel(vary=Variation(reverb=0.3, share=1.0)),
        LogStft(vary=Variation(equalize=9.0, share=1.0)),
        VggishPatches(seconds=None, vary=Variation(mix=(0, 10), share=1.0)),
    ],
    ids=lambda view: type(view).__name__,
)
def test_every_view_varies_the_sound_in_training_only_and_repeatably(view):
    waves = (32767 * torch.stack([tone(400), tone(900), tone(2000)])).to(torch.int16)
    plain = type(view)(**{**vars(view), "vary": None})
    assert torch.equal(view(waves), plain(waves))
    once = view(waves, seeded(3))
    assert torch.equal(once, view(waves, seeded(3))) and not torch.equal(once, view(waves, seeded(4)))
    assert once.shape == plain(waves).shape and not torch.equal(once, plain(waves)) and once.isfinite().all()
    assert getattr(view, "random", True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"noise": [20, 5]}, r"noise is \[20.0, 5.0\]; expected the lower number of dB first"),
        ({"share": 2}, "share is 2.0; expected a number from 0 to 1"),
        ({"reverb": -1}, r"reverb\n.*greater than or equal to 0"),
        ({"echo": 1}, "echo"),
    ],
)
def test_what_means_nothing_is_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(Variation).validate_python(wrong)


def test_variation_is_the_same_on_every_call_with_the_same_draws_whatever_the_length():
    """The draws of a clip do not depend on numpy's or torch's own generators."""
    clips = torch.stack([tone(), tone(500)])
    torch.manual_seed(1)
    np.random.seed(1)
    one = Variation(mix=(0, 9), reverb=0.4, equalize=6, noise=(0, 9))(clips, RATE, seeded(5))
    torch.manual_seed(2)
    np.random.seed(2)
    assert torch.equal(one, Variation(mix=(0, 9), reverb=0.4, equalize=6, noise=(0, 9))(clips, RATE, seeded(5)))
