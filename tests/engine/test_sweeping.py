"""The grid of a sweep and its table, by numbers worked out by hand."""

import pytest

from avloc.engine.sweep_grid import Member, members_of, seeds_of, split_values
from avloc.engine.sweep_table import better_first, choose_figure, settings_of, spread
from avloc.errors import ConfigError


def test_every_setting_meets_every_seed_in_a_folder_of_its_own():
    members = members_of(["stage1.train.lr=1e-4,3e-4", "stage1.model.dim=8,16"], [0, 1])
    assert len(members) == 8 == len({one.folder for one in members})
    assert members[2].settings == ("stage1.train.lr=1e-4", "stage1.model.dim=16") and members[2].seed == 0
    assert members[0].folder == "stage1.train.lr=1e-4_stage1.model.dim=8_seed=0"
    assert members[1].overrides == ["stage1.train.lr=1e-4", "stage1.model.dim=8", "seed=1"]


def test_commas_within_a_value_do_not_part_it():
    assert split_values("[10, 20],[30]") == ["[10, 20]", "[30]"]
    assert split_values("{a: 1, b: 2},'x,y'") == ["{a: 1, b: 2}", "'x,y'"]


def test_settings_that_are_no_names_of_folders_still_get_different_ones():
    folders = [one.folder for one in members_of(["stage1.data.store=/a/b,/a-b"], [0])]
    assert len(set(folders)) == 2 and not any("/" in one for one in folders)


@pytest.mark.parametrize(
    ("text", "found"), [("0-4", [0, 1, 2, 3, 4]), ("0,3,7", [0, 3, 7]), ("0-1, 5", [0, 1, 5]), ("2", [2])]
)
def test_seeds_are_numbers_and_ranges(text, found):
    assert seeds_of(text) == found


@pytest.mark.parametrize("text", ["", "a", "3-1", "0,0", "0-2,1", "-1", "1.5", "0-99999999"])
def test_other_seeds_are_refused_in_one_line(text):
    with pytest.raises(ConfigError, match=r"--seeds .*") as refused:
        seeds_of(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (["stage1.train.lr"], "expected KEY=VALUE,VALUE"),
        (["stage1.train.lr=1e-4,,3e-4"], "expected KEY=VALUE,VALUE"),
        (["stage1.train.lr=1e-4,0.0001"], "0.0001 is given twice"),
        (["stage1.train.lr=1", "stage1.train.lr=2"], "in one --grid"),
        (["seed=0,1"], "--seeds 0-4"),
        (["stage1.model.x=[1,2"], "not a YAML value"),
    ],
)
def test_a_grid_that_cannot_be_read_is_refused(grid, words):
    with pytest.raises(ConfigError, match="--grid") as refused:
        members_of(grid, [0])
    assert words in str(refused.value)


def test_the_spread_over_seeds_is_that_of_a_sample_with_students_interval():
    found = spread({0: 1.0, 1: 2.0, 2: 3.0})
    assert (found.mean, found.std, found.n) == (2.0, 1.0, 3)
    # t with 2 degrees of freedom at 97.5 % is 4.30265; times 1 / sqrt(3)
    assert found.ci95 == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-4)
    alone = spread({4: 0.5})
    assert (alone.mean, alone.std, alone.ci95, alone.n) == (0.5, None, None, 1)


def results(value: float | None) -> dict:
    return {"solo": {"protocol": {"name": "avloc"}, "metrics": {"iou": value, "auc": 0.5}}}


def test_the_best_setting_is_that_of_the_best_validation_figure_whatever_the_test_says():
    found = [
        (Member(("lr=1",), 0, "a"), {"iou": 0.3, "loss": 2.0}, results(0.9)),
        (Member(("lr=1",), 1, "b"), {"iou": 0.5, "loss": 2.0}, results(0.9)),
        (Member(("lr=2",), 0, "c"), {"iou": 0.6, "loss": 3.0}, results(0.1)),
        (Member(("lr=2",), 1, "d"), {"iou": 0.6, "loss": 3.0}, results(None)),
    ]
    assert choose_figure(found, None) == "iou"
    rows = settings_of(found, "iou")
    assert [row.settings for row in better_first(rows, "iou")] == [("lr=2",), ("lr=1",)]
    assert rows[0].validation.mean == pytest.approx(0.4) and rows[1].test["solo"]["iou"].n == 1
    assert better_first(settings_of(found, "loss"), "loss")[0].settings == ("lr=1",)
    with pytest.raises(ConfigError, match="no such validation figure; the runs have iou, loss"):
        choose_figure(found, "located")
