"""Measurements as functions of numpy arrays; which threshold or mask goes in is the protocol's business."""

from avloc.metrics.curves import THRESHOLDS, auc, auc_of_curve, auc_parts, success_curve, success_rate
from avloc.metrics.overlap import ciou, ciou_of_counts, iou, mean_by_frame
from avloc.metrics.silence import auroc, false_alarm_rate, nsa

__all__ = [
    "THRESHOLDS",
    "auc",
    "auc_of_curve",
    "auc_parts",
    "auroc",
    "ciou",
    "ciou_of_counts",
    "false_alarm_rate",
    "iou",
    "mean_by_frame",
    "nsa",
    "success_curve",
    "success_rate",
]
