"""Stores know whether their clips are of the synthetic world, composed, or recorded."""

import json
import shutil

import avloc
from avloc.data.origin import origin_at, origin_of


def test_a_store_of_the_synthetic_world_says_so_even_when_the_world_is_gone(tmp_path):
    avloc.prepare_synthetic(tmp_path / "world", videos=14, jobs=1)
    avloc.prepare_music(tmp_path / "world", tmp_path / "music", size=32, splits=["solo_training_1"], jobs=1)
    store = avloc.Store.open(tmp_path / "music")
    assert store.settings["origin"] == "synthetic" and origin_of(store.settings) == "synthetic"
    assert origin_at(next((tmp_path / "world" / "videos").glob("*.mp4"))) == "synthetic"
    settings = json.loads((tmp_path / "music" / "store.json").read_text())
    earlier = {key: value for key, value in settings.items() if key != "origin"}
    (tmp_path / "music" / "store.json").write_text(json.dumps(earlier))
    again = avloc.Store.open(tmp_path / "music")
    assert again.fingerprint == store.fingerprint  # where clips come from is not what they hold
    assert origin_of(again.settings) == "synthetic"  # by its source
    shutil.rmtree(tmp_path / "world")
    assert origin_of(again.settings) == "recorded" and origin_of(settings) == "synthetic"


def test_composed_stores_and_others_are_told_apart(tmp_path):
    assert origin_of({"data": "composed", "source": str(tmp_path)}) == "composed"
    assert origin_of({"data": "folder", "source": str(tmp_path)}) == "recorded"
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "store.json").write_text(json.dumps({"data": "composed"}))
    assert origin_at(tmp_path / "one") == "composed"  # what is made of a store has the origin of that
    (tmp_path / "one" / "store.json").write_text(json.dumps({"source": str(tmp_path / "one")}))
    assert origin_at(tmp_path / "one") == "recorded"
    (tmp_path / "one" / "store.json").write_text("[")
    assert origin_at(tmp_path / "one") == "recorded"
