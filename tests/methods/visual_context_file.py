"""A checkpoint of visual context as its authors write it."""

from pathlib import Path

import torch

from avloc.methods.visual_context import VisualContext


def write_visual_context(path: Path) -> None:
    """The authors' names, our own random weights."""
    torch.manual_seed(0)
    state = {}
    for name, value in VisualContext().state_dict().items():
        for ours, published in (("visual.", "imgnet."), ("audio.conv1.", "audnet.conv1_a."), ("audio.", "audnet.")):
            if name.startswith(ours):
                name = published + name[len(ours) :]
                break
        state["module." + name.replace("reason.", "gluenet.conv_proj.")] = value
    torch.save(state, path)
