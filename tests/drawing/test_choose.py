from avloc.drawing.choose import choose, with_extremes

IDS = [f"{video}/{frame}" for video in "abcdef" for frame in range(3)]
VIDEOS = [name[0] for name in IDS]
SCORES = {name: n / 100 for n, name in enumerate(IDS)}


def test_the_best_the_median_and_the_worst_come_first_and_then_random_ones():
    chosen = choose(IDS, VIDEOS, SCORES, clips=6)
    assert [choice.why for choice in chosen] == ["best", "median", "worst", "random", "random", "random"]
    assert (chosen[0].id, chosen[1].id, chosen[2].id) == ("f/2", "c/2", "a/0")
    assert chosen[0].score == 0.17


def test_random_clips_are_of_videos_not_yet_shown():
    chosen = choose(IDS, VIDEOS, SCORES, clips=6)
    assert len({choice.id[0] for choice in chosen}) == 6


def test_no_clip_is_chosen_twice_when_all_are_asked_for():
    chosen = choose(IDS, VIDEOS, SCORES, clips=100)
    assert sorted(choice.id for choice in chosen) == IDS


def test_one_clip_is_the_median_and_not_the_best():
    assert [choice.why for choice in choose(IDS, VIDEOS, SCORES, clips=1)] == ["median"]


def test_the_same_seed_draws_the_same_clips():
    assert choose(IDS, VIDEOS, SCORES, 6, seed=1) == choose(IDS, VIDEOS, SCORES, 6, seed=1)
    assert choose(IDS, VIDEOS, SCORES, 6, seed=1) != choose(IDS, VIDEOS, SCORES, 6, seed=2)


def test_without_scores_all_are_random():
    chosen = choose(IDS, VIDEOS, {}, clips=4)
    assert {choice.why for choice in chosen} == {"random"} and {choice.score for choice in chosen} == {None}


def test_one_scored_clip_is_shown_once():
    assert [choice.why for choice in choose(["x", "y"], ["x", "y"], {"x": 0.5}, clips=3)] == ["median", "random"]


def test_the_best_and_the_worst_follow_and_each_clip_is_there_once():
    chosen = with_extremes(choose(IDS, VIDEOS, SCORES, clips=4), IDS, SCORES, 4)
    assert len({choice.id for choice in chosen}) == len(chosen)
    best, worst = ({choice.id for choice in chosen if kind in choice.kinds} for kind in ("best", "worst"))
    assert best == {"f/2", "f/1", "f/0", "e/2"} and worst == {"a/0", "a/1", "a/2", "b/0"}
    assert [choice.why for choice in chosen[:4]] == ["best", "median", "worst", "random"]


def test_a_clip_drawn_at_random_that_is_among_the_worst_says_both():
    chosen = with_extremes(choose(IDS, VIDEOS, SCORES, clips=18), IDS, SCORES, 9)
    assert len(chosen) == 18
    assert {choice.kinds for choice in chosen if choice.why == "random"} == {("random", "best"), ("random", "worst")}


def test_clips_on_which_runs_differ_most_are_chosen_where_they_differ_at_all():
    spread = {name: 0.5 if name == "c/1" else 0.0 for name in IDS}
    chosen = with_extremes(choose(IDS, VIDEOS, SCORES, clips=1), IDS, SCORES, 2, spread)
    assert [choice.id for choice in chosen if "differs" in choice.kinds] == ["c/1"]


def test_no_extremes_add_nothing():
    chosen = choose(IDS, VIDEOS, SCORES, clips=4)
    assert with_extremes(chosen, IDS, SCORES, 0) == chosen
