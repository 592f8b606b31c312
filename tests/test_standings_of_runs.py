"""A leaderboard of runs: one interval for one number, seeds of one configuration as one row, and LaTeX."""

import csv
import io
import json

import pytest

import avloc
from avloc.errors import AvlocError, DataError


def write_run(folder, name, seed, value, method="dsol", lr=0.1):
    """A run's configuration and one result, as `avloc evaluate` leaves them."""
    results = folder / name / "results"
    results.mkdir(parents=True)
    (folder / name / "config.yaml").write_text(json.dumps({"method": method, "seed": seed, "train": {"lr": lr}}))
    metric = {"value": value, "ci95": [value - 0.02, value + 0.02], "ci95_by_video": [value - 0.1, value + 0.1]}
    protocol = {"name": "ez-vsl", "aggregate": "pooled", "grid": True, "strict_success": False}
    table = {"benchmark": "mine", "protocol": protocol, "annotations_sha256": "ab" * 32, "counts": {"evaluated": 9}}
    path = results / "test.ez-vsl.json"
    path.write_text(json.dumps({**table, "set": "test", "metrics": {"locacc": metric}, "per_clip": []}))
    return path


def test_the_interval_is_that_over_videos_as_everywhere(tmp_path):
    shown = avloc.leaderboard([write_run(tmp_path, "one", 0, 0.7)], published=False).text()
    assert "70.0 [60.0, 80.0]" in shown and "68.0" not in shown
    assert "dsol (one)" in shown, "a run is named by its method too"


def test_seeds_of_one_configuration_are_one_row_with_mean_and_deviation(tmp_path):
    paths = [write_run(tmp_path, f"run{seed}", seed, value) for seed, value in enumerate((0.6, 0.7, 0.8))]
    paths.append(write_run(tmp_path, "other", 0, 0.5, lr=0.2))
    lines = avloc.leaderboard(paths, published=False).text().splitlines()
    (row,) = [line for line in lines if "3 seeds" in line]
    assert "70.0 ± 10.0 (n=3)" in row
    assert sum("dsol" in line for line in lines) == 2, "another configuration has a row of its own"


def test_the_same_seed_twice_is_no_group(tmp_path):
    paths = [write_run(tmp_path, name, 0, 0.6) for name in ("a", "b")]
    shown = avloc.leaderboard(paths, published=False).text()
    assert "dsol (a)" in shown and "dsol (b)" in shown and "±" not in shown


def test_a_run_stands_for_all_its_results(tmp_path):
    path = write_run(tmp_path, "one", 0, 0.7)
    by_run = avloc.leaderboard([tmp_path / "one"], published=False).text()
    assert by_run == avloc.leaderboard([path], published=False).text()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no results/\*.json in this folder"):
        avloc.leaderboard([tmp_path / "empty"])


def two_sets(folder, name, seed, value):
    """A run with results on the test sets `test` and `pairs`."""
    path = write_run(folder, name, seed, value)
    (path.parent / "pairs.ez-vsl.json").write_text(json.dumps(json.loads(path.read_text()) | {"set": "pairs"}))
    return folder / name


def test_rows_of_a_run_with_several_test_sets_are_named_by_the_set(tmp_path):
    (table,) = avloc.leaderboard([two_sets(tmp_path, "one", 0, 0.7)], published=False).tables
    assert [row.method for row in table.rows] == ["dsol (one, pairs)", "dsol (one, test)"]
    (tmp_path / "other").mkdir()
    runs = [tmp_path / "one", two_sets(tmp_path / "other", "one", 0, 0.6)]
    (table,) = avloc.leaderboard(runs, published=False).tables
    assert {"dsol (other/one, pairs)", f"dsol ({tmp_path.name}/one, pairs)"} < {row.method for row in table.rows}


def test_seeds_of_several_test_sets_have_a_row_for_each_set(tmp_path):
    runs = [two_sets(tmp_path, f"run{seed}", seed, 0.6 + seed / 10) for seed in range(2)]
    (table,) = avloc.leaderboard(runs, published=False).tables
    assert {row.method for row in table.rows} == {"dsol, 2 seeds, pairs", "dsol, 2 seeds, test"}


def test_a_folder_in_the_place_of_a_file_is_called_one(tmp_path):
    with pytest.raises(AvlocError, match="is a folder; expected a file"):
        avloc.compare(tmp_path, tmp_path)


def test_latex_escapes_what_it_would_read_as_commands(tmp_path):
    paths = [write_run(tmp_path, f"my_run{seed}", seed, 0.6 + seed / 10) for seed in range(2)]
    paths.append(write_run(tmp_path, "an_other", 5, 0.5, method="ez_vsl"))
    shown = avloc.leaderboard(paths, published=False).text("tex")
    assert r"\begin{tabular}{lr}" in shown and r"ez\_vsl (an\_other)" in shown
    assert r"65.0 $\pm$ 7.1 (n=2) \\" in shown


def test_latex_shows_every_character_of_a_name(tmp_path):
    write_run(tmp_path, "x", 0, 0.6, method="[a]\\b^c~d<e>|f")
    shown = avloc.leaderboard([tmp_path / "x"], published=False).text("tex")
    row = r"{}[a]\textbackslash{}b\textasciicircum{}c\textasciitilde{}d\textless{}e\textgreater{}\textbar{}f (x)"
    assert f"\n{row} & 60.0" in shown, "and a row in brackets is no option of the line before"


def test_csv_has_numbers_in_its_columns_for_seeds_too(tmp_path):
    runs = [write_run(tmp_path, f"run{seed}", seed, value) for seed, value in enumerate((0.6, 0.7, 0.8))]
    (row,) = csv.DictReader(io.StringIO(avloc.leaderboard(runs, published=False).text("csv")))
    assert {name: float(row[name]) for name in ("value", "std", "seeds")} == {"value": 70, "std": 10, "seeds": 3}
    assert row["low"] == row["high"] == ""


def test_a_run_that_is_named_twice_counts_once(tmp_path):
    paths = [write_run(tmp_path, f"run{seed}", seed, value) for seed, value in enumerate((0.6, 0.8))]
    again = [*paths, tmp_path / "run0", tmp_path / "run1" / ".." / "run1"]
    (table,) = avloc.leaderboard(again, published=False).tables
    assert [row.method for row in table.rows] == ["dsol, 2 seeds"]


def test_seeds_with_another_ground_truth_are_no_group(tmp_path):
    paths = [write_run(tmp_path, f"run{seed}", seed, 0.6) for seed in range(2)]
    paths[1].write_text(json.dumps(json.loads(paths[1].read_text()) | {"annotations_sha256": "cd" * 32}))
    assert "seeds" not in avloc.leaderboard(paths, published=False).text()


def test_a_metric_is_wanted_with_all_of_its_thresholds(tmp_path):
    path = write_run(tmp_path, "one", 0, 0.7)
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | {"metrics": {name: {"value": 0.5} for name in ("ciou@0.3", "ciou", "auc")}}))
    for wanted, shown in ((["ciou"], ["ciou@0.3", "ciou"]), (["CIOU@0.3"], ["ciou@0.3"]), (["auc"], ["auc"])):
        (table,) = avloc.leaderboard([path], published=False, metric=wanted).tables
        assert [name for name, _ in table.columns] == shown


def test_boxes_of_gar_ssl_stand_beside_its_figure_on_the_sets_that_it_released(tmp_path):
    path = write_run(tmp_path, "one", 0, 0.7)
    value = json.loads(path.read_text())
    value |= {"protocol": value["protocol"] | {"name": "gar"}, "metrics": {"ciou@0.3": {"value": 0.2}}}
    for benchmark, beside in (("music-duet", True), ("vggsound-duet", False)):
        path.write_text(json.dumps(value | {"benchmark": benchmark}))
        own = avloc.leaderboard([path]).text().partition("### published")[0]
        assert ("GAR-SSL (2026)" in own) == beside and "Qwen" not in own


@pytest.mark.parametrize("text", ["{", "- a list", "seed: 1"])
def test_a_run_without_a_readable_configuration_keeps_its_name(tmp_path, text):
    path = write_run(tmp_path, "one", 0, 0.7)
    (tmp_path / "one" / "config.yaml").write_text(text)
    assert "| one " in avloc.leaderboard([path], published=False).text()


def test_a_published_figure_stands_beside_a_result_by_the_very_same_rule(tmp_path):
    path = write_run(tmp_path, "one", 0, 0.7)
    value = json.loads(path.read_text())
    protocol = value["protocol"] | {"name": "dsol-duet"}
    value |= {"benchmark": "dsol-duet", "protocol": protocol, "metrics": {"auc": {"value": 0.2}}}
    value["counts"] = {"evaluated": 9, "requested": 9}
    path.write_text(json.dumps(value))
    found = avloc.leaderboard([path])
    own = found.text().partition("### published")[0]
    assert "### dsol-duet (n=9)" in own and "dsol (one)" in own
    assert any("DSOL (2020)" in line and "22.1" in line for line in own.splitlines())
    lines = [line for line in found.text("csv").splitlines() if "DSOL (2020)" in line]
    assert len(lines) == 3 and all("published, " in line for line in lines), "each number once"
    path.write_text(json.dumps(value | {"counts": {"evaluated": 8, "requested": 9}}))
    assert "DSOL" not in avloc.leaderboard([path]).text().partition("### published")[0], "other clips, another column"


def write_parts(folder, name, seed, still, clips=3):
    """The same with scores of two classes, two sizes and two flags."""
    path = write_run(folder, name, seed, 0.7)
    flags = {
        "still picture": {"clips": clips, "ciou": 0.4, "locacc": still},
        "voice-over": {"clips": 5, "ciou": 0.5, "locacc": 0.25},
    }
    sizes = {"small": {"clips": 0}, "large": {"clips": 9, "ciou": 0.5, "locacc": 0.7}}
    classes = {name: {"clips": 2, "locacc": value} for name, value in (("cat", 0.9), ("a & b | c", 0.1))}
    result = json.loads(path.read_text()) | {"by_part": flags, "by_size": sizes, "per_class": classes}
    path.write_text(json.dumps(result))
    return path


def test_flags_are_a_table_below_each_protocol(tmp_path):
    one = write_parts(tmp_path, "one", 0, 0.5)
    alone = avloc.leaderboard([one], published=False, by="flag")
    section = alone.text().partition("### ez-vsl (n=9), by flag\n")[2].split("\n")
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section if line.startswith("|")]
    assert rows[0] == ["flag", "clips", "ciou", "locacc"]
    assert rows[2:] == [["still picture", "3", "40.0", "50.0"], ["voice-over", "5", "50.0", "25.0"]]
    assert alone.to_json()["mine"][1] == {
        "method": "dsol (one)", "flag": "still picture", "clips": 3, "ciou · ez-vsl (n=9)": "40.0",
        "locacc · ez-vsl (n=9)": "50.0",
    }  # fmt: skip
    assert "by flag" not in avloc.leaderboard([one], published=False).text()

    other = write_parts(tmp_path, "other", 0, 0.75, clips=4)
    both = avloc.leaderboard([one, other], published=False, by="flag", metric="locacc")
    lines = both.text("tex").partition("% ez-vsl (n=9), by flag: locacc\n")[2].splitlines()
    assert lines[0] == r"\begin{tabular}{lrrr}" and lines[2] == r"flag & clips & dsol (one) & dsol (other) \\"
    assert lines[4] == r"still picture & 3 to 4 & 50.0 & 75.0 \\" and "by flag: ciou" not in both.text("tex")
    found = list(csv.DictReader(io.StringIO(both.text("csv"))))
    assert [(row["flag"], row["clips"], row["value"]) for row in found[1:3]] == [
        ("", "", "70.0"),
        ("still picture", "3", "50.0"),
    ]


def test_classes_start_with_the_lowest_and_sizes_without_clips_are_left_out(tmp_path):
    path = write_parts(tmp_path, "one", 0, 0.5)
    shown = avloc.leaderboard([path], published=False, by="class").text()
    assert shown.index(r"a & b \| c") < shown.index("| cat")
    shown = avloc.leaderboard([path], published=False, by="size").text()
    assert "| large" in shown and "| small" not in shown


def test_seeds_have_means_by_flag_too(tmp_path):
    paths = [write_parts(tmp_path, f"run{seed}", seed, value) for seed, value in enumerate((0.4, 0.5, 0.6))]
    shown = avloc.leaderboard(paths, published=False, by="flag", metric="locacc").text()
    (line,) = [line for line in shown.splitlines() if "still picture" in line]
    assert "50.0 ± 10.0 (n=3)" in line and "| " in line


def test_results_without_flags_are_one_line(tmp_path):
    with pytest.raises(
        AvlocError, match="--by flag: none of these results has scores by flag; flags come with VGGSounder"
    ):
        avloc.leaderboard([write_run(tmp_path, "one", 0, 0.7)], by="flag")
    path = write_parts(tmp_path, "two", 0, "0.5")
    with pytest.raises(DataError, match=r"by_part.still picture.locacc: input should be a valid number"):
        avloc.leaderboard([path], by="flag")
