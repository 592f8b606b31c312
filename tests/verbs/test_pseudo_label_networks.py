"""Pseudo labels by frozen networks and by matrices of their classes; through the command, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc.data.categories import CATEGORIES
from avloc.data.labels import read_labels
from avloc.engine.classifying import FRAME, SOUND
from avloc.nn import categories
from avloc.nn.classifier import Classifier, read_classifier
from avloc.nn.mobile_crnn import MobileCrnn, read_tagger
from tests.commands import refused, shown
from tests.engine.tiny import make_tiny_store
from tests.prepare.test_prepare_import_spectrograms import make_files

TAGS, KINDS = 20, 30


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A store at the tagger's rate, networks of a few channels, and mappings as the authors keep them."""
    folder = tmp_path_factory.mktemp("labels")
    make_tiny_store(folder / "store", SOUND.rate)
    torch.manual_seed(0)
    tagger = MobileCrnn(widths=(2, 3, 4, 5), expand=2, hidden=3).build(TAGS)
    torch.nn.init.normal_(tagger.outputlayer.weight, std=1.0)
    torch.nn.init.constant_(tagger.outputlayer.bias, -1.0)
    sounds = SOUND(torch.from_numpy(avloc.Store.open(folder / "store").split("test").all_sounds()))
    with torch.no_grad():
        for _ in range(8):  # batch norms learn the scale of what they hear
            tagger(sounds)
    torch.save(tagger.state_dict(), folder / "tagger.pth")
    classifier = Classifier((4, 6, 8), (1, 1, 1), KINDS)
    torch.nn.init.normal_(classifier.fc.weight, std=3.0)
    torch.save({name.removeprefix("trunk."): v for name, v in classifier.state_dict().items()}, folder / "resnet.pth")
    np.save(folder / "a.npy", np.eye(7, dtype=np.float32)[np.arange(TAGS) % 7].T)
    np.save(folder / "v.npy", np.eye(7)[np.arange(KINDS) % 7])
    return folder


def split(place: Path, name: str = "test"):
    return avloc.Store.open(place / "store").split(name)


def command(place: Path, *options: object, name: str = "mine", status: int = 0) -> str:
    arguments = ["pseudo-labels", "--store", place / "store", "--split", "test", "--name", name, *options]
    return refused(*arguments) if status else shown(*arguments, "--json")


@torch.no_grad()
def heard(place: Path) -> np.ndarray:
    """Clip by clip."""
    store, tagger = split(place), read_tagger(str(place / "tagger.pth"))
    table = torch.from_numpy(np.load(place / "a.npy").T.copy())
    rows = [tagger(SOUND(torch.from_numpy(store.sounds([clip])))).clip for clip in range(len(store))]
    return categories.heard_categories(torch.cat(rows), table).numpy()


@torch.no_grad()
def seen(place: Path, boxes: np.ndarray | None = None, logits: bool = False) -> tuple[np.ndarray, list]:
    """Frame by frame, then the mean of each clip's two."""
    store, network = split(place), read_classifier(str(place / "resnet.pth"))
    dense = read_classifier(str(place / "resnet.pth"), last_stride=1)
    table, rows, kinds = torch.from_numpy(np.load(place / "v.npy")).float(), [], []
    for clip in range(len(store)):
        for pick in range(2):
            frame = FRAME(torch.from_numpy(store.frames([clip], [pick])))
            scores = network(frame) if logits else network(frame).softmax(1)
            if boxes is not None:
                for box in boxes[clip, pick]:
                    likely = dense.of_proposals(frame, torch.from_numpy(box)[None, None])[0, 0].softmax(0)
                    kinds.append(int(categories.seen_in_proposals(likely, table).argmax()))
                    scores = torch.maximum(scores, likely)
            rows.append(categories.seen_categories(scores, table)[0])
    return torch.stack(rows).unflatten(0, (-1, 2)).mean(1).numpy(), kinds


def networks(place: Path) -> list[object]:
    hearing = ["--tagger", place / "tagger.pth", "--sound-mapping", place / "a.npy"]
    return [*hearing, "--classifier", place / "resnet.pth", "--frame-mapping", place / "v.npy"]


def test_a_tagger_and_a_classifier_label_sounds_and_frames(place):
    shown = json.loads(command(place, *networks(place), "--batch-size", 4))
    labels = read_labels(split(place), "mine")
    assert tuple(shown["classes"]) == labels.classes == CATEGORIES and shown["proposals"] == 0
    np.testing.assert_allclose(labels.sound, heard(place), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(labels.frame, seen(place)[0], rtol=1e-3, atol=1e-4)
    assert labels.sound.std(0).max() > 1e-3 and labels.frame.std(0).max() > 1e-3, "clips differ"
    assert ((labels.sound > 0.72) | (labels.sound <= 0.3)).all()


def test_one_network_serves_both_streams_and_logits_are_an_option(place):
    command(place, "--tagger", place / "tagger.pth", "--sound-mapping", place / "a.npy", name="heard")
    labels = read_labels(split(place), "heard")
    assert (labels.frame == labels.sound).all()
    options = ["--classifier", place / "resnet.pth", "--frame-mapping", place / "v.npy", "--image-scores", "logits"]
    command(place, *options, name="seen")
    labels = read_labels(split(place), "seen")
    np.testing.assert_allclose(labels.sound, seen(place, logits=True)[0], rtol=1e-3, atol=1e-3)


def test_proposals_raise_their_frame_and_are_named(place):
    low = np.random.default_rng(0).random((6, 2, 3, 2), np.float32) * 0.5
    boxes = np.concatenate([low, low + 0.4], axis=3)
    np.savez(place / "boxes.npz", ids=split(place).ids, boxes=boxes)
    options = ["--classifier", place / "resnet.pth", "--frame-mapping", place / "v.npy"]
    shown = json.loads(command(place, *options, "--proposals", place / "boxes.npz", name="boxes"))
    labels = read_labels(split(place), "boxes")
    expected, kinds = seen(place, boxes)
    assert shown["proposals"] == 3
    np.testing.assert_allclose(labels.proposals, boxes)
    np.testing.assert_allclose(labels.frame, expected, rtol=1e-3, atol=1e-4)
    assert labels.proposal_classes.ravel().tolist() == kinds
    assert (labels.frame > seen(place)[0] + 1e-3).any()


def test_proposals_without_a_classifier_have_no_class(place):
    boxes = np.tile(np.array([0.1, 0.2, 0.3, 0.4], np.float32), (6, 2, 8, 1))
    np.savez(place / "eight.npz", ids=split(place).ids, boxes=boxes)
    command(place, "--tags", "--proposals", place / "eight.npz", name="tags")
    labels = read_labels(split(place), "tags")
    assert (labels.proposal_classes == -1).all() and labels.proposals.shape == (6, 2, 8, 4)
    assert labels.classes == split(place).classes


def test_matrices_of_classes_are_mapped_by_the_same_rules(place):
    random = np.random.default_rng(0)
    sound, frame = random.random((6, TAGS)).astype(np.float32), random.random((6, KINDS)).astype(np.float32)
    np.save(place / "sound.npy", sound)
    np.save(place / "frame.npy", frame)
    mappings = ["--sound-mapping", place / "a.npy", "--frame-mapping", place / "v.npy"]
    command(place, "--scores", place / "sound.npy", "--frame-scores", place / "frame.npy", *mappings, name="matrices")
    labels = read_labels(split(place), "matrices")
    table = [torch.from_numpy(np.load(place / name)).float() for name in ("a.npy", "v.npy")]
    np.testing.assert_allclose(
        labels.sound, categories.heard_categories(torch.from_numpy(sound), table[0].T), atol=1e-6
    )
    np.testing.assert_allclose(labels.frame, categories.seen_categories(torch.from_numpy(frame), table[1]), atol=1e-6)
    np.save(place / "logits.npy", frame * 20 - 8)
    command(place, "--frame-scores", place / "logits.npy", *mappings[2:], "--image-scores", "logits", name="logits")
    assert read_labels(split(place), "logits").classes == CATEGORIES


def test_published_arrays_are_taken_in_the_order_of_the_split(place):
    a, v = np.random.default_rng(1).random((2, 6, 7)).astype(np.float32)
    np.save(place / "labels_a.npy", a)
    np.save(place / "labels_v.npy", v)
    command(place, "--scores", place / "labels_a.npy", "--frame-scores", place / "labels_v.npy", name="arrays")
    labels = read_labels(split(place), "arrays")
    assert labels.classes == CATEGORIES and (labels.sound == a).all() and (labels.frame == v).all()


T, S = ["--tagger", "tagger.pth"], ["--sound-mapping", "a.npy"]
C, F = ["--classifier", "resnet.pth"], ["--frame-mapping", "v.npy"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (T, "has classes, not categories: give --sound-mapping FILE"),
        (C, "has classes, not categories: give --frame-mapping FILE"),
        ([*T, *S, "--scores", "few.npy"], "come from one source"),
        ([*C, "--frame-mapping", "a.npy"], "found (7, 20); expected (30, categories)"),
        (["--tagger", "none.pth", *S], "no such file; give the audio tagger's mobilecrnn_v2.pth"),
        (["--tagger", "resnet.pth", *S], "not the audio tagger's mobilecrnn_v2.pth"),
        (["--classifier", "tagger.pth", *F], "not a torchvision state dict of ResNet-18 or 34"),
        (["--scores", "few.npy"], "sound has the shape (5, 7); expected (6, 7), test has 6 clips"),
        (["--scores", "nan.npy"], "sound score nan; expected 0 to 1"),
        (
            ["--scores", "nan.npy", "--image-scores", "logits"],
            "--image-scores logits has no effect without --classifier",
        ),
        (
            ["--frame-scores", "frame.npy", "--image-scores", "logits"],
            "or --frame-scores with --frame-mapping; leave it out",
        ),
        ([*C, *F, *S], "--sound-mapping has no effect without --tagger or --scores; leave it out"),
        ([*T, *S, *F], "--frame-mapping has no effect without --classifier or --frame-scores; leave it out"),
        (["--scores", "sound.npy", *F], "no scores of frames in it, so --frame-mapping has no effect"),
        (["--frame-scores", "nan.npy", *F], "frame score nan; expected 0 to 1"),
        (["--scores", "flat.npy"], "found float64 (6,); expected numbers, (clips, classes)"),
        ([*T, *S, *C, "--frame-mapping", "three.npy"], "frames category 0, category 1, category 2: expected the same"),
        ([*T, *S, "--frame-scores", "three_scores.npy"], "frames 3 without names: expected the same"),
        ([*T, *S, "--device", "abacus"], "expected auto, cpu or cuda"),
        ([*T, *S, "--batch-size", "0"], "batch_size is 0; expected 1 or more"),
        ([*C, *F, "--image-scores", "logits", "--proposals", "b.npz"], "leave --image-scores at softmax"),
        (["--tags", *S], "a mapping is for a network's classes"),
        (["--tags", "--proposals", "few.npy"], "few.npy: cannot be read"),
    ],
)
def test_what_does_not_fit_is_one_line_and_leaves_nothing(place, monkeypatch, options, words):
    monkeypatch.chdir(place)
    np.save("few.npy", np.zeros((5, 7)))
    np.save("nan.npy", np.full((6, KINDS), np.nan))
    np.save("flat.npy", np.zeros(6))
    np.save("three.npy", np.eye(3)[np.arange(KINDS) % 3])
    np.save("three_scores.npy", np.zeros((6, 3)))
    said = command(place, *options, name="bad", status=2)
    lines = [line for line in said.splitlines() if line.startswith("avloc: ")]
    assert len(lines) == 1 and words in said, said
    assert not (place / "store" / "labels" / "bad.test.npz").exists()


def test_a_store_of_another_rate_is_refused_naming_both(place, tmp_path):
    make_tiny_store(tmp_path / "store")
    said = command(tmp_path, "--tagger", place / "tagger.pth", "--sound-mapping", place / "a.npy", status=2)
    assert "has 4000 Hz; the audio tagger needs 22050 Hz: prepare it again with --rate 22050" in said


def test_published_spectrograms_and_proposals_are_heard_and_seen(place, tmp_path):
    avloc.prepare_import(make_files(tmp_path / "files"), "coarse-to-fine", tmp_path / "store", size=32, jobs=0)
    part = avloc.Store.open(tmp_path / "store").split("all")
    options = [*networks(place), "--proposals", tmp_path / "store" / "proposals.all.npz"]
    arguments = ["pseudo-labels", "--store", part.path, "--split", "all", "--name", "mine", *options]
    shown(*arguments)
    labels = read_labels(part, "mine")
    with torch.no_grad():
        likely = read_tagger(str(place / "tagger.pth"))(torch.from_numpy(part.all_sounds())[:, None]).clip
    expected = categories.heard_categories(likely, torch.from_numpy(np.load(place / "a.npy").T.copy()))
    np.testing.assert_allclose(labels.sound, expected, rtol=1e-4, atol=1e-5)
    assert labels.proposals.shape == (3, 1, 8, 4) and (labels.proposal_classes >= 0).all()
