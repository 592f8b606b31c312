"""Runs and stores that are moved, copied or used from another folder, and stores that are not what a run was trained on."""

import json
import os
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import avloc
from avloc import baselines
from avloc.engine.experiment import open_run
from avloc.errors import AvlocError, ConfigError, DataError, RunError
from tests.engine.test_training import assert_same_training, stop_at
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project whose stores and runs have relative places: data/store, tiny.yaml, and runs/whole, trained to the end."""
    folder = tmp_path_factory.mktemp("made") / "project"
    (folder / "data").mkdir(parents=True)
    make_tiny_store(folder / "data" / "store")
    write_config(folder / "tiny.yaml", tiny_config(Path("data/store")))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run = Path("runs/whole")
        avloc.train_stage1(Path("tiny.yaml"), run)
        avloc.cluster(run=run)
        avloc.match_clusters(run=run)
        avloc.train_stage2(run=run)
        avloc.evaluate(run=run, resamples=0)
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch) -> Path:
    """It at another place, as the current folder: the copy knows nothing of the one that it was made of."""
    shutil.copytree(made, tmp_path / "project")
    kept = tmp_path / "project" / "runs" / "whole" / "stores.json"
    kept.write_text(kept.read_text().replace(os.path.realpath(made), os.path.realpath(tmp_path / "project")))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def places(run: Path) -> dict[str, dict]:
    return json.loads((run / "stores.json").read_text())


def results(run: Path) -> dict[str, dict]:
    return {path.name: json.loads(path.read_text())["metrics"] for path in sorted((run / "results").iterdir())}


def other_store(path: Path) -> Path:
    """The same settings, other clips."""
    make_tiny_store(path)
    row, *rows = (path / "manifest.jsonl").read_text().splitlines()
    changed = {**json.loads(row), "sha256": "0" * 64}
    (path / "manifest.jsonl").write_text("\n".join([json.dumps(changed), *rows]) + "\n")
    return path


def fingerprint(store: Path) -> str:
    return avloc.Store.open(store).fingerprint


def test_a_run_keeps_where_its_stores_lie_and_what_they_hold(made):
    kept = places(made / "runs" / "whole")
    assert set(kept) == {"stage1.data", "stage2.data", "evaluate.solo", "evaluate.multi"}
    one = kept["stage1.data"]
    assert (one["written"], one["relative"]) == ("data/store", "../../data/store")
    assert one["absolute"] == os.path.realpath(made / "data" / "store")
    assert one["content"] == fingerprint(made / "data" / "store")
    assert set(one["splits"]) == {"train", "validation"} and set(kept["evaluate.solo"]["splits"]) == {"test"}


def test_every_command_works_after_run_and_store_were_moved_together(made, project, tmp_path, monkeypatch):
    before = results(made / "runs" / "whole")
    project.rename(tmp_path / "elsewhere")
    (tmp_path / "nowhere").mkdir()
    monkeypatch.chdir(tmp_path / "nowhere")
    run = tmp_path / "elsewhere" / "runs" / "whole"
    shutil.rmtree(run / "results")
    avloc.train_stage1(run=run)
    avloc.cluster(run=run)
    avloc.match_clusters(run=run)
    avloc.train_stage2(run=run)
    avloc.evaluate(run=run, resamples=0)
    assert results(run) == before
    avloc.visualize(run=run)
    page = (run / "report" / "index.html").read_text()
    assert "no pictures" not in page and "frames of clusters (" not in page
    avloc.predict(tmp_path / "elsewhere" / "data" / "store", run=run, split="test")
    assert places(run)["stage1.data"]["absolute"] == os.path.realpath(tmp_path / "elsewhere" / "data" / "store")
    assert not list((tmp_path / "nowhere").iterdir())


def test_a_run_is_used_from_any_folder(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    avloc.evaluate(run=project / "runs" / "whole", sets=["solo"], resamples=0)
    monkeypatch.chdir(project / "runs")
    avloc.evaluate(run=Path("whole"), sets=["solo"], resamples=0)


def test_a_run_beside_its_store_is_a_place_too(project, tmp_path, monkeypatch):
    """Copied to another machine without the folders around them."""
    (tmp_path / "machine").mkdir()
    (project / "runs" / "whole").rename(tmp_path / "machine" / "whole")
    (project / "data" / "store").rename(tmp_path / "machine" / "store")
    monkeypatch.chdir(tmp_path / "machine")
    shutil.rmtree(project)
    avloc.evaluate(run=Path("whole"), resamples=0)
    assert places(Path("whole"))["evaluate.solo"]["relative"] == "../store"


def test_of_several_places_the_one_with_the_same_content_is_taken(project, tmp_path, monkeypatch):
    """A stranger at the written place; the run's own store where the run was copied to."""
    other_store(tmp_path / "other" / "data" / "store")
    monkeypatch.chdir(tmp_path / "other")
    avloc.evaluate(run=project / "runs" / "whole", sets=["solo"], resamples=0)
    avloc.cluster(run=project / "runs" / "whole")
    assert places(project / "runs" / "whole")["stage1.data"]["relative"] == "../../data/store"


@pytest.mark.parametrize("done", [1, 4])
def test_a_training_that_was_moved_goes_on_as_if_nothing_had_been(made, project, tmp_path, monkeypatch, done):
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage1(Path("tiny.yaml"), Path("runs/new"), progress=stop_at(done, ""))
    project.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    avloc.train_stage1(run=Path("moved/runs/new"))
    assert_same_training(Path("moved/runs/new"), made / "runs" / "whole")


def test_a_store_that_was_moved_alone_is_named_once(project):
    run = Path("runs/whole")
    Path("data/store").rename("kept")
    with pytest.raises(
        DataError, match=r"^data/store: no store here, nor at .*; if it was moved, .*--set stage1\.data\.st"
    ):
        avloc.cluster(run=run)
    avloc.cluster(run=run, set=["stage1.data.store=kept"])
    avloc.cluster(run=run)
    avloc.train_stage1(run=run, set=["stage1.data.store=kept"])
    avloc.train_stage2(run=run)
    avloc.evaluate(run=run, resamples=0)
    assert (run / "config.yaml").read_text().count("kept") == 0, "the configuration keeps what the user wrote"


def test_a_test_set_that_was_moved_alone_is_named_once(project):
    run = Path("runs/whole")
    Path("data/store").rename("kept")
    with pytest.raises(DataError, match=r"--set evaluate\.solo\.store=PLACE"):
        avloc.evaluate(run=run, sets=["solo"], resamples=0)
    avloc.evaluate(run=run, sets=["solo"], set=["evaluate.solo.store=kept"], resamples=0)
    avloc.evaluate(run=run, sets=["solo"], resamples=0)


def test_another_store_is_refused_with_both_fingerprints(project):
    run, ours = Path("runs/whole"), fingerprint(Path("data/store"))
    theirs = fingerprint(other_store(Path("other")))
    for verb in (avloc.train_stage1, avloc.train_stage2, avloc.cluster, avloc.match_clusters):
        stage = "stage2" if verb is avloc.train_stage2 else "stage1"
        with pytest.raises(RunError) as found:
            verb(run=run, set=[f"{stage}.data.store=other"])
        assert ours in str(found.value) and theirs in str(found.value) and "\n" not in str(found.value)
        assert "other contains another store" in str(found.value) and "choose another --run" in str(found.value)
    shutil.rmtree("data/store")
    Path("other").rename("data/store")
    for verb in (avloc.train_stage1, avloc.cluster, avloc.match_clusters):
        with pytest.raises(RunError, match=rf"data/store contains another store \(fingerprint {theirs}\) .*{ours}"):
            verb(run=run)


def test_a_test_set_that_has_changed_is_refused_until_it_is_named(project):
    run = Path("runs/whole")
    rows = [json.loads(line) for line in Path("data/store/manifest.jsonl").read_text().splitlines()]
    changed = [{**row, "sha256": "0" * 64} if row["split"] == "test" else row for row in rows]
    Path("data/store/manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed))
    with pytest.raises(RunError, match=r"uses as evaluate\.solo .*--set evaluate\.solo\.store=data/store"):
        avloc.evaluate(run=run, sets=["solo"], resamples=0)
    avloc.evaluate(run=run, sets=["solo"], set=["evaluate.solo.store=data/store"], resamples=0)
    avloc.evaluate(run=run, sets=["solo"], resamples=0)


def test_a_store_that_was_given_more_splits_is_still_that_of_the_run(project):
    ours = fingerprint(Path("data/store"))
    settings = json.loads(Path("data/store/store.json").read_text())
    Path("data/store/store.json").write_text(json.dumps({**settings, "splits": {**settings["splits"], "more": 0}}))
    assert fingerprint(Path("data/store")) != ours
    avloc.evaluate(run=Path("runs/whole"), resamples=0)
    avloc.match_clusters(run=Path("runs/whole"))
    avloc.cluster(run=Path("runs/whole"))


def test_a_run_of_an_earlier_version_is_found_too(project, tmp_path, monkeypatch):
    """It kept no places: those of its configuration are looked for from the folder that its runs/ lies in."""
    run = project / "runs" / "whole"
    (run / "stores.json").unlink()
    monkeypatch.chdir(tmp_path)
    avloc.evaluate(run=run, sets=["solo"], resamples=0)
    avloc.cluster(run=run)
    assert set(places(run)) == {"stage1.data", "evaluate.solo"}


def test_a_run_of_an_earlier_version_knows_by_its_weights_what_it_was_trained_on(project):
    run = Path("runs/whole")
    (run / "stores.json").unlink()
    Path("data/store").rename("kept")
    other_store(Path("other"))
    with pytest.raises(RunError, match=f"fingerprint {fingerprint(Path('other'))}.*{fingerprint(Path('kept'))}"):
        avloc.train_stage1(run=run, set=["stage1.data.store=other"])
    avloc.train_stage1(run=run, set=["stage1.data.store=kept"])
    avloc.cluster(run=run)


def test_the_clusters_of_a_training_are_not_those_of_the_clips_of_another_store(project):
    run = Path("runs/whole")
    (run / "stores.json").unlink()
    shutil.rmtree("data/store")
    other_store(Path("data/store"))
    with pytest.raises(RunError, match=r"was trained on another store .* remembers the clusters of its clips"):
        avloc.cluster(run=run)


def test_where_nothing_tells_what_a_run_was_trained_on_another_place_is_another_setting(project):
    run = Path("runs/whole")
    (run / "stores.json").unlink()
    for path in (run / "stage1").glob("*.safetensors"):
        save_file(load_file(path), path)  # as weights that were imported
    Path("data/store").rename("kept")
    with pytest.raises(RunError, match=r"started with stage1\.data\.store: 'data/store', now it is 'kept'"):
        avloc.cluster(run=run, set=["stage1.data.store=kept"])


def test_a_stage_that_was_not_begun_takes_the_new_place_of_a_store_that_is_gone(project):
    """As when a demo is moved while stage one trains, and started again with --out."""
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage1(Path("tiny.yaml"), Path("runs/new"), progress=stop_at(1, ""))
    Path("data/store").rename("kept")
    moved = ["stage1.data.store=kept", "stage2.data.store=kept"]
    avloc.train_stage1(Path("tiny.yaml"), Path("runs/new"), set=moved)
    avloc.cluster(run=Path("runs/new"))
    avloc.train_stage2(run=Path("runs/new"), set=moved)
    avloc.train_stage2(run=Path("runs/new"))
    assert_same_training(Path("runs/new"), Path("runs/whole"), 2)


def test_a_run_that_another_starts_from_may_be_moved_with_it(project, tmp_path, monkeypatch):
    settings = tiny_config(Path("data/store")) | {"start": {"stage1": "runs/whole"}}
    write_config(Path("second.yaml"), settings)
    avloc.train_stage2(Path("second.yaml"), Path("runs/second"))
    assert places(Path("runs/second"))["start.stage1"]["relative"] == "../whole"
    project.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "moved" / "runs" / "second"
    avloc.evaluate(run=run, sets=["multi"], resamples=0)
    (tmp_path / "moved" / "runs" / "whole").rename(tmp_path / "first")
    with pytest.raises(AvlocError, match=r"runs/whole has no"):
        avloc.evaluate(run=run, sets=["multi"], resamples=0)
    avloc.evaluate(run=run, sets=["multi"], set=[f"start.stage1={tmp_path / 'first'}"], resamples=0)
    avloc.evaluate(run=run, sets=["multi"], resamples=0)


def test_another_run_to_start_from_is_refused(project):
    settings = tiny_config(Path("data/store")) | {"start": {"stage1": "runs/whole"}}
    write_config(Path("second.yaml"), settings)
    avloc.train_stage2(Path("second.yaml"), Path("runs/second"))
    avloc.train_stage1(Path("tiny.yaml"), Path("runs/other"), set=["stage1.train.epochs=1"])
    with pytest.raises(RunError, match=r"runs/other contains another run .*fingerprint"):
        avloc.evaluate(run=Path("runs/second"), set=["start.stage1=runs/other"], resamples=0)


def test_pseudo_labels_are_read_from_the_store_where_it_lies_now(project, tmp_path, monkeypatch):
    from avloc.engine.stores import open_data

    for split in ("train", "validation"):
        avloc.pseudo_labels(Path("data/store"), split, "tags", tags=True)
    settings = tiny_config(Path("data/store"))
    settings["stage1"]["data"]["labels"] = "tags"
    write_config(Path("labelled.yaml"), settings)
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage1(Path("labelled.yaml"), Path("runs/labelled"), progress=stop_at(1, ""))
    project.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    avloc.train_stage1(run=Path("moved/runs/labelled"))
    store = open_data(open_run(None, Path("moved/runs/labelled"))[0], 1, "train")
    assert (store.path / "labels" / "tags.train.npz").exists()


def test_epochs_are_not_chosen_on_a_copy_of_the_test_set(project):
    shutil.copytree("data/store", "copy")
    settings = tiny_config(Path("data/store"))
    settings["stage1"]["train"]["select"] = "loss"
    settings["evaluate"]["solo"] |= {"store": "copy", "split": "validation"}
    with pytest.raises(ConfigError, match=r"chooses the epoch on validation, which evaluate\.solo tests"):
        avloc.train_stage1(write_config(Path("chosen.yaml"), settings), Path("runs/chosen"))


def test_a_run_that_is_moved_while_it_trains_ends_in_one_line_and_makes_no_second_folder(project):
    def move(done: int, total: int, what: str) -> None:
        if done == 2 and "step 1 " in what:
            Path("runs/new").rename("moved")

    with pytest.raises(RunError, match=r"runs/new was moved or removed .*--run DIR") as found:
        avloc.train_stage1(Path("tiny.yaml"), Path("runs/new"), progress=move)
    assert "\n" not in str(found.value) and not Path("runs/new").exists()
    avloc.train_stage1(run=Path("moved"))
    assert_same_training(Path("moved"), Path("runs/whole"))


def test_another_run_in_the_place_of_one_that_was_moved_is_not_written_into(project):
    def swap(done: int, total: int, what: str) -> None:
        if done == 1 and "step 1 " in what:
            Path("runs/new").rename("moved")
            shutil.copytree("runs/whole", "runs/new")

    with pytest.raises(RunError, match="was moved or removed"):
        avloc.train_stage1(Path("tiny.yaml"), Path("runs/new"), progress=swap)
    assert_same_training(Path("runs/new"), Path("runs/whole"))


def test_a_run_that_is_moved_while_it_is_evaluated_ends_in_one_line(project, monkeypatch):
    from avloc.engine import testing

    def centre(count: int):
        Path("runs/whole").rename("moved")
        return baselines.centre(count)

    monkeypatch.setattr(testing, "centre", centre)
    with pytest.raises(RunError, match="was moved or removed"):
        avloc.evaluate(run=Path("runs/whole"), sets=["solo"], resamples=0)
    assert not Path("runs/whole").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"stage1.data": {"written": 3}}', '{"stage1.data": {}}', ""])
def test_places_that_are_broken_are_refused_in_one_line(project, text):
    Path("runs/whole/stores.json").write_text(text)
    with pytest.raises(RunError, match=r"stores\.json: not written by avloc; move it away") as found:
        avloc.evaluate(run=Path("runs/whole"), resamples=0)
    assert "\n" not in str(found.value)
