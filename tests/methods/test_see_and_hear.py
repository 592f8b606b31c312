"""See and hear: the table of categories, the maps, faces that talk, and the method in every command."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc.data.clip import Box, Clip
from avloc.data.loader import Batch
from avloc.data.views import FrameView, Waveform
from avloc.errors import AvlocError, DataError
from avloc.methods.see_and_hear.categories import FACE, MOTION, TABLE, read_categories
from avloc.methods.see_and_hear.faces import Faces, drawn, talking
from avloc.methods.see_and_hear.method import SeeAndHear
from avloc.nn.audioset import audioset_names
from avloc.nn.tagger import Tagger, TaggerNet
from avloc.nn.timm_encoder import Timm
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store
from tests.engine.tiny import write_config
from tests.methods.pretrained import timm, weights_file

SHARED = Path(avloc.__file__).parents[2] / "shared"
IMAGENET = __import__("torchvision").models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
VIEW = FrameView(size=64, resize=64, crop=False, augment=False)
EYES = Timm("test_efficientnet", None, 16)
EARS = Tagger("mobilenetv2", None)


def small(**more) -> SeeAndHear:
    torch.manual_seed(0)
    settings = {"frame": VIEW, "sound": Waveform(32_000), "visual": EYES, "audio": EARS, "faces": None, **more}
    return SeeAndHear(**settings).eval()


def batch(count: int = 2, frames: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand(count, frames, 3, 64, 64, generator=generator) - 0.5
    return Batch(pictures[:, 0], 0.1 * torch.randn(count, 32_000, generator=generator), frames=pictures)


# the table


def test_the_table_joins_a_hundred_categories_of_both_name_lists():
    found = read_categories(None, audioset_names(), IMAGENET)
    assert len(found) >= 100 and len({one.name for one in found}) == len(found)
    seen = [one for one in found if not one.by]
    assert len(seen) >= 100 and all(one.heard and one.seen for one in seen)
    assert all(0 <= place < 521 for one in found for place in one.heard)
    assert all(0 <= place < 1000 for one in found for place in one.seen)
    assert {one.by for one in found} == {"", FACE, MOTION}
    dog = next(one for one in found if one.name == "dog")
    assert dog.seen == tuple(range(151, 269)) and {IMAGENET[n] for n in (151, 268)} == {"Chihuahua", "Mexican hairless"}
    assert {"Bark", "Howl"} <= {audioset_names()[place] for place in dog.heard}


def test_the_names_of_audioset_are_those_of_yamnet_and_of_panns():
    listed = SHARED / "weights" / "yamnet_class_map.csv"
    if not listed.exists():
        pytest.skip("../shared/weights is not here")
    with open(listed, encoding="utf-8") as file:
        assert audioset_names() == tuple(row["display_name"] for row in csv.DictReader(file))
    panns = audioset_names(527)
    assert len(panns) == len(set(panns)) == 527
    assert panns[0] == "Speech" and panns[1].startswith("Male speech") and panns[-1] == audioset_names()[-1]


def test_a_table_of_ones_own_adds_and_replaces(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text(
        "category,heard,seen\nsitar,Sitar;Tabla,acoustic guitar;403-404\ndog,Bark,dalmatian\n", encoding="utf-8"
    )
    found = {one.name: one for one in read_categories(own, audioset_names(), IMAGENET)}
    assert [IMAGENET[place] for place in found["sitar"].seen] == ["acoustic guitar", "aircraft carrier", "airliner"]
    assert found["dog"].seen == (251,) and [audioset_names()[n] for n in found["dog"].heard] == ["Bark"]
    assert len(found) == len(TABLE.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("sitar,Sitarr,banjo", r"own\.csv:2: no AudioSet class 'Sitarr'; did you mean 'Sitar'"),
        ("sitar,Sitar,banjoo", r"own\.csv:2: no ImageNet class 'banjoo'; did you mean 'banjo'"),
        ("sitar,Sitar,990-1000", r"own\.csv:2: found 990-1000; ImageNet's classes are 0 to 999"),
        ("sitar,Sitar", r"own\.csv:2: expected a name, what is heard and what is seen"),
        ("sitar,,banjo", r"own\.csv:2: expected a name"),
    ],
)
def test_rows_that_do_not_fit_are_named(row, message, tmp_path):
    (tmp_path / "own.csv").write_text(f"category,heard,seen\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_categories(tmp_path / "own.csv", audioset_names(), IMAGENET)
    (tmp_path / "own.csv").write_text("name,sound\na,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="found name,sound; expected the columns category,heard,seen"):
        read_categories(tmp_path / "own.csv", audioset_names(), IMAGENET)
    with pytest.raises(DataError, match="cannot be read"):
        read_categories(tmp_path / "none.csv", audioset_names(), IMAGENET)


# the maps


def test_a_map_is_what_is_heard_times_what_is_seen():
    localizer, given = small(), batch()
    with torch.no_grad():
        maps, deaf = localizer.locate(given), localizer.look(given)
        likely = localizer.visual(given.frame)
        scores = localizer.audio.tags(given.sound).scores[:, 0]
    assert maps.shape == deaf.shape == (2, len(localizer.map_names), 4, 4)
    torch.testing.assert_close(likely.sum(1), torch.ones(2, 4, 4))
    row = localizer.map_names.index("dog")
    heard = scores[:, list(localizer.categories[row].heard)].amax(1)
    torch.testing.assert_close(deaf[:, row], likely[:, 151:269].sum(1))
    torch.testing.assert_close(maps[:, row], heard[:, None, None] * deaf[:, row])
    fused = small(maps="fused")
    with torch.no_grad():
        torch.testing.assert_close(fused.locate(given), maps.amax(1, keepdim=True))
    assert fused.map_names is None


def test_each_place_is_asked_by_the_whole_head(tmp_path):
    """A frame of one colour shows the same everywhere; a classifier of timm says the same of it as a whole."""
    path = weights_file(tmp_path)
    whole = timm.create_model("test_efficientnet")
    whole.load_state_dict(torch.load(path, weights_only=True))
    localizer = small(visual=Timm("test_efficientnet", str(path), 32))
    about = whole.pretrained_cfg
    frame = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(about[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    view_mean, view_std = (torch.tensor(values).view(1, 3, 1, 1) for values in (VIEW.mean, VIEW.std))
    with torch.no_grad():
        features = whole.eval().forward_features((frame - mean) / std)
        expected = torch.stack(
            [whole.forward_head(features[:, :, y : y + 1, x : x + 1])[0] for y in (0, 1) for x in (0, 1)]
        )
        found = localizer.visual((frame - view_mean) / view_std)
    torch.testing.assert_close(found[0].flatten(1).T, expected.softmax(1), rtol=1e-3, atol=1e-6)


def test_it_keeps_what_contracts_ask_of_every_method():
    localizer, given = small(), batch(3, 6)
    with torch.no_grad():
        maps = localizer.locate(given)
        assert torch.equal(maps, localizer.locate(given))
        one = Batch(given.frame[:1], given.sound[:1], frames=given.frames[:1])
        torch.testing.assert_close(localizer.locate(one), maps[:1], rtol=1e-3, atol=1e-6)
        given.sound = given.sound.flip(0)
        assert not torch.allclose(localizer.locate(given), maps)
    assert maps.amin() >= 0 and maps.amax() <= 1


def test_classes_of_a_store_find_their_categories():
    localizer = small()
    named = lambda label: [localizer.map_names[row] for row in localizer.maps_named(label)]  # noqa: E731
    assert (
        named("acoustic_guitar") == ["acoustic guitar"] and named("Dogs") == ["dog"] and named("dalmatian") == ["dog"]
    )
    assert named("xylophone") == ["marimba"] and named("erhu") == [] and "speech" in named("Conversation")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"visual": Timm("test_vit", None)}, "needs a convolutional network of ImageNet's classes"),
        ({"audio": Tagger("vggish", None, output="embedding"), "sound": Waveform(16_000)}, r"leave out audio\.output"),
        ({"audio": Tagger("mobilenetv2", None, windows="each")}, "windows is mean or max"),
    ],
)
def test_networks_without_scores_or_classes_are_refused(more, message):
    with pytest.raises(AvlocError, match=message):
        small(**more)


# faces


def test_boxes_are_drawn_by_the_share_of_each_cell():
    found = drawn(torch.tensor([[0.25, 0.0, 0.625, 0.5]]), torch.tensor([0.8]), (4, 4))
    expected = np.zeros((4, 4))
    expected[:2, 1] = 0.8
    expected[:2, 2] = 0.4
    assert np.allclose(found.numpy(), expected)
    assert drawn(torch.zeros(0, 4), torch.zeros(0), (4, 4)).sum() == 0


def talk(frames: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two faces, of which the right one's mouth opens when it is loud; boxes, frames (F, 3, 64, 64), sound."""
    loud = np.arange(frames) % 4 < 2
    pictures = np.full((frames, 64, 64), 0.5)
    mouth = np.cumsum(loud) % 2 * 0.4
    nod = np.cumsum(~loud) % 2 * 0.4
    pictures[:, 36:44, 44:52] += mouth[:, None, None]
    pictures[:, 36:44, 12:20] += nod[:, None, None]
    samples = np.repeat(np.where(loud, 0.3, 0.01), 400) * np.sin(np.arange(frames * 400) * 0.7)
    boxes = torch.tensor([[8 / 64, 16 / 64, 24 / 64, 48 / 64], [40 / 64, 16 / 64, 56 / 64, 48 / 64]])
    return (
        boxes,
        torch.from_numpy(pictures).float()[:, None].expand(-1, 3, -1, -1),
        torch.from_numpy(np.roll(samples, -200)).float(),
    )


def test_the_talking_face_of_two_is_the_one_whose_mouth_moves_with_the_sound():
    boxes, frames, sound = talk()
    left, right = talking(boxes, frames, sound).tolist()
    assert right == 1 and left < 0.2
    left, right = talking(boxes.flip(0), frames, sound).tolist()
    assert left == 1 and right < 0.2


def test_faces_are_alike_where_nothing_tells_them_apart():
    boxes, frames, sound = talk()
    assert talking(boxes, frames[:3], sound).tolist() == [1, 1]
    assert talking(boxes, frames[:1].expand(12, -1, -1, -1), sound).tolist() == [1, 1]
    assert talking(boxes[:1], frames, sound).tolist() == [1]


def test_speech_is_where_faces_are_and_else_where_it_moves(monkeypatch):
    boxes, frames, sound = talk()
    localizer = small(faces="yunet")

    class Two:
        def boxes(self, pictures):
            return [boxes for _ in pictures]

    class Nobody:
        def boxes(self, pictures):
            return [boxes[:0] for _ in pictures]

    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (VIEW.mean, VIEW.std))
    pictures = ((frames - mean) / std)[None]
    given = Batch(pictures[:, 0], torch.nn.functional.pad(sound, (0, 0))[None], frames=pictures)
    localizer._detector = Two()
    row = localizer.map_names.index("speech")
    with torch.no_grad():
        seen = localizer.seen(given, given.sound)[0, row]
        assert seen[:, 3].amax() > 4 * seen[:, 1].amax()  # columns of 16 pixels: the right face
        assert localizer.look(given)[0, row][:, 1].amax() == localizer.look(given)[0, row][:, 3].amax()
        localizer._detector = Nobody()
        moved = localizer.seen(given, given.sound)[0, row]
        assert moved.argmax() % 4 in (2, 3) and moved.amax() > 0
        assert torch.equal(moved, localizer.seen(given, given.sound)[0, localizer.map_names.index("clapping")])


def test_yunet_finds_a_face_on_a_photograph():
    weights, photos = SHARED / "weights" / "face_detection_yunet_2026may.onnx", SHARED / "real" / "photos"
    if not weights.exists() or not photos.exists():
        pytest.skip("../shared/weights and ../shared/real are not here")
    import cv2

    found = {}
    for kind in ("face", "saxophone", "watch"):
        files = sorted((photos / kind).glob("*.jpg"))[:10]
        pictures = [cv2.resize(cv2.imread(str(file))[:, :, ::-1], (288, 288)) for file in files]
        frames = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        found[kind] = [len(boxes) for boxes in Faces(str(weights)).boxes(frames)]
    assert sum(count == 1 for count in found["face"]) >= 9
    assert sum(found["watch"]) == 0


def test_yunet_finds_a_small_face_beside_a_large_one():
    weights, photos = SHARED / "weights" / "face_detection_yunet_2026may.onnx", SHARED / "real" / "photos" / "face"
    if not weights.exists() or not photos.exists():
        pytest.skip("../shared/weights or ../shared/real is not here")
    from PIL import Image

    detector, both = Faces(str(weights)), 0
    paths = sorted(photos.iterdir())[::8]
    for path in paths:
        frame = np.full((288, 288, 3), 90, np.uint8)
        for side, left in ((150, 10), (28, 240)):
            frame[60 : 60 + side, left : left + side] = np.asarray(Image.open(path).convert("RGB").resize((side, side)))
        (boxes,) = detector.boxes(torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255)
        middles = (boxes[:, 0] + boxes[:, 2]) / 2
        both += bool((middles < 0.55).any() and (middles > 0.76).any())
    assert both >= 0.7 * len(paths)


def test_faces_without_their_file_are_refused_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLOC_WEIGHTS", str(tmp_path))
    with pytest.raises(AvlocError, match=r"weights yunet: .* is missing; download it with `avloc weights fetch yunet`"):
        Faces("yunet")
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(AvlocError, match=r"a\.onnx: OpenCV .* cannot read it as YuNet") as refused:
        Faces(str(tmp_path / "a.onnx"))
    assert "\n" not in str(refused.value)


# in the commands


class Reader:
    def read(self, item: Item):
        random = np.random.default_rng(item.facts["number"])
        boxes = (Box((0.1, 0.1, 0.5, 0.5), 0, 0, True), Box((0.5, 0.5, 0.9, 0.9), 0, 1, False))
        waveform = random.normal(0, 3000, 32_000).astype(np.int16)
        pictures = random.integers(0, 255, (1, 64, 64, 3)).astype(np.uint8)
        yield Clip(item.id, item.id, "", 0.0, pictures, ("",), waveform, (0,), boxes, (True,))


def make_store(path: Path, classes: tuple[str, ...]) -> Path:
    items = {f"v{n}": Item(f"v{n}", f"v{n}.mp4", {"number": n}) for n in range(5)}
    settings = {
        "data": "made", "classes": classes, "rate": 32_000, "seconds": 1.0, "samples": 32_000, "frames_per_clip": 1,
        "size": 64, "frames": "raw",
    }  # fmt: skip
    build_store(
        path, path.parent, Listing(items, {"test": [Entry(name) for name in items]}), Reader(), settings, jobs=0
    )
    return path


def config(store: Path, protocol: str, folder: Path, **more) -> Path:
    eyes = {"timm": "test_efficientnet", "weights": str(weights_file(folder)), "output_stride": 16}
    torch.manual_seed(0)
    torch.save({"model": EARS.build().network.state_dict()}, folder / "ears.pth")
    model = {
        "frame": {"size": 64, "resize": 64, "crop": False}, "sound": {"waveform": 32_000}, "visual": eyes, "faces": None,
        "audio": {"tagger": "mobilenetv2", "weights": str(folder / "ears.pth")}, **more,
    }  # fmt: skip
    test = {"store": str(store), "split": "test", "protocol": protocol}
    return write_config(
        folder / "c.yaml", {"method": "see_and_hear", "seed": 0, "stage1": {"model": model}, "evaluate": {"all": test}}
    )


def test_it_is_evaluated_class_by_class_with_names_predicted_and_drawn(tmp_path, caplog):
    from avloc.predictions import read_predictions

    store = make_store(tmp_path / "store", ("dog", "violin", "erhu"))
    run = tmp_path / "run"
    found = avloc.evaluate(config=config(store, "dsol-duet", tmp_path), run=run, resamples=0).sets["all"]
    assert found.result.metrics and "seen without sound" in found.comparisons and "wrong sound" in found.comparisons
    assert "1 of 3 classes have no map (erhu)" in caplog.text
    kept = read_predictions(found.predictions)
    assert kept.classes is not None and "dog" in kept.classes and kept.assignment.shape == (3, len(kept.classes))
    assert [kept.classes[n] for n in np.flatnonzero(kept.assignment[0])] == ["dog"] and not kept.assignment[2].any()
    predicted = avloc.predict(store=store, run=run, split="test")
    rows = list(csv.DictReader(predicted.table.open(encoding="utf-8")))
    assert len(rows) == 5 and all(row["class"] in kept.classes for row in rows)
    assert avloc.visualize(run=run, clips=2).report.exists()
    assert not any(name.startswith("stage") for name in os.listdir(run))


def test_maps_of_no_class_of_the_store_are_refused_class_by_class_only(tmp_path):
    store = make_store(tmp_path / "store", ("erhu", "guqin"))
    assert avloc.evaluate(config=config(store, "avloc", tmp_path), run=tmp_path / "run", resamples=0).sets
    with pytest.raises(AvlocError, match=r"none of its classes \(erhu, guqin\) is a category"):
        avloc.evaluate(config=config(store, "dsol-duet", tmp_path), run=tmp_path / "other", resamples=0)


def test_the_tagger_is_frozen_and_nothing_of_it_learns():
    localizer = small()
    assert isinstance(localizer.audio, TaggerNet) and not any(p.requires_grad for p in localizer.audio.parameters())
    localizer.train()
    assert not localizer.visual.training and not localizer.audio.network.training


def test_frame_and_sound_fit_where_what_is_heard_is_what_is_seen(monkeypatch):
    one = small()
    heard = torch.zeros(3, len(one.categories), 1, 1)
    seen = torch.zeros(3, len(one.categories), 2, 2)
    heard[:2, 4] = torch.tensor([0.9, 0.02])[:, None, None]  # loud, faint and nothing at all
    seen[:, 4, 0, 1] = 0.5
    monkeypatch.setattr(one, "heard", lambda batch: heard)
    monkeypatch.setattr(one, "seen", lambda batch, sound: seen)
    torch.testing.assert_close(one.fits(batch(3)), torch.tensor([1.0, 1.0, 0.0]))
    seen[:, 5] = 0.5  # and something else, which is not heard
    torch.testing.assert_close(one.fits(batch(3)), torch.tensor([0.5**0.5, 0.5**0.5, 0.0]))
