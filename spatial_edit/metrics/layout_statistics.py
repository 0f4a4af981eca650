"""How far one set of layouts is from another: marginals of every class, and pairs of classes.

Used to compare samplers of layouts with the layouts of real rooms, where a picture metric would mix in how
well the decoder draws. A class is a row of `Latent.rows` (a layout's `rows`).

marginal: mean over the classes of the difference of their presence and the Wasserstein-1 distances of x, y
and of log size where present (log 2 = one octave; x and y in fractions of the side). pairwise: mean over the
pairs of classes of the difference of how often both are present and the Wasserstein-1 distances of dx and dy
between the first elements of both.

A class or pair that one of the sets has in fewer than `ENOUGH` layouts is judged by its presence alone, since
a distance of few samples says little; presence then carries the difference. Two independent halves of one set
do not give 0 but the floor for that count: compute it and state it beside.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spatial_edit.layouts import Blobs

ENOUGH = 20
QUANTILES = 200


def layout_distance(real: Sequence[Blobs], fake: Sequence[Blobs]) -> dict[str, float]:
    """`marginal`, `pairwise`, and the parts they are means of; all at least 0, and 0 for equal sets.

    Hidden elements do not count. ValueError for an empty set.
    """
    if not real or not fake:
        raise ValueError(f"two sets of layouts are compared, got {len(real)} and {len(fake)}")
    classes = 1 + max((row for layout in (*real, *fake) for row in layout.rows), default=0)
    a, b = tabulate(real, classes), tabulate(fake, classes)
    presence_a, presence_b = ~a[..., 0].isnan(), ~b[..., 0].isnan()

    presence = (presence_a.double().mean(0) - presence_b.double().mean(0)).abs()
    places = [_distances(a[..., i], b[..., i]) for i in range(3)]
    one = [presence, *places]

    first, second = torch.triu_indices(classes, classes, 1)
    together = [p[:, first] & p[:, second] for p in (presence_a, presence_b)]
    both = (together[0].double().mean(0) - together[1].double().mean(0)).abs()
    offsets = [_distances(a[:, first, i] - a[:, second, i], b[:, first, i] - b[:, second, i]) for i in (0, 1)]
    two = [both, *offsets]

    parts = {name: _mean(value) for name, value in zip(("presence", "x", "y", "size"), one, strict=True)}
    parts |= {name: _mean(value) for name, value in zip(("together", "dx", "dy"), two, strict=True)}
    return {"marginal": _mean(torch.stack(one)), "pairwise": _mean(torch.stack(two)), **parts}


def tabulate(layouts: Sequence[Blobs], classes: int) -> Tensor:
    """(N, classes, 3) float64: x, y and log size of each class' first visible element; NaN where there is
    none.
    """
    table = torch.full((len(layouts), classes, 3), float("nan"), dtype=torch.float64)
    for i, layout in enumerate(layouts):
        for k in reversed(range(len(layout))):  # the farthest of a class is written last and stays
            if not layout.hidden[k]:
                place = torch.stack([*layout.centres[k], layout.sizes[k].log()])
                table[i, layout.rows[k]] = place.double()
    return table


def wasserstein(first: Tensor, second: Tensor) -> float:
    """Distance of two samples (N,) and (M,) on the line: mean |difference| of their quantiles."""
    at = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
    return float((torch.quantile(first.double(), at) - torch.quantile(second.double(), at)).abs().mean())


def _distances(first: Tensor, second: Tensor) -> Tensor:
    """(C,) distance of every column of (N, C) and (M, C), without their NaN; NaN where one has too few
    values.
    """
    result = torch.full((first.shape[1],), float("nan"), dtype=torch.float64)
    for c in range(first.shape[1]):
        a, b = first[~first[:, c].isnan(), c], second[~second[:, c].isnan(), c]
        if min(len(a), len(b)) >= ENOUGH:
            result[c] = wasserstein(a, b)
    return result


def _mean(values: Tensor) -> float:
    known = values[~values.isnan()]
    return float(known.mean()) if len(known) else 0.0
