"""Which videos a world holds."""

import re

import pytest

from avloc.errors import AvlocError
from avloc.synthetic.plan import CLASSES, KINDS, LISTS, counts, planned_video, planned_videos


def test_the_quick_world_has_about_seven_hundred_videos_and_no_empty_list():
    sizes = counts("quick")
    assert sum(sizes.values()) == 728
    assert "duet_pairs_train" not in sizes
    assert min(sizes.values()) >= 8


def test_the_full_world_is_about_ten_times_as_large():
    assert 9 < sum(counts("full").values()) / sum(counts("quick").values()) < 11
    assert set(counts("full")) == set(LISTS)


@pytest.mark.parametrize("videos", [12, 13, 20, 24, 97, 728, 5000])
@pytest.mark.parametrize("preset", ["quick", "full"])
def test_any_number_of_videos_is_shared_out_exactly_with_one_or_more_a_list(videos, preset):
    sizes = counts(preset, videos)
    assert sum(sizes.values()) == videos
    assert min(sizes.values()) >= 1
    assert set(sizes) == set(counts(preset))


@pytest.mark.parametrize("videos", [-1, 0, 11])
def test_too_few_videos_are_refused_with_the_least_number(videos):
    with pytest.raises(AvlocError, match=f"videos {videos}: .* at least 12$"):
        counts("quick", videos)


def test_an_unknown_preset_is_refused_by_name():
    with pytest.raises(AvlocError, match="preset 'tiny': unknown; choose quick or full"):
        counts("tiny")


def test_all_ids_of_a_full_world_differ_and_may_stand_in_a_url():
    ids = [plan.id for plan in planned_videos(counts("full"), 0)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[A-Za-z0-9]{11}", video) for video in ids)


def test_another_seed_gives_other_ids():
    assert planned_video(0, "solo_testing", 0).id != planned_video(1, "solo_testing", 0).id


def test_a_video_is_the_same_in_a_small_and_in_a_large_world():
    small = {plan.stem: plan for plan in planned_videos(counts("quick", 24), 3)}
    large = {plan.stem: plan for plan in planned_videos(counts("quick"), 3)}
    assert small.items() <= large.items()


@pytest.mark.parametrize("list_name", LISTS)
def test_each_kind_has_the_sources_it_should_and_classes_that_differ(list_name):
    kind = LISTS[list_name][0]
    for index in range(40):
        plan = planned_video(0, list_name, index)
        names = [name for name, _ in plan.instruments]
        assert plan.kind == kind
        assert len(set(names)) == len(names)
        assert tuple(sounding for _, sounding in plan.instruments) == KINDS[kind]
        assert len(plan.labels) == {"solo": 1, "pair": 1, "duet": 2, "mosaic": 2}[kind]


@pytest.mark.parametrize("list_name", LISTS)
def test_every_class_takes_every_role_equally_often(list_name):
    plans = [planned_video(5, list_name, index) for index in range(24)]
    for role in range(len(plans[0].instruments)):
        names = [plan.instruments[role][0] for plan in plans]
        assert {names.count(name) for name in CLASSES} == {3}


def test_a_small_world_trains_on_two_classes_or_more_and_tests_on_those():
    for videos in (12, 16, 24):
        plans = list(planned_videos(counts("quick", videos), 0))
        trained = {plan.labels[0] for plan in plans if plan.list_name == "solo_training_1"}
        tested = {plan.labels[0] for plan in plans if plan.list_name == "solo_testing"}
        assert len(trained) >= 2
        assert tested <= trained
