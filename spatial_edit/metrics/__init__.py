"""Metrics: how good the pictures are, and whether what is moved moves. See `evaluate` for the list.

Numbers on rooms are read by the judge (`nn/judge.py`), which no loss and no choice of a checkpoint ever sees.
"""

from spatial_edit.metrics.evaluate import evaluate

__all__ = ["evaluate"]
