"""Measurements as functions of numpy arrays; which threshold or mask goes in is the protocol's business."""

from avloc.metrics.curves import THRESHOLDS, auc, auc_of_curve, auc_parts, success_curve, success_rate, successes
from avloc.metrics.detection import detection_ap, max_f1, precision_recall
from avloc.metrics.interactive import iauc, iiou
from avloc.metrics.overlap import ciou, ciou_of_counts, iou, mean_by_frame
from avloc.metrics.precision import average_precision
from avloc.metrics.segmentation import F_THRESHOLDS, best_f, f_curve, mask_iou
from avloc.metrics.silence import auroc, false_alarm_rate, nsa

__all__ = [
    "F_THRESHOLDS",
    "THRESHOLDS",
    "auc",
    "auc_of_curve",
    "auc_parts",
    "auroc",
    "average_precision",
    "best_f",
    "ciou",
    "ciou_of_counts",
    "detection_ap",
    "f_curve",
    "false_alarm_rate",
    "iauc",
    "iiou",
    "iou",
    "mask_iou",
    "max_f1",
    "mean_by_frame",
    "nsa",
    "precision_recall",
    "success_curve",
    "success_rate",
    "successes",
]
