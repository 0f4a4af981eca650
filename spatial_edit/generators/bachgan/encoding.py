"""Label maps and boxes as the maps that BachGAN is conditioned on (Li et al. 2020, section 3.1 and 3.2).

A map of boxes has one channel a class and is multi-hot: where boxes overlap, each keeps its own channel. The
published encoding also sets channel 0 outside the first painted box, whatever class 0 is; it is kept, since
the published weights have learned it. Beside it goes the painted map: the class of the last box at each
pixel, 0 = none, which says what is foreground. Rows and columns are inclusive, as in `Rectangle`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

MIN_AREA = 30  # px², (bottom - top)(right - left): smaller things of ADE20K are dropped


@dataclass(frozen=True)
class Rectangle:
    """A box of a class, in pixels, its last row and column included."""

    label: int
    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, eq=False)
class BoxMaps:
    """boxes (C, H, W) float32 of 0 and 1; painted (H, W) int64: the last painted class, 0 = none."""

    boxes: Tensor
    painted: Tensor


def box_maps(rectangles: Iterable[Rectangle], channels: int, height: int, width: int) -> BoxMaps:
    """The maps of rectangles, painted in their order. All zero without any; ValueError for other classes."""
    boxes = torch.zeros(channels, height, width)
    painted = torch.zeros(height, width, dtype=torch.long)
    for r in rectangles:
        if not 0 <= r.label < channels:
            raise ValueError(f"a box of class {r.label}: the map has {channels} channels")
        painted[r.top : r.bottom + 1, r.left : r.right + 1] = r.label
        boxes.scatter_(0, painted[None], 1.0)  # the first time this sets channel 0 outside the box
    return BoxMaps(boxes, painted)


def rectangles_of_instances(instances: Tensor, things: Collection[int]) -> list[Rectangle]:
    """One rectangle for every instance of a thing, by ascending id (Cityscapes).

    instances (H, W) integers: class · 1000 + number, or the bare class for a crowd.
    """
    found = []
    for number in instances.unique().tolist():
        label = number if number < 1000 else number // 1000
        if label in things:
            rows, columns = (instances == number).nonzero().unbind(1)
            corners = (int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max()))
            found.append(Rectangle(label, *corners))
    return found


def rectangles_of_regions(labels: Tensor, things: Collection[int]) -> list[Rectangle]:
    """One rectangle for every outline of every thing's regions, outer ones and holes (ADE20K).

    labels (H, W): classes from 0. Outlines come in OpenCV's order, and so does what covers what.
    """
    import cv2

    found = []
    for label in labels.unique().tolist():
        if label not in things:
            continue
        mask = (labels == label).numpy().astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        for outline in outlines:
            left, top = outline.min((0, 1)).tolist()
            right, bottom = outline.max((0, 1)).tolist()
            if (bottom - top) * (right - left) >= MIN_AREA:
                found.append(Rectangle(label, top, left, bottom, right))
    return found


def hallucinated(retrieved: Tensor, query: BoxMaps, things: Collection[int]) -> Tensor:
    """Retrieved backgrounds with the query's boxes pasted over them: (m, H, W) classes -> (m, C, H, W).

    All channels become 0 where the query has painted a class, and the channels of things are the query's;
    a thing of the retrieved scene outside of them leaves a hole.
    """
    channels = query.boxes.shape[0]
    maps = F.one_hot(retrieved.long(), channels).movedim(-1, 1).float()  # (m, C, H, W)
    maps *= query.painted == 0
    index = torch.tensor(sorted(things), dtype=torch.long)
    maps[:, index] = query.boxes[index]
    return maps


def instance_edges(instances: Tensor) -> Tensor:
    """(B, 1, H, W) ids -> uint8, 1 where a pixel's id differs from that of any of its four neighbours."""
    edges = torch.zeros_like(instances, dtype=torch.bool)
    across = instances[..., 1:] != instances[..., :-1]
    down = instances[..., 1:, :] != instances[..., :-1, :]
    edges[..., 1:] |= across
    edges[..., :-1] |= across
    edges[..., 1:, :] |= down
    edges[..., :-1, :] |= down
    return edges.to(torch.uint8)
