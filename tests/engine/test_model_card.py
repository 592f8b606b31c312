"""The card beside a model's weights says what it learnt from, how right it is, and what it cannot do."""

import json

import pytest

import avloc
from avloc.engine.experiment import open_run
from avloc.engine.model_card import model_card
from tests.engine.tiny import BACKBONE, RATE, make_tiny_store, write_config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny EZ-VSL, trained for one epoch."""
    folder = tmp_path_factory.mktemp("card")
    store = make_tiny_store(folder / "store")
    data = {"store": str(store), "train": "train"}
    model = {
        "dim": 8,
        "frame": {"size": 32, "resize": 36},
        "sound": {"rate": RATE, "n_fft": 128, "hop": 80, "mels": 16},
        "visual": BACKBONE,
        "audio": BACKBONE,
    }
    train = {"epochs": 1, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0}
    config = {
        "method": "ez_vsl",
        "stage1": {"data": data, "model": model, "train": train},
        "evaluate": {"solo": {"store": str(store), "split": "test", "protocol": "avloc"}},
    }
    avloc.train_stage1(write_config(folder / "c.yaml", config), folder / "run")
    return folder / "run"


def test_before_any_evaluation_the_card_says_that_nothing_was_measured(run):
    text = avloc.card(run).text
    assert (run / "card.md").read_text() == text
    assert "It was not evaluated; run `avloc evaluate`." in text
    assert "18 clips of store (train), recordings, 1 s of sound at 4000 Hz each." in text
    assert "| harp | 6 |" in text and "It was trained on 3 classes." in text
    assert "Whether its maps stay low for sounds that nothing in view makes was not measured." in text
    assert str(run.parent) not in text  # no places of one machine


def test_evaluating_writes_the_figures_into_the_card(run):
    found = avloc.evaluate(run=run, resamples=50)
    text = (run / "card.md").read_text()
    value = found.sets["solo"].result.metrics["ciou"].value
    assert f"| solo | avloc | {found.sets['solo'].result.counts['evaluated']} | ciou | {100 * value:.1f} |" in text
    assert "All test sets come from the store that it was trained on" in text
    assert "the sounding object has the higher map in" in text and "Trained for 1 epochs" in text


def test_what_the_results_say_against_the_model_is_named(run, tmp_path):
    avloc.evaluate(run=run, resamples=50)
    (file,) = (run / "results").glob("*.json")
    result = json.loads(file.read_text())
    result["negative_sound"] = {"silence": {"clips": 9, "auroc": 0.55, "false_alarm_rate": 0.8, "threshold": 1.0}}
    difference = result["comparisons"]["largest object"]["difference"]["ciou"]
    difference["ci95_by_video"] = [-0.1, 0.2]
    result["comparisons"]["saliency"]["difference"]["ciou"]["ci95_by_video"] = [0.1, 0.2]
    file.write_text(json.dumps(result))
    text = model_card(*open_run(None, run))
    assert "| solo | silence | 9 | 0.550 | 80.0 |" in text
    assert "solo: it often does not notice that nothing in view makes the sound (silence)." in text
    assert "it is not significantly better than always choosing the largest object" in text
    assert "colour saliency" not in text
    difference["ci95_by_video"] = [0.05, 0.2]
    result["negative_sound"]["silence"]["auroc"] = 0.95
    file.write_text(json.dumps(result))
    text = model_card(*open_run(None, run))
    assert "often does not notice" not in text and "largest object (using its" not in text


def test_a_store_that_is_gone_and_results_that_are_broken_do_not_stop_the_card(run, tmp_path):
    import shutil

    other = tmp_path / "elsewhere" / "run"
    shutil.copytree(run, other)
    (other / "results" / "broken.json").write_text("{")
    (other / "stores.json").unlink(missing_ok=True)
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace(str(run.parent / "store"), str(tmp_path / "gone")))
    assert "The store was not found" in avloc.card(other).text
