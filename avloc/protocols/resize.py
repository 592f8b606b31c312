"""Resizes heat maps as the published evaluators do, many at once: (n, h, w) float32 to (n, H, W) float32.

Four published kinds: OpenCV's linear and cubic (half-pixel centres, edges clamped, cubic with A = -0.75) by OpenCV
itself, and PyTorch's bilinear and bicubic (A = -0.75), each with corners aligned or not, written out as two products
with the matrix of one-dimensional weights, columns first, as PyTorch does; no torch is needed. The weights are taken
in float32 in its order of operations. The last bit of a result depends on the machine, in PyTorch as here; zeros stay
exact zeros.

A row of the result needs two or four rows of cells, so the second product, nearly all of the work, is computed in bands
of rows, each from the cells that it needs.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]
RESIZES = ("none", "cv2-linear", "cv2-cubic", "bilinear", "bicubic")
_CV2 = {"cv2-linear": cv2.INTER_LINEAR, "cv2-cubic": cv2.INTER_CUBIC}
_A = np.float32(-0.75)
_BAND = 32  # rows of a result that are computed together; fewer need fewer cells, but more products
_KEPT = 64  # shapes whose weights are kept; maps of a size each would fill the memory otherwise


def resize(maps: Maps, height: int, width: int, kind: str = "cv2-linear", align_corners: bool = False) -> Maps:
    """Heat maps (n, h, w) at (n, height, width); maps of this size are returned unchanged."""
    maps = np.ascontiguousarray(maps, np.float32)
    if maps.shape[1:] == (height, width):
        return maps
    if kind in _CV2:
        out = np.empty((len(maps), height, width), np.float32)
        for source, target in zip(maps, out, strict=True):
            cv2.resize(source, (width, height), dst=target, interpolation=_CV2[kind])
        return out
    if kind not in RESIZES or kind == "none":
        found = f"maps of {maps.shape[1]}x{maps.shape[2]} with resize {kind!r}"
        raise ValueError(f"{found}; expected {height}x{width} or one of {', '.join(RESIZES[1:])}")
    with np.errstate(over="ignore", invalid="ignore"):  # maps that nearly exceed float32 become infinite or NaN here
        across = np.matmul(maps, _weights(kind, maps.shape[2], width, align_corners).T)
        out = np.empty((len(maps), height, width), np.float32)
        for rows, cells, weights in _bands(kind, maps.shape[1], height, align_corners):
            np.matmul(weights, across[:, cells], out=out[:, rows])
    return out


@lru_cache(maxsize=_KEPT)
def _bands(kind: str, length: int, target: int, align_corners: bool) -> list[tuple[slice, slice, Maps]]:
    """Rows of the result, the cells that they need, and the weight of each cell for each row."""
    matrix, bands = _matrix(kind, length, target, align_corners), []
    for start in range(0, target, _BAND):
        part = matrix[start : start + _BAND]
        used = np.flatnonzero(part.any(axis=0))
        cells = slice(int(used[0]), int(used[-1]) + 1)
        bands.append((slice(start, start + len(part)), cells, np.ascontiguousarray(part[:, cells])))
        bands[-1][2].setflags(write=False)
    return bands


@lru_cache(maxsize=_KEPT)
def _weights(kind: str, length: int, target: int, align_corners: bool) -> Maps:
    matrix = _matrix(kind, length, target, align_corners)
    matrix.setflags(write=False)
    return matrix


def _matrix(kind: str, length: int, target: int, align_corners: bool) -> Maps:
    """(target, length): the weight of each cell for each sample of the result."""
    places, weights = (_linear_taps if kind == "bilinear" else _cubic_taps)(length, target, align_corners)
    matrix = np.zeros((target, length), np.float32)
    for place, weight in zip(places, weights, strict=True):
        matrix[np.arange(target), place] += weight
    return matrix


def _positions(length: int, target: int, align_corners: bool) -> Maps:
    """The position of each of the `target` samples among `length` cells, in float32."""
    steps = np.arange(target, dtype=np.float32)
    if align_corners:
        return steps * np.float32((length - 1) / (target - 1) if target > 1 else 0.0)
    return (steps + np.float32(0.5)) * np.float32(length / target) - np.float32(0.5)


def _linear_taps(length: int, target: int, align_corners: bool) -> tuple[NDArray[np.int64], Maps]:
    position = np.maximum(_positions(length, target, align_corners), np.float32(0))
    left = np.minimum(position.astype(np.int64), length - 1)
    right = np.minimum(left + 1, length - 1)
    beyond = np.clip(position - left.astype(np.float32), 0, 1).astype(np.float32)
    return np.stack([left, right]), np.stack([np.float32(1) - beyond, beyond])


def _cubic_taps(length: int, target: int, align_corners: bool) -> tuple[NDArray[np.int64], Maps]:
    position = _positions(length, target, align_corners)
    base = np.floor(position)
    beyond = np.clip(position - base, 0, 1).astype(np.float32)
    near = np.float32(1) - beyond
    weights = np.stack([_outer(beyond + np.float32(1)), _inner(beyond), _inner(near), _outer(near + np.float32(1))])
    places = base.astype(np.int64) + np.arange(-1, 3)[:, None]
    return np.clip(places, 0, length - 1), weights.astype(np.float32)


def _inner(x: Maps) -> Maps:
    """Keys' kernel for distances up to 1."""
    return ((_A + np.float32(2)) * x - (_A + np.float32(3))) * x * x + np.float32(1)


def _outer(x: Maps) -> Maps:
    """Keys' kernel for distances from 1 to 2."""
    return ((_A * x - np.float32(5) * _A) * x + np.float32(8) * _A) * x - np.float32(4) * _A
