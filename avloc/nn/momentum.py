"""A momentum copy of a network, as contrastive methods use for targets (He et al., MoCo, CVPR 2020)."""

import torch
from torch import nn


def start_alike(copy: nn.Module, network: nn.Module) -> None:
    """Give `copy`, of the same architecture, the parameters and buffers of `network`, and disable its gradients."""
    copy.load_state_dict(network.state_dict())
    copy.requires_grad_(False)


@torch.no_grad()
def follow(copy: nn.Module, network: nn.Module, momentum: float) -> None:
    """Each parameter of `copy` becomes momentum * itself + (1 - momentum) * that of `network`.

    Parameters of `network` that are not trained are equal in both and left unchanged, because following would round
    them. Buffers are left unchanged: a batch norm of the copy in training mode averages the statistics of its own
    inputs.
    """
    for slow, fast in zip(copy.parameters(), network.parameters(), strict=True):
        if fast.requires_grad:
            slow.copy_(slow * momentum + fast * (1.0 - momentum))
