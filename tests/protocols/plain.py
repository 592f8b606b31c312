"""The published rules once more, for one map at a time and as plainly as they can be written: what the package must
equal."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F


def torch_resize(heat, size, mode, align):
    return F.interpolate(torch.from_numpy(heat)[None, None], size=(size, size), mode=mode, align_corners=align)[
        0, 0
    ].numpy()


def cv_resize(heat, size, kind=cv2.INTER_LINEAR):
    return cv2.resize(heat, (size, size), interpolation=kind)


def minmax(values):
    low, high = values.min(), values.max()
    return values if low == high else (values - low) / (high - low)


def middle(values):
    return np.sort(values.ravel())[values.size // 2]


def hardway(heat):
    pred = 1 - minmax(-cv_resize(heat, 224))
    cut = middle(pred)
    pred[pred > cut] = 1
    pred[pred < 1] = 0
    return pred >= 0.5


def ez_vsl(heat):
    pred = minmax(torch_resize(heat, 224, "bilinear", True))
    return pred >= middle(pred)


def fnac_bicubic(heat):
    pred = minmax(torch_resize(heat, 224, "bicubic", False))
    return pred >= middle(pred)


def slavc(heat, tau=0.03):
    return (torch_resize(heat, 224, "bicubic", True) + 1 / tau) / (2 / tau) >= 0.5


def slavc_rel(heat, tau=0.03):
    pred = minmax((torch_resize(heat, 224, "bicubic", True) + 1 / tau) / (2 / tau))
    return pred >= middle(pred)


def vcs(heat):
    pred = cv_resize(heat, 224)
    return pred >= np.median(pred)


def sspl(heat):
    pred = cv_resize(heat, 224)
    with np.errstate(invalid="ignore"):
        return (pred - pred.min()) / (pred.max() - pred.min()) >= 0.5


def kaist(heat):
    pred = minmax(torch_resize(heat, 224, "bilinear", True))
    return pred > middle(pred)


def kaist_adap(heat, truth):
    pred = minmax(torch_resize(heat, 224, "bilinear", True))
    number = (truth != 0).sum() or pred.size // 2
    return pred > np.sort(pred.ravel())[pred.size - number]


def dsol_solo(heat):
    pred = cv_resize(heat, 224)
    return pred > np.float32(0.1 * float(pred.max()))


def c2f_agnostic(heat):
    pred = np.maximum(cv_resize(heat, 256), 0)
    return pred > np.float32(0.1 * float(pred.max()))


def c2f_flickr(heat):
    return torch_resize(heat, 256, "bilinear", False) >= np.float32(0.1)


def guided(heat, objects, resize, resize_objects, alpha):
    """Object-guided localization as EZ-VSL, FNAC and SSLalignment mix it; normalised, before it is cut."""
    return minmax(minmax(resize(heat)) * np.float32(alpha) + minmax(resize_objects(objects)) * np.float32(1 - alpha))


def aligned(heat):
    return torch_resize(heat, 224, "bilinear", True)


def bicubic(heat):
    return torch_resize(heat, 224, "bicubic", False)


#: how each release that mixes in object maps resizes the two: FNAC's bicubic test does so only to the first
GUIDED = {
    "ez-vsl": (aligned, aligned),
    "fnac-bilinear": (aligned, aligned),
    "fnac-bicubic": (bicubic, aligned),
    "kaist": (aligned, aligned),
    "kaist-adap": (aligned, aligned),
}


MASKS = {
    "hardway": hardway,
    "ez-vsl": ez_vsl,
    "fnac-bilinear": ez_vsl,
    "fnac-bicubic": fnac_bicubic,
    "slavc": slavc,
    "slavc-rel": slavc_rel,
    "vcs": vcs,
    "sspl": sspl,
    "kaist": kaist,
    "kaist-adap": kaist_adap,
    "dsol-solo": dsol_solo,
    "c2f-agnostic": c2f_agnostic,
    "c2f-flickr": c2f_flickr,
}


def truth_map(boxes, votes=1, size=224):
    """Weights of a frame: boxes xyxy in fractions, truncated; the union, or a consensus of votes."""
    weights = np.zeros((size, size))
    for box in boxes:
        x0, y0, x1, y1 = (int(size * min(max(value, 0), 1)) for value in box)
        weights[y0:y1, x0:x1] += 1
    return np.minimum(weights / votes, 1)


def ciou(mask, weights):
    with np.errstate(invalid="ignore"):
        return np.float64(np.sum(mask * weights)) / (np.sum(weights) + np.sum(mask * (weights == 0)))
