import base64
import hashlib
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Png

from avloc.drawing.colours import SILENT, SOUNDING
from avloc.drawing.tools import policy, script
from avloc.engine.reported import names_of
from avloc.engine.run import Run
from avloc.errors import AvlocError, RunError
from avloc.predictions import write_predictions
from avloc.verbs.visualize import visualize
from tests.drawing.tiny_run import HOSTILE, Reading, make_run, make_store


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("visualize")
    return make_run(folder / "run", make_store(folder / "store"))


@pytest.fixture
def run(made, tmp_path) -> Run:
    """A copy to break."""
    shutil.copytree(made.path, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.fixture(scope="module")
def page(made) -> str:
    return visualize(run=made.path, clips=4).report.read_text(encoding="utf-8")


def test_the_page_has_every_section(page):
    reading = Reading(page)
    sections = ["results", "clips", "training", "clusters", "settings", "warnings", "again"]
    assert [name for name in reading.ids if name in sections] == sections
    assert not reading.open
    # two sets of six clips, all of them best or worst ones, and two clips of each of three clusters
    assert reading.tags.count("audio") == 12 + 6 and reading.tags.count("table") == 3
    assert "Left out" not in reading.words


def test_the_page_needs_nothing_but_itself(page):
    assert all(address.startswith(("data:", "#")) for address in Reading(page).loads)
    assert f'Content-Security-Policy" content="{policy()}"' in page
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    assert policy().startswith("default-src 'none'; ") and f"script-src 'sha256-{digest}'" in policy()


def test_whatever_comes_from_files_is_shown_as_text(page):
    reading = Reading(page)
    assert reading.tags.count("script") == 1 and page.count("<script") == 1 and f"<script>{script()}</script>" in page
    assert "<b>&" in reading.words and "$x$" in reading.words
    assert f"solo: warned of {HOSTILE}" in reading.words and "matching: a doubt about <b>&" in reading.words


def test_every_picture_is_described(page):
    assert all(Reading(page).alts)


def test_numbers_are_in_percent_with_their_intervals(page):
    words = Reading(page).words
    assert "63.2\xa0% (58.2 to 68.2)" in words and "+43.2 (+38.2 to +48.2)" in words


def test_the_page_says_which_clips_are_shown_and_their_score(page):
    words = Reading(page).words
    assert all(
        words.count(title) == 2 for title in ("Best, score 50.0 %", "Median, score 20.0 %", "Worst, score 0.0 %")
    )


def test_settings_are_shown_beside_their_defaults_where_they_differ(page):
    words = Reading(page).words
    assert "stage1.model.pairsallnegative" in words and "stage1.model.clusters311" in words
    assert "method: dsol" in words


def test_the_page_says_how_to_run_it_again(page, made):
    assert f"avloc train-stage1 --run {made.path}-again --config {made.config}" in Reading(page).words


def pixels(path: Path) -> np.ndarray:
    return np.array(Png.open(io.BytesIO(path.read_bytes())).convert("RGB"))


def test_figures_are_written_and_show_the_truth(made, page):
    figures = {path.stem: pixels(path) for path in made.figures.glob("*.png")}
    assert sorted(figures) == [
        "clusters.agreement", "clusters.frames", "mosaic.classes", "mosaic.panels", "mosaic.pixels", "mosaic.results",
        "solo.panels", "solo.pixels", "solo.results", "stage1.loss", "stage1.validation", "stage2.loss", "stage2.validation",
    ]  # fmt: skip
    for name in ("solo.panels", "mosaic.panels", "mosaic.classes"):
        green, red = ((figures[name] == colour).all(2).sum() for colour in (SOUNDING, SILENT))
        assert (
            green > 4 * 2 * 2 * 256 and red > green / 8
        )  # four clips, lines of two and more pixels round half a frame
    assert all(len(np.unique(image.reshape(-1, 3) @ [65536, 256, 1])) > 20 for image in figures.values())


def test_the_same_run_gives_the_same_bytes(made, run, page):
    before = {path.name: path.read_bytes() for path in run.figures.iterdir()} | {"page": run.report.read_bytes()}
    done = visualize(run=run.path, clips=4)
    own = run.report.read_text(encoding="utf-8").replace(str(run.path), str(made.path)).encode()
    assert own == before["page"]
    assert {path.name: path.read_bytes() for path in done.figures} == {n: b for n, b in before.items() if n != "page"}


def test_one_set_and_one_clip_can_be_asked_for(run):
    shutil.rmtree(run.figures, ignore_errors=True)
    told = []
    done = visualize(run=run.path, sets=["solo"], clips=1, extremes=0, progress=lambda *where: told.append(where))
    assert {path.name for path in done.figures if path.name.startswith(("solo", "mosaic"))} == {
        "solo.panels.png",
        "solo.pixels.png",
        "solo.results.png",
    }
    assert Reading(done.report.read_text(encoding="utf-8")).tags.count("audio") == 1 + 6
    assert told[-1] == (2, 2, "page")


def test_what_a_run_does_not_hold_is_left_out_and_named(run):
    shutil.rmtree(run.results)
    for path in (run.log_path(2), run.clusters, run.matching, run.predictions / "mosaic.h5"):
        path.unlink()
    words = Reading(visualize(run=run.path).report.read_text(encoding="utf-8")).words
    for line in (
        f"mosaic: no predictions; `avloc evaluate --run {run.path}` makes them",
        "solo: no results under dsol-solo, so its clips are drawn at random",
        "stage 2: no training log",
        "clusters: the run has no clusters.npz",
    ):
        assert line in words
    assert "There are no results." in words and "Random, not scored" in words


def test_maps_of_classes_that_nobody_named_are_drawn_as_one(run):
    ids = [f"{HOSTILE}{n}/000#0" for n in range(6)]
    write_predictions(run.predictions / "solo.h5", ids, np.ones((6, 4, 3, 3)))
    for variant in ("wrong-sound", "deaf"):
        (run.predictions / f"solo.{variant}.h5").unlink()
    words = Reading(visualize(run=run.path, sets=["solo"]).report.read_text(encoding="utf-8")).words
    assert "solo: no class maps" in words and "1 everywhere" in words


def test_results_under_another_protocol_are_shown_too(run):
    result = json.loads((run.results / "solo.dsol-solo.json").read_text()) | {"protocol": {"name": "other"}}
    (run.results / "solo.other.json").write_text(json.dumps(result))
    done = visualize(run=run.path, sets=["solo"])
    assert "The same maps under protocol other." in done.report.read_text(encoding="utf-8")
    assert len({path.name for path in done.figures}) == len(done.figures)


def test_a_run_without_predictions_is_told_how_to_make_them(run):
    shutil.rmtree(run.predictions)
    with pytest.raises(RunError) as caught:
        visualize(run=run.path)
    assert str(caught.value) == f"{run.path} has no predictions; `avloc evaluate --run {run.path}` makes them"


def test_an_unknown_set_is_refused_with_those_there_are(run):
    with pytest.raises(RunError, match="no test set 'duet'; its configuration has solo, mosaic"):
        visualize(run=run.path, sets=["duet"])


def test_predictions_of_other_frames_are_refused(run):
    write_predictions(run.predictions / "solo.h5", ["elsewhere"], np.ones((1, 1, 3, 3)))
    with pytest.raises(RunError, match=r"holds elsewhere, which .* does not; `avloc evaluate"):
        visualize(run=run.path)


def test_a_control_that_lacks_a_frame_is_refused(run):
    write_predictions(run.predictions / "solo.deaf.h5", [f"{HOSTILE}1/key"], np.ones((1, 1, 3, 3)))
    with pytest.raises(RunError, match=r"solo\.deaf\.h5 lacks "):
        visualize(run=run.path)


def test_a_run_whose_stores_are_gone_is_refused(run):
    with pytest.raises(AvlocError, match="none of its test sets can be drawn: solo: no pictures"):
        visualize(run=run.path, sets=["solo"], set=[f"evaluate.solo.store={run.path / 'gone'}"])


def test_no_clips_at_all_is_refused(run):
    with pytest.raises(AvlocError, match="clips is 0; expected at least 1"):
        visualize(run=run.path, clips=0)


def test_a_broken_log_is_named(run):
    run.log_path(1).write_text('{"phase": ')
    with pytest.raises(RunError, match=r"log\.jsonl: a line is not JSON"):
        visualize(run=run.path)


@pytest.fixture
def other(run, tmp_path) -> Run:
    """The same run, on five of the six clips, with other scores and another setting."""
    shutil.copytree(run.path, tmp_path / "other")
    found = Run(tmp_path / "other")
    ids = [f"{HOSTILE}{n}/{'key' if n % 2 else '000#0'}" for n in range(5)]
    for variant in ("", ".wrong-sound", ".deaf"):
        write_predictions(found.predictions / f"solo{variant}.h5", ids, np.ones((5, 1, 5, 5)))
    result = json.loads((found.results / "solo.dsol-solo.json").read_text())
    result["per_clip"] = [{"id": name, "ciou": 0.25} for name in ids]
    (found.results / "solo.dsol-solo.json").write_text(json.dumps(result))
    found.config.write_text(found.config.read_text().replace("pairs: all", "pairs: negative"))
    return found


def test_two_runs_are_shown_side_by_side_on_the_clips_that_both_hold(run, other):
    own = visualize(run=run.path).report.read_bytes()
    done = visualize(run=[run.path, other.path], sets=["solo"])
    assert done.report == run.path / "report" / "with-other.html" and done.figures == []
    assert run.report.read_bytes() == own, "the page of the one run stays"
    page = done.report.read_text(encoding="utf-8")
    reading = Reading(page)
    assert reading.tags.count("article") == 5 and not reading.open
    assert "run: 40.0 %" in reading.words and reading.words.count("other: 25.0 %") == 5
    assert f"run: solo: 1 clip that is not in all of the runs, such as {HOSTILE}5/key" in reading.words
    assert '"all""negative"' in reading.words  # a setting that differs
    assert all(reading.alts) and "run: 50.0 %" not in reading.words


def test_clips_on_which_runs_differ_most_are_flagged(run, other):
    page = visualize(run=[run.path, other.path], sets=["solo"], clips=1, extremes=1).report.read_text(encoding="utf-8")
    shown = re.findall(r'data-id="([^"]*)" data-scores="([^"]*)"', page)
    assert [scores for _, scores in shown] == ["0.200000 0.250000", "0.400000 0.250000", "0.000000 0.250000"]
    assert page.count("<h4>Worst</h4>") == 1  # which differs most, too


def test_runs_that_share_no_set_are_refused(run, other):
    (run.predictions / "mosaic.h5").unlink()
    (other.predictions / "solo.h5").unlink()
    with pytest.raises(RunError, match=r"the runs share no test set with predictions \(.*run: solo; .*other: mosaic\)"):
        visualize(run=[run.path, other.path])


def test_the_same_run_twice_is_refused(run):
    with pytest.raises(RunError, match="given twice; expected a run and others to compare it with"):
        visualize(run=[run.path, run.path / ".." / "run"])


def test_a_configuration_for_several_runs_is_refused(run, other):
    with pytest.raises(AvlocError, match="is for a single run; leave it out: each of the 2 runs has its own"):
        visualize(run.config, [run.path, other.path])


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    paths = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "b" / "other"]
    assert names_of(paths) == ["a/run", "b/run", "b/other"] and names_of(paths[1:]) == ["run", "other"]
