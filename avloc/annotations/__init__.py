"""Benchmarks and their annotation files: the ground truth of test sets."""

from avloc.annotations.benchmark import Benchmark
from avloc.annotations.benchmarks import BENCHMARKS
from avloc.annotations.reading import benchmark, read_benchmark, read_own_truth
from avloc.annotations.truth import Truth

__all__ = ["BENCHMARKS", "Benchmark", "Truth", "benchmark", "read_benchmark", "read_own_truth"]
