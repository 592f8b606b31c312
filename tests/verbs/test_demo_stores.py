"""The demo writes its stores where the configurations of the synthetic world read them, and goes on after it was moved."""

from pathlib import Path

import pytest

import avloc
from avloc.engine.experiment import Experiment, Stage, read_experiment
from avloc.engine.stores import refuse_unheard
from avloc.verbs import demo as demonstrated
from tests.commands import error_of, printed

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[2] / "configs"
OF_THE_WORLD = sorted(path.stem for path in CONFIGS.glob("*.yaml") if "synthetic world" in path.read_text("utf-8"))


class Prepared(Exception):
    """The demo is about to train."""


def stop(*_: object, **__: object) -> None:
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
        len(OF_THE_WORLD) >= 9
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
    first = whole.build(1, pretrained=False)  # a later stage hears as it does; weights of another run are not there
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


def test_the_tiny_demo_takes_the_same_steps_on_less(tmp_path, monkeypatch):
    given: dict[str, dict[str, object]] = {}

    def taken(name: str, result: object = None) -> object:
        def step(*arguments: object, **options: object) -> object:
            given[name] = {"arguments": arguments, **options}
            return result

        return step

    class Done:
        sets: dict[str, object] = {}
        report = Path("page")

    for name in ("prepare_synthetic", "prepare_music", "prepare_music_synthetic", "train_stage1", "train_stage2"):
        monkeypatch.setattr(avloc, name, taken(name), raising=False)
    for name in ("cluster", "match_clusters", "evaluate", "visualize"):
        monkeypatch.setattr(avloc, name, taken(name, Done()), raising=False)
    monkeypatch.setattr(demonstrated, "claims_of", lambda *given: [])
    monkeypatch.chdir(tmp_path)
    whole = demonstrated.demo()
    assert whole.out == Path("avloc-demo") and not whole.tiny and "videos" not in given["prepare_synthetic"]
    assert not any("epochs" in one for one in given["train_stage1"]["arguments"][2])
    done = demonstrated.demo(tiny=True)
    assert done.out == Path("avloc-demo-tiny") and done.tiny and done.to_json()["tiny"]
    assert given["prepare_synthetic"]["videos"] == 120
    assert any("stage1.train.epochs" in one for one in given["train_stage1"]["arguments"][2])
    read_experiment(CONFIGS / "dsol_synthetic_quick.yaml", demonstrated.TINY)  # its settings are settings


def test_the_table_of_the_tiny_demo_says_that_it_is_too_small_to_judge(capsys):
    from avloc.cli.show_runs import show_demo

    claim = demonstrated.Claim("it listens", "pair", "iou", "centre", 0.2, (0.1, 0.3), True)
    for tiny, words in ((False, "yes"), (True, "too small")):
        done = demonstrated.Demo(Path("o"), Path("r"), {"generate": 1.0}, {}, [claim], Path("page"), tiny=tiny)
        show_demo(done)
        shown = capsys.readouterr().out
        assert words in shown and ("Too few clips to tell" in shown) == tiny and ("yes" in shown) != tiny


def test_tiny_is_of_the_synthetic_world_only(tmp_path):
    words = ["demo", "--tiny", "--real", tmp_path, tmp_path]
    assert "cannot be combined with --real" in error_of(*words)
