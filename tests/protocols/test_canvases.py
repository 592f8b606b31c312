"""Maps that show several frames: matched to them one after the other, or judged on all of them side by side."""

import cv2
import numpy as np
import plain
import pytest
from making import truth_of, two_sources
from sklearn.metrics import average_precision_score

from avloc.errors import DataError
from avloc.protocols import named
from avloc.scoring import score


def noprior_plainly(maps, frames, truths):
    """Scores and APs of the maps of one clip, in order."""
    found = []
    truths = [weights.copy() for weights in truths]
    for heat in maps:
        whole = cv2.resize(heat, (224, 224 * frames), interpolation=cv2.INTER_CUBIC)
        scores, aps = [], []
        for part, weights in zip(np.split(whole, frames), truths, strict=True):
            pred = plain.minmax(part)
            mask = (pred > plain.middle(pred)) | (pred >= 1)
            scores.append(plain.ciou(mask, weights))
            aps.append(average_precision_score(weights.ravel() > 0, mask.ravel()) if weights.any() else 0.0)
        best = int(np.argmax(scores))
        found.append((scores[best], aps[best]))
        truths[best][:] = 0
    return found + [(0.0, 0.0)] * (frames - len(maps))


def test_maps_are_matched_to_frames_one_after_the_other():
    truth, ends, _ = two_sources(mixed=True)
    maps = np.random.default_rng(0).standard_normal((9, 3, 28, 14)).astype(np.float32)
    maps[1, 1:], maps[2, 2:], maps[3:, 2:] = np.nan, np.nan, np.nan
    maps[4] = np.nan  # the method hears nothing at all
    protocol = named("noprior").with_axes(corners="clip")
    pairs = []
    for number in (0, 1, 2, 3, 5, 6, 7, 8):
        given = [heat for heat in maps[number] if not np.isnan(heat).any()]
        pairs += noprior_plainly(given, 2, [plain.truth_map([box]) for box in ends[number]])
    result = score(protocol, maps, truth, resamples=0)
    assert result.metrics["ciou"].value == pytest.approx(np.mean([pair[0] for pair in pairs]))
    assert result.metrics["cap"].value == pytest.approx(np.mean([pair[1] for pair in pairs]))
    assert result.counts["dropped"] == {"no map": 1}
    whole = score(named("noprior-fixed").with_axes(corners="clip"), maps, truth, resamples=0)
    assert whole.counts["evaluated"] == 9
    assert whole.metrics["ciou"].value < result.metrics["ciou"].value, "leaving clips out raises the score"


def test_a_canvas_of_two_frames_holds_the_other_frame_against_the_map():
    truth, ends, _ = two_sources(mixed=True)
    maps = np.random.default_rng(1).standard_normal((9, 2, 14, 28)).astype(np.float32)
    scores, aps = [], []
    for number, source in np.ndindex(9, 2):
        whole = plain.F.interpolate(
            plain.torch.from_numpy(maps[number, source])[None, None], (224, 448), mode="bicubic"
        )
        pred = plain.minmax(whole[0, 0].numpy())
        weights = np.zeros((224, 448))
        weights[:, source * 224 : source * 224 + 224] = plain.truth_map([ends[number, source]])
        scores.append(plain.ciou(pred >= 0.1, weights))
        aps.append(average_precision_score(weights.ravel() > 0, pred.ravel()))
    result = score("tvsl", maps, truth, resamples=0)
    assert result.metrics["ciou"].value == pytest.approx(np.mean(scores), abs=1e-4)
    assert result.metrics["pixel_ap"].value == pytest.approx(np.mean(aps), abs=1e-4)
    maps[0, 0] = 0.25  # 0/0 in the release: nothing is heard, and the failing average precision is swallowed
    flat = score("tvsl", maps, truth, resamples=0)
    assert flat.metrics["ciou"].value == pytest.approx(np.mean([0.0, *scores[1:]]), abs=1e-4)
    assert flat.metrics["pixel_ap"].value == pytest.approx(np.mean(aps[1:]), abs=1e-4)
    assert any("1 source has a constant map" in line for line in flat.warnings)
    with pytest.raises(DataError, match="2 frames side by side"):
        score("tvsl", np.zeros((9, 2, 14, 14)), truth)


def test_pixels_that_tie_after_tvsls_inversion_tie_in_its_average_precision():
    """1 - (1 - 1e-9) is 0 in float32, so the lowest pixels of a peaked map have no order in enyac-group/T-VSL@2cddbbb."""
    truth = truth_of([[[0, 0, 0.5, 1]] * 2], [[0, 1]], ("a", "b"), mixed=True)
    maps = np.full((1, 2, 224, 448), 1e-9, np.float32)
    maps[:, 0, :, :112] = maps[:, 1, :, 224:336] = 2e-9  # the boxes, a quarter of the canvas
    maps[:, :, 0, 447] = 1
    assert score("tvsl-fixed", maps, truth, resamples=0).metrics["pixel_ap"].value == pytest.approx(0.25)
    maps[:, :, 0, 447] = 3e-9
    assert score("tvsl-fixed", maps, truth, resamples=0).metrics["pixel_ap"].value > 0.99, "nothing ties"
