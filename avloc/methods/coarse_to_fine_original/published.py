"""The authors' checkpoints of the original version, mapped to our parameters.

shvdiwnkozbw/Multi-Source-Sound-Localization @de67ce3; 700 entries (Flickr, AVE) and 435 (AudioSet), the same in both
stages. They contain the matching head twice and layer5 three times, because `discrim` is `avalign.model` and its
`spa_conv` is `visual.layer5`. The networks of Flickr's pseudo labels (`prior_a`, `prior_v`) are published separately
and left out here.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.methods.coarse_to_fine_original.stage_one import StageOne
from avloc.methods.coarse_to_fine_original.stage_two import StageTwo
from avloc.nn.published import load_published, require, without_wrapper

log = logging.getLogger("avloc")

NAMES = {
    "visual.layer5.": "streams.visual.layer5.",
    "visual.fc.": "streams.visual.fc.",
    "visual.": "streams.visual.trunk.",
    "audio.": "streams.audio.",
    "discrim.": "streams.match.",
}
ALIASES = {"avalign.model.": "discrim.", "discrim.spa_conv.": "visual.layer5."}
UNUSED = ("prior_v.", "prior_a.")


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of both stages that fit a published state dict; AudioSet's has no networks of pseudo labels."""
    state = without_wrapper(state)
    require(state, ["visual.layer5.0.conv1.weight", "audio.gru.rnn.weight_ih_l0"], "coarse-to-fine (original)")
    classes = int(state["visual.fc.weight"].shape[0])
    labels = any(name.startswith(UNUSED) for name in state)
    one: dict[str, Any] = {"classes": classes, "variant": "labels" if labels else "tags"}
    return (one, {}) if labels else ({**one, "frames": 4, "mix": 1, "maps": "classes"}, {"maps": "classes"})


def import_state(
    state: Mapping[str, Tensor], stage: int, one: StageOne, two: StageTwo | None = None, dictionary: Any = None
) -> Localizer:
    """Load a published state dict into stage one, or into a stage two that starts from it; AvlocError for misfits."""
    state = _without_aliases(without_wrapper(state))
    what = f"coarse-to-fine's original version, stage {stage}"
    if stage == 1:
        load_published(one, state, NAMES, UNUSED, what)
        return one
    assert two is not None
    two.start_from(one)
    load_published(two, state, {theirs: f"coarse.{ours}" for theirs, ours in NAMES.items()}, UNUSED, what)
    return two


def _without_aliases(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every parameter once. If copies differ, the last one in the file's order of modules counts, as when torch loads it."""
    found = dict(state)
    differing = 0
    for alias, first in ALIASES.items():
        for name in [name for name in found if name.startswith(alias)]:
            value, target = found.pop(name), first + name[len(alias) :]
            if target in found and found[target].shape != value.shape:
                raise AvlocError(
                    f"{name} is {tuple(value.shape)}, but {target}, which is the same parameter, is "
                    f"{tuple(found[target].shape)}; the checkpoint is damaged"
                )
            differing += target in found and not torch.equal(found[target], value)
            found[target] = value
    if differing:
        log.warning(
            "%d copies of parameters in the checkpoint differ from the first; the last copies are used", differing
        )
    return found
