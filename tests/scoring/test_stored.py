"""A result file: scoring the same maps again adds figures, and takes none away."""

import json

import numpy as np

import avloc

IDS = [f"c{n}" for n in range(6)]
MAPS = np.random.default_rng(0).random((6, 5, 5)).astype(np.float32)
VECTORS = np.random.default_rng(1).random((2, 6, 4)).astype(np.float32)


def scored(folder, **more):
    """The stored result after another evaluation of maps that can be scored in every way."""
    boxes = [{"box": [0, 0, 0.5, 0.5]}, {"box": [0.5, 0.5, 1, 1], "sounding": False}]
    clips = [{"id": name, "video": name, "boxes": boxes} for name in IDS]
    (folder / "t.json").write_text(json.dumps({"name": "t", "boxes": "xyxy", "units": "fraction", "clips": clips}))
    kinds = more.pop("maps_of", ("silence", "noise"))
    avloc.write_predictions(
        folder / "p.h5",
        IDS,
        MAPS,
        negative_maps=dict.fromkeys(kinds, MAPS / 2),
        frame_vectors=VECTORS[0],
        sound_vectors=VECTORS[1],
    )
    avloc.evaluate_predictions(folder / "p.h5", truth=folder / "t.json", out=folder / "r.json", **more)
    return json.loads((folder / "r.json").read_text())


def test_an_evaluation_without_intervals_keeps_every_stored_interval_of_the_same_value(tmp_path):
    wanted = {"metric": ["locacc", "auc", "retrieval"], "negatives": ["silence"]}
    before = scored(tmp_path, **wanted, resamples=50)
    assert before["tells"]["ci95"] and before["retrieval"]["sound to frame"]["r@1"]["ci95"]
    after = scored(tmp_path, **wanted, resamples=0)
    for name in ("metrics", "tells", "retrieval", "negatives"):
        assert after[name] == before[name], name


def test_figures_of_a_sound_whose_maps_are_gone_are_left_out_and_told(tmp_path, caplog):
    before = scored(tmp_path, negatives=["silence", "noise"], resamples=0)
    assert set(before["negatives"]["kinds"]) == {"silence", "noise"}
    assert set(scored(tmp_path, negatives=["silence"], resamples=0)["negatives"]["kinds"]) == {"silence", "noise"}
    assert "left out" not in caplog.text
    after = scored(tmp_path, maps_of=["silence"], negatives=["silence"], resamples=0)
    assert set(after["negatives"]["kinds"]) == {"silence"}
    assert "stored figures of noise are left out" in caplog.text
