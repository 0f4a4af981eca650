"""Precision and recall of a set of pictures (Kynkäänniemi et al. 2019, eq. 1 and 2).

Every feature vector is the centre of a ball that reaches its k-th nearest neighbour in its own set; the union
of the balls stands for the set's manifold. Precision: the share of generated vectors inside the real
manifold. Recall: the share of real vectors inside the generated one. Distances are computed in chunks of
rows, so 10,000 against 10,000 needs about 200 MB.
"""

from __future__ import annotations

import torch
from torch import Tensor

NEIGHBOURS = 3
CHUNK = 1000


def precision_recall(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> tuple[float, float]:
    """(precision, recall) of features real (N, D) and fake (M, D); ValueError unless both have more than k
    rows.
    """
    for name, rows in (("real", real), ("fake", fake)):
        if rows.ndim != 2 or len(rows) <= k:
            raise ValueError(
                f"the {name} set has shape {tuple(rows.shape)}: (N, D) with N above {k} is needed"
            )
        if not torch.isfinite(rows).all():
            raise ValueError(f"the {name} set holds NaN or infinity: look at the pictures it comes from")
    real, fake = real.double(), fake.double()
    precision = coverage(real, radii(real, k), fake)
    recall = coverage(fake, radii(fake, k), real)
    return precision, recall


def radii(rows: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """(N,) distance of each row to its k-th nearest other row."""
    result = []
    for start in range(0, len(rows), CHUNK):
        distances = torch.cdist(rows[start : start + CHUNK], rows)
        own = torch.arange(len(distances))
        distances[own, start + own] = -1.0  # itself comes first, duplicates or not
        result.append(distances.kthvalue(k + 1, 1).values)
    return torch.cat(result)


def coverage(centres: Tensor, reach: Tensor, queries: Tensor) -> float:
    """Share of the queries (M, D) that lie in at least one ball around centres (N, D) with radii `reach`
    (N,).
    """
    inside = 0
    for chunk in queries.split(CHUNK):
        inside += int((torch.cdist(chunk, centres) <= reach).any(1).sum())
    return inside / len(queries)
