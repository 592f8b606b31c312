"""Views beside what librosa and Pillow compute, and that a batch is no more than its clips."""

import librosa
import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from torchvision import transforms

from avloc.data.views import FrameView, LogMel

FULL = 32767


def sounds(rate: int = 16000, seconds: float = 1.0) -> np.ndarray:
    """Noise, a chord, a faint tone, a click, a sweep, full-scale noise: (6, S) int16."""
    random, count = np.random.default_rng(0), int(rate * seconds)
    time = np.arange(count) / rate
    click = np.zeros(count)
    click[count // 3] = 0.9
    waves = [
        random.normal(0, 0.1, count),
        sum(0.2 * np.sin(2 * np.pi * pitch * time) for pitch in (220, 660, 1500)),
        3e-4 * np.sin(2 * np.pi * 440 * time),
        click,
        0.5 * np.sin(2 * np.pi * (100 + 1500 * time) * time),
        random.uniform(-1, 1, count),
    ]
    return (np.stack(waves).clip(-1, 1) * FULL).astype(np.int16)


def by_librosa(view: LogMel, sound: np.ndarray) -> np.ndarray:
    """(T, mels) of one clip, through librosa's own functions throughout."""
    mel = librosa.feature.melspectrogram(
        y=sound.astype(np.float32) / FULL, sr=view.rate, n_fft=view.n_fft, hop_length=view.hop, n_mels=view.mels,
        fmin=view.fmin, fmax=view.fmax, power=view.power, center=True, pad_mode="constant",
    )  # fmt: skip
    if view.decibels:
        # power_to_db of a magnitude is what DSOL's released script does
        log = librosa.power_to_db(mel, ref=1.0, amin=view.offset, top_db=view.top_db)
    else:
        log = np.log(mel + view.offset)
    return ((log - view.mean) / view.std).T


def assert_same_levels(view: LogMel, found: np.ndarray, expected: np.ndarray) -> None:
    """Within 1e-3 dB; far below a clip's peak, where float32 holds fewer digits, within 1e-7 of the peak itself."""
    step = 10 / np.log(10) if not view.decibels else 1.0
    ours, theirs = ((levels * view.std + view.mean) * step for levels in (found.astype(np.float64), expected))
    for own, other in zip(ours, theirs, strict=True):
        digits = 10 * np.log10(1 + 1e-7 * 10 ** ((other.max() - other) / 10))
        assert (np.abs(own - other) <= 1e-3 + digits).all()
        loud = other > other.max() - 30
        assert np.abs(own - other)[loud].max() < 1e-3


SETTINGS = {
    "DSOL": LogMel(),
    "the quick configuration": LogMel(n_fft=512, hop=160, mean=-45.0, std=18.0),
    "power": LogMel(power=2.0, n_fft=400, hop=160),
    "natural logarithm": LogMel(n_fft=512, hop=256, mels=40, decibels=False, offset=1e-5),
    "band": LogMel(rate=22050, n_fft=1024, hop=512, mels=80, fmin=50.0, fmax=8000.0),
    "no floor": LogMel(top_db=None),
}


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("name", SETTINGS)
def test_log_mel_is_librosas(name):
    view = SETTINGS[name]
    waves = sounds(view.rate)
    found = view(torch.from_numpy(waves)).numpy()
    expected = np.stack([by_librosa(view, sound) for sound in waves])
    assert found.shape == (len(waves), 1, *expected.shape[1:]) and found.dtype == np.float32
    assert_same_levels(view, found[:, 0], expected)


def test_the_published_spectrogram_is_201_by_64_and_its_rows_are_times():
    wave = np.zeros((1, 16000), np.int16)
    wave[0, 8000:] = sounds()[1, 8000:]
    spectrum = LogMel()(torch.from_numpy(wave))
    assert spectrum.shape == (1, 1, 201, 64)
    assert spectrum[0, 0, :99].max() < spectrum[0, 0, 102:].max() - 40


def by_the_text(sound: np.ndarray) -> np.ndarray:
    """DSOL's spectrogram written from its description alone: 16 kHz, windows of 10 ms, hops of 5 ms, 64 Slaney filters."""
    padded = np.pad(sound / FULL, 80)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(160) / 160)
    frames = np.stack([padded[80 * n : 80 * n + 160] * window for n in range(201)])
    magnitude = np.abs(np.fft.rfft(frames))
    top = 15 + 27 * np.log(8000 / 1000) / np.log(6.4)
    points = np.array(
        [200 * m / 3 if m < 15 else 1000 * np.exp((m - 15) * np.log(6.4) / 27) for m in np.linspace(0, top, 66)]
    )
    bins = np.arange(81) * 100.0
    bank = np.zeros((64, 81))
    for k in range(64):
        low, middle, high = points[k : k + 3]
        triangle = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
        bank[k] = np.maximum(0, triangle) * 2 / (high - low)
    assert [k for k in range(64) if not bank[k].any()] == [0, 13]
    decibels = 10 * np.log10(np.maximum(1e-10, magnitude @ bank.T))
    return np.maximum(decibels, decibels.max() - 80)


def test_log_mel_is_what_the_description_says():
    waves = sounds()
    expected = np.stack([by_the_text(sound) for sound in waves])
    assert_same_levels(LogMel(), LogMel()(torch.from_numpy(waves))[:, 0].numpy(), expected)


def test_silence_is_the_floor_everywhere():
    spectrum = LogMel()(torch.zeros(2, 16000, dtype=torch.int16))
    assert (spectrum + 100).abs().max() < 1e-4


def test_filters_without_a_bin_hold_the_floor_under_the_loudest_value():
    spectrum = LogMel()(torch.from_numpy(sounds()))[:, 0]
    for clip in spectrum:
        floor = max(float(clip.max()) - 80, -100.0)
        torch.testing.assert_close(clip[:, [0, 13]], torch.full((201, 2), floor))


def test_the_published_filters_give_no_warning(recwarn):
    LogMel(rate=16001)(torch.zeros(1, 16001))
    assert not recwarn.list


def test_the_floor_is_of_each_clip_alone():
    waves = torch.from_numpy(sounds())
    together = LogMel()(waves)
    for number, wave in enumerate(waves):
        torch.testing.assert_close(LogMel()(wave[None])[0], together[number], rtol=0, atol=1e-4)


def test_int16_and_float_waveforms_look_alike():
    """Their energies are the same to a millionth of the clip's loudest; far below it, levels are noise of the arithmetic."""
    waves = torch.from_numpy(sounds())
    one, other = (10 ** (LogMel()(sound) / 10) for sound in (waves, waves.float() / FULL))
    assert ((one - other).abs() <= 1e-6 * one.amax((1, 2, 3), keepdim=True)).all()


def test_mixed_precision_does_not_coarsen_the_levels():
    waves = torch.from_numpy(sounds())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = LogMel()(waves)
    assert mixed.dtype == torch.float32 and torch.equal(mixed, LogMel()(waves))


def test_training_without_variation_is_the_test_view():
    waves = torch.from_numpy(sounds())
    assert torch.equal(LogMel()(waves, torch.Generator().manual_seed(0)), LogMel()(waves))


@pytest.mark.parametrize("options", [{"shift": 0.3}, {"gain": 6.0}, {"hide": 0.2}])
def test_each_variation_of_the_sound_is_repeatable_and_bounded(options):
    view, waves = LogMel(**options), torch.from_numpy(sounds())
    plain, varied = view(waves), view(waves, torch.Generator().manual_seed(1))
    assert torch.equal(varied, view(waves, torch.Generator().manual_seed(1)))
    assert not torch.equal(varied, view(waves, torch.Generator().manual_seed(2))) and varied.shape == plain.shape
    assert torch.equal(view(waves), LogMel()(waves))
    if "gain" in options:
        assert (varied - plain).abs().max() <= 3 + 0.01  # 10 log10 of a magnitude halves the scale
    if "hide" in options:
        hidden = (varied != plain).float().mean((1, 2, 3))
        assert (hidden <= 0.2 + 0.2).all() and hidden.max() > 0


def test_a_shift_turns_the_clip_around():
    view = LogMel(shift=0.5, top_db=None)
    click = torch.zeros(8, 16000)
    click[:, 4000] = 0.5
    varied = view(click, torch.Generator().manual_seed(0))[:, 0]
    places = varied.amax(2).argmax(1) * 80
    assert len(set(places.tolist())) > 4
    assert all(min((place - 4000) % 16000, (4000 - place) % 16000) <= 8000 + 80 for place in places.tolist())


# frames


def frames(count: int = 3, high: int = 90, wide: int = 120) -> np.ndarray:
    """Smooth pictures with edges and full colours: (n, H, W, 3) uint8."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, high // 15 + 1, wide // 15 + 1, 3)).astype(np.uint8)
    return coarse.repeat(15, 1).repeat(15, 2)[:, :high, :wide]


def shown(view: FrameView, images: torch.Tensor) -> np.ndarray:
    """Grey levels (n, size, size, 3) of normalised images."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (view.mean, view.std))
    return (255 * (images * std + mean)).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [32, 56, 224])
def test_the_test_view_resizes_as_pillow_does(size, interpolation):
    view, raw = FrameView(size=size, interpolation=interpolation), frames()
    images = view(torch.from_numpy(raw))
    assert images.shape == (3, 3, size, size) and images.dtype == torch.float32
    filtering = Image.Resampling[interpolation.upper()]
    expected = np.stack([np.asarray(Image.fromarray(frame).resize((size, size), filtering)) for frame in raw])
    assert np.abs(shown(view, images) - expected).max() < 1.05  # Pillow rounds after each direction


def test_a_bicubic_crop_without_colours_is_torchvisions():
    raw = frames(4, 60, 60)
    view = FrameView(48, 53, brightness=0.0, colour=0.0, interpolation="bicubic")
    found = shown(view, view(torch.from_numpy(raw), torch.Generator().manual_seed(5)))
    generator = torch.Generator().manual_seed(5)
    offsets, flips = torch.randint(0, 6, (2, 4), generator=generator), torch.rand(3, 4, generator=generator)[0] < 0.5
    assert 0 < flips.sum() < 4
    for number, frame in enumerate(raw):
        image = transforms.functional.resize(Image.fromarray(frame), 53, transforms.InterpolationMode.BICUBIC)
        image = transforms.functional.crop(image, *offsets[:, number].tolist(), 48, 48)
        expected = np.asarray(transforms.functional.hflip(image) if flips[number] else image, np.float64)
        assert np.abs(found[number] - expected).max() < 1.05


def test_frames_of_the_asked_size_are_left_as_they_are():
    raw = frames(2, 60, 60)
    view = FrameView(size=60)
    assert np.abs(shown(view, view(torch.from_numpy(raw))) - raw).max() < 1e-3


def test_normalisation_is_per_channel():
    grey = torch.full((1, 8, 8, 3), 128, dtype=torch.uint8)
    images = FrameView(size=8)(grey)
    for channel, (mean, std) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)):
        assert images[0, channel].mean().item() == pytest.approx((128 / 255 - mean) / std, rel=1e-5)
    plain = FrameView(size=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))(grey)
    assert plain.mean().item() == pytest.approx(128 / 255)


def draws(seed: int, count: int, room: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Offsets (2, n) of the crop and the three uniform draws (3, n), in the order in which the view asks for them."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, room + 1, (2, count, 1), generator=generator)[..., 0], torch.rand(
        3, count, generator=generator
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_training_view_crops_flips_brightens_and_colours_as_pillow_does(seed):
    view, raw = FrameView(size=48, resize=56), frames(6, 56, 56)
    found = shown(view, view(torch.from_numpy(raw), torch.Generator().manual_seed(seed)))
    offsets, uniform = draws(seed, 6, 8)
    for number, frame in enumerate(raw):
        top, left = offsets[:, number].tolist()
        image = Image.fromarray(frame).crop((left, top, left + 48, top + 48))
        if uniform[0, number] < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = ImageEnhance.Brightness(image).enhance(0.7 + 0.6 * uniform[1, number].item())
        image = ImageEnhance.Color(image).enhance(0.7 + 0.6 * uniform[2, number].item())
        assert np.abs(found[number] - np.asarray(image, np.float64)).max() < 2.6  # Pillow rounds after every step


def test_without_augmentation_training_only_crops():
    view, raw = FrameView(size=48, resize=56, augment=False), frames(2, 56, 56)
    found = shown(view, view(torch.from_numpy(raw), torch.Generator().manual_seed(3)))
    offsets, _ = draws(3, 2, 8)
    for number, (top, left) in enumerate(offsets.T.tolist()):
        assert np.abs(found[number] - raw[number, top : top + 48, left : left + 48]).max() < 1e-3


def test_without_cropping_training_resizes_straight_to_the_size():
    view, raw = FrameView(size=48, resize=256, crop=False, augment=False), torch.from_numpy(frames())
    assert torch.equal(view(raw, torch.Generator()), view(raw))


def test_every_crop_can_be_drawn_and_none_lies_outside():
    view = FrameView(size=6, resize=8, augment=False, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    ramp = np.zeros((400, 8, 8, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(8)[:, None] * 10, np.arange(8)[None] * 10
    corners = (255 * view(torch.from_numpy(ramp), torch.Generator().manual_seed(0))[:, :2, 0, 0] / 10).round().int()
    assert {tuple(corner) for corner in corners.tolist()} == {(row, column) for row in range(3) for column in range(3)}


def test_a_batch_shows_what_its_frames_show_one_by_one():
    raw = torch.from_numpy(frames(4))
    together = FrameView(size=40)(raw)
    for number in range(4):
        torch.testing.assert_close(FrameView(size=40)(raw[number : number + 1])[0], together[number])


def test_the_same_generator_gives_the_same_view_and_another_another():
    view, raw = FrameView(size=40, resize=48), torch.from_numpy(frames(4))
    first = view(raw, torch.Generator().manual_seed(7))
    assert torch.equal(first, view(raw, torch.Generator().manual_seed(7)))
    assert not torch.equal(first, view(raw, torch.Generator().manual_seed(8)))


def test_views_leave_the_raw_frames_and_the_global_random_state_alone():
    raw = torch.from_numpy(frames(2))
    kept, state = raw.clone(), torch.random.get_rng_state()
    FrameView(size=40, resize=48)(raw, torch.Generator().manual_seed(0))
    assert torch.equal(raw, kept) and torch.equal(torch.random.get_rng_state(), state)
