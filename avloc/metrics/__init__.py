"""Metrics as functions of numpy arrays; the protocol decides which threshold or mask they get."""

from avloc.metrics.curves import THRESHOLDS, auc, auc_of_curve, auc_parts, success_curve, success_rate, successes
from avloc.metrics.detection import detection_ap, max_f1, precision_recall
from avloc.metrics.interactive import iauc, iiou
from avloc.metrics.overlap import ciou, ciou_of_counts, iou, mean_by_frame
from avloc.metrics.precision import average_precision
from avloc.metrics.retrieval import median_rank, ranks, recall_at
from avloc.metrics.segmentation import (
    F_THRESHOLDS,
    best_f,
    class_pixels,
    class_scores,
    f_curve,
    mask_iou,
    scores_of_set,
)
from avloc.metrics.silence import aoc, aoc_parts, auroc, false_alarm_rate, harmonic, nsa, universal_thresholds

__all__ = [
    "F_THRESHOLDS",
    "THRESHOLDS",
    "aoc",
    "aoc_parts",
    "auc",
    "auc_of_curve",
    "auc_parts",
    "auroc",
    "average_precision",
    "best_f",
    "ciou",
    "ciou_of_counts",
    "class_pixels",
    "class_scores",
    "detection_ap",
    "f_curve",
    "false_alarm_rate",
    "harmonic",
    "iauc",
    "iiou",
    "iou",
    "mask_iou",
    "max_f1",
    "mean_by_frame",
    "median_rank",
    "nsa",
    "precision_recall",
    "ranks",
    "recall_at",
    "scores_of_set",
    "success_curve",
    "success_rate",
    "successes",
    "universal_thresholds",
]
