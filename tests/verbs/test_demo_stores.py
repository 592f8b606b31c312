"""The demo writes its stores where the configurations of the synthetic world read them, and goes on after it was moved."""

from pathlib import Path

import pytest

import avloc
from avloc.engine.experiment import Experiment, Stage, read_experiment
from avloc.engine.stores import refuse_unheard
from avloc.verbs import demo as demonstrated
from tests.commands import printed

CONFIGS = Path(__file__).parents[2] / "configs"
OF_THE_WORLD = sorted(path.stem for path in CONFIGS.glob("*.yaml") if "synthetic world" in path.read_text("utf-8"))


class Prepared(Exception):
    """The demo is about to train."""


def stop(*_: object) -> None:
    raise Prepared


def prepare(patch: pytest.MonkeyPatch, **options: object) -> None:
    """The demo up to its training, on a world of 100 videos."""
    small = avloc.prepare_synthetic
    patch.setattr(avloc, "prepare_synthetic", lambda out, **given: small(out, videos=100, **given), raising=False)
    patch.setattr(avloc, "train_stage1", stop, raising=False)
    patch.setattr(demonstrated, "MOSAICS", (12, 4, 4))
    with pytest.raises(Prepared):
        demonstrated.demo(**options)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare(patch)
    return folder


def experiment(name: str) -> Experiment:
    return read_experiment(CONFIGS / f"{name}.yaml")


def trained(whole: Experiment) -> list[Stage]:
    """Stages of methods without training read no store but that of the test sets."""
    return [stage for stage in whole.stages.values() if stage.data is not None]


def splits_read(name: str) -> set[tuple[Path, str]]:
    whole = experiment(name)
    found = {(test.store, test.split) for test in whole.evaluate.values()}
    for stage in trained(whole):
        found |= {(stage.data.store, split) for split in (stage.data.train, stage.data.validation) if split is not None}
    return found


def test_there_are_such_configurations():
    assert (
        len(OF_THE_WORLD) == 9
        and "motion_synthetic" in OF_THE_WORLD
        and "ez_vsl_synthetic" in OF_THE_WORLD
        and "dsol_synthetic_quick" in OF_THE_WORLD
    )


@pytest.mark.parametrize("name", OF_THE_WORLD)
def test_every_store_and_split_that_a_configuration_reads_is_one_of_the_demo(name):
    made_by_the_demo = {
        (demonstrated.OUT / store, split) for store, own in demonstrated.SPLITS.items() for split in own
    }
    assert splits_read(name) <= made_by_the_demo


@pytest.mark.parametrize("name", OF_THE_WORLD)
def test_its_method_can_see_and_hear_the_demos_stores(made, name, monkeypatch):
    monkeypatch.chdir(made)
    for store, split in splits_read(name):
        assert len(avloc.Store.open(store).split(split))
    whole = experiment(name)
    first = whole.build(1)  # a later stage hears as it does
    for stage in trained(whole):
        refuse_unheard(avloc.Store.open(stage.data.store), first, "", name, training=True)


def test_a_configuration_trains_in_the_folder_of_the_demo(made, monkeypatch):
    monkeypatch.chdir(made)
    told = ["train-stage1", "--config", "ez_vsl_synthetic", "--set", "stage1.train.epochs=1", "--run", "runs/one"]
    assert printed(*told, "--set", "stage1.train.device=cpu")["epochs"] == 1


def test_a_demo_whose_folder_was_moved_keeps_its_stores(made, monkeypatch):
    monkeypatch.chdir(made)
    Path("avloc-demo").rename("moved")
    try:
        before = {name: avloc.Store.open(Path("moved") / name).fingerprint for name in demonstrated.SPLITS}
        prepare(monkeypatch, out=Path("moved"))
        assert before == {name: avloc.Store.open(Path("moved") / name).fingerprint for name in demonstrated.SPLITS}
    finally:
        Path("moved").rename("avloc-demo")
