"""Batch norms that use the batches of all processes, on any device.

PyTorch's SyncBatchNorm needs a GPU, and is not a BatchNorm2d, which methods look for when they freeze their norms.
"""

import torch
from torch import Tensor, nn

from avloc import processes


class _SyncedNorm(nn.modules.batchnorm._BatchNorm):
    """In training, mean and variance are those of all processes' batches together; with one process nothing changes."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or processes.world_size() == 1:
            return super().forward(input)
        self._check_input_dim(input)
        dims = [0, *range(2, input.ndim)]
        mean, variance, count = together(input.float(), dims)
        if self.track_running_stats:
            self._remember(mean.detach(), variance.detach(), count)
        shape = [1, -1, *[1] * (input.ndim - 2)]
        shown = (input.float() - mean.view(shape)) * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            shown = shown * self.weight.view(shape) + self.bias.view(shape)
        return shown.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), share)


class SyncedNorm1d(_SyncedNorm, nn.BatchNorm1d):
    pass


class SyncedNorm2d(_SyncedNorm, nn.BatchNorm2d):
    pass


def together(values: Tensor, dims: list[int]) -> tuple[Tensor, Tensor, int]:
    """Mean and (uncorrected) variance (C,) of (B, C, ...) over `dims` and all processes, and the number of values."""
    count = values.numel() // values.shape[1]
    means = values.mean(dims)
    variances = (values - means.view(1, -1, *[1] * (values.ndim - 2))).square().mean(dims)
    rows = processes.gathered(torch.stack([means, variances, torch.full_like(means, count)])[None])
    means, variances, counts = rows.unbind(1)
    shares = counts / counts.sum(0)
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean).square())).sum(0)
    return mean, variance, int(counts[:, 0].sum())


def sync_norms(module: nn.Module) -> int:
    """Let all batch norms of a module use all processes' batches; returns how many of another type cannot."""
    kinds: dict[type[nn.Module], type[nn.Module]] = {nn.BatchNorm1d: SyncedNorm1d, nn.BatchNorm2d: SyncedNorm2d}
    others = 0
    for part in module.modules():
        if type(part) in kinds:
            part.__class__ = kinds[type(part)]  # only forward changes: parameters, buffers and their names stay
        elif isinstance(part, nn.modules.batchnorm._BatchNorm) and not isinstance(part, _SyncedNorm):
            others += 1
    return others
