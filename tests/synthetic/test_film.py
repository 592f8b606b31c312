"""Pictures, boxes and kinds of single videos, before any coding."""

from dataclasses import replace

import numpy as np
import pytest

from avloc.synthetic.drawings import DISTRACTORS, INSTRUMENTS
from avloc.synthetic.film import Film, make_film
from avloc.synthetic.plan import KINDS, planned_video
from avloc.synthetic.scenes import FRAMES, HEIGHT, WIDTH, Scene
from avloc.synthetic.sprites import MARGIN, make_sprite, tight_box
from avloc.synthetic.truth import film_truth, key_frames


def film_of(list_name: str, index: int = 0, seed: int = 0) -> Film:
    return make_film(planned_video(seed, list_name, index))


def white_on_black(film: Film, chosen: int) -> Film:
    """The film with one object alone, as white as it covers, before nothing."""
    left, scenes = chosen, []
    for scene in film.scenes:
        kept = [part for i, part in enumerate(scene.parts) if i == left]
        left -= len(scene.parts)
        white = tuple(replace(part, sprite=np.repeat(part.sprite[..., 3:], 4, 2)) for part in kept)
        black, clean = np.zeros_like(scene.background), np.zeros_like(scene.noise)
        scenes.append(replace(scene, parts=white, background=black, noise=clean, gain=1.0))
    return replace(film, scenes=tuple(scenes))


@pytest.mark.parametrize("list_name", ["solo_testing", "pair_testing", "duet_testing", "mosaic_testing"])
def test_every_box_of_the_truth_is_where_the_object_is_drawn(list_name):
    film = film_of(list_name, 1)
    truth = film_truth(film)
    names = [part.name for part in film.parts]
    tolerance = 2 if film.plan.kind == "mosaic" else 1  # px; a thin tip loses its half when cells are halved
    assert len(names) == len(next(iter(truth.values()))["bbox"])
    for chosen, name in enumerate(names):
        alone = white_on_black(film, chosen)
        for key, index in key_frames(film.plan.stem)[::5]:
            found = truth[key]["bbox"][chosen]
            x0, y0, x1, y1 = tight_box(alone.frame(index)[..., 0] / 255)
            assert found["class"] == name
            assert np.abs(np.array(found["box"]) - [x0, y0, x1 - x0, y1 - y0]).max() <= tolerance
            scaled = np.array(found["normbox"]) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
            assert np.abs(scaled - found["box"]).max() < 1.01


def test_leaving_the_front_object_out_changes_only_its_box():
    scene = film_of("solo_testing", 2).scenes[0]
    for index in (0, 17, 39):
        *_, (front, (x0, y0, x1, y1)) = scene.boxes(index)
        without = replace(scene, parts=tuple(part for part in scene.parts if part is not front))
        changed = np.abs(scene.frame(index).astype(int) - without.frame(index)).max(2) > 24
        inside = np.zeros_like(changed)
        inside[max(y0 - 2, 0) : y1 + 2, max(x0 - 2, 0) : x1 + 2] = True
        assert not (changed & ~inside).any()
        assert changed.sum() > 0.4 * (x1 - x0) * (y1 - y0)


def test_a_box_ignores_what_stands_in_front_of_it():
    scene = film_of("duet_testing", 3).scenes[0]
    together = {part.name: box for part, box in scene.boxes(9)}
    for part in scene.parts:
        ((_, alone),) = replace(scene, parts=(part,)).boxes(9)
        assert alone == together[part.name]


@pytest.mark.parametrize("list_name", ["solo_training_1", "pair_testing", "duet_testing", "mosaic_testing"])
def test_kinds_hold_their_instruments_and_a_few_things_that_never_sound(list_name):
    extra = set()
    for index in range(8):
        film = film_of(list_name, index)
        instruments = [part for part in film.parts if part.name in INSTRUMENTS]
        others = [part for part in film.parts if part.name in DISTRACTORS]
        assert sorted((part.name, part.sounding) for part in instruments) == sorted(film.plan.instruments)
        assert not any(part.sounding for part in others)
        assert len(instruments) == len(KINDS[film.plan.kind])
        assert len(film.scenes) == (4 if film.plan.kind == "mosaic" else 1)
        extra |= {len(scene.parts) - (1 if film.plan.kind == "mosaic" else len(instruments)) for scene in film.scenes}
    assert extra == ({1, 2} if film.plan.kind in ("solo", "mosaic") else {0, 1})


def test_a_mosaic_is_four_whole_scenes_at_half_size():
    film = film_of("mosaic_testing", 4)
    frame, corner = film.frame(11), film.scenes[3].frame(11)
    assert frame.shape == (HEIGHT, WIDTH, 3)
    halved = corner.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean((1, 3))
    assert np.abs(frame[HEIGHT // 2 :, WIDTH // 2 :] - halved).max() <= 1


def test_keys_count_thirty_a_second_and_name_the_frame_then_on_display():
    keys = key_frames("abcdefghijk_0_1000")
    assert len(keys) == 16
    assert keys[:4] == [
        ("abcdefghijk_0_1000/frame_000/00000.jpg", 0),
        ("abcdefghijk_0_1000/frame_000/00007.jpg", 2),
        ("abcdefghijk_0_1000/frame_000/00014.jpg", 4),
        ("abcdefghijk_0_1000/frame_000/00021.jpg", 7),
    ]
    assert keys[-1] == ("abcdefghijk_0_1000/frame_003/00111.jpg", 37)


def test_the_same_video_is_drawn_and_heard_alike_twice():
    first, second = film_of("duet_testing", 6), film_of("duet_testing", 6)
    assert np.array_equal(first.frame(20), second.frame(20))
    assert np.array_equal(first.waveform(), second.waveform())
    assert film_truth(first) == film_truth(second)


def test_lists_share_no_sprite_and_no_melody():
    films = [film_of(name) for name in ("solo_training_1", "solo_training_2", "solo_validation", "solo_testing")]
    assert len({film.plan.labels for film in films}) == 1  # all of one class, so a shared sprite would be alike
    parts = [next(part for part in film.parts if part.sounding) for film in films]
    assert len({part.melody.pitches[0] for part in parts}) == len(parts)
    assert len({part.sprite.sum() for part in parts}) == len(parts)
    assert len({film.waveform().sum() for film in films}) == len(films)


@pytest.mark.parametrize("kind", sorted(INSTRUMENTS | DISTRACTORS))
def test_a_sprite_has_the_box_and_the_filled_area_that_were_asked_for(kind):
    rng = np.random.default_rng(1)
    for fill in (0.64, 0.69, 0.74):
        alpha = make_sprite(kind, 110, 90, fill, rng)[..., 3]
        x0, y0, x1, y1 = tight_box(alpha)
        assert np.abs(np.array([x0, y0, x1, y1]) - [MARGIN, MARGIN, MARGIN + 110, MARGIN + 90]).max() <= 1
        assert (alpha > 0.5).sum() / (110 * 90) == pytest.approx(fill, abs=0.07)


def test_all_objects_move_and_stay_mostly_in_the_picture():
    for index in range(6):
        scene: Scene = film_of("solo_training_1", index).scenes[0]
        for part in scene.parts:
            assert part.scales.shape == part.angles.shape == (FRAMES,)
            assert np.ptp(part.scales) > 0.03
            assert (part.centres > 0).all() and (part.centres < [WIDTH, HEIGHT]).all()
