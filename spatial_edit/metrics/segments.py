"""Segments: the connected areas of one class that the judge sees in a picture, and how to find one again
after an edit.

A segment's descriptor is the judge's two feature maps averaged over its pixels, less their average over the
picture, at unit length. After an edit the best match of a segment is, among the segments of its class whose
area is within a factor of `SIZE_RATIO`, the one whose descriptor has the largest cosine with its own; below
`SIMILAR` there is no match. A segment that covers what another of the class covered before (intersection over
union above `UNMOVED`) is that other one, not a match: of two paintings the one that stayed must not stand for
the one that went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize

from spatial_edit.metrics.features import quantise

SMALLEST = 0.005  # share of the picture
SIZE_RATIO = 2.5
SMALLEST_AFTER = SMALLEST / SIZE_RATIO
SIMILAR = 0.5
UNMOVED = 0.6  # intersection over union


class Maps(Protocol):
    """A network that names pixels: the judge, or one that is asked in its place."""

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]: ...

    def logits(self, images: Tensor, maps: tuple[Tensor, Tensor]) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Segment:
    """One connected area of class number `label`. Lengths are fractions of the side, x right and y down."""

    label: int
    mask: Tensor  # (H, W) bool
    area: float  # share of the picture
    centroid: tuple[float, float]
    box: tuple[float, float, float, float]  # left, top, right, bottom: the edges of its outermost pixels
    descriptor: Tensor  # (D,) unit length


@torch.no_grad()
def read_segments(judge: Maps, images: Tensor, smallest: float = SMALLEST) -> list[list[Segment]]:
    """The segments in each picture (B, 3, H, W) in [-1, 1] of at least `smallest` of it, the shell's classes
    included. After an edit `SMALLEST_AFTER` keeps what the size bound of a match allows."""
    images = quantise(images).contiguous(memory_format=torch.channels_last)
    maps = judge.maps(images)
    labels = judge.logits(images, maps).argmax(1)
    return [describe(label, tuple(m[i] for m in maps), smallest) for i, label in enumerate(labels)]


def describe(labels: Tensor, maps: Iterable[Tensor], smallest: float = SMALLEST) -> list[Segment]:
    """Segments of a label map (H, W) with descriptors from feature maps, each (C, H/s, W/s) with a whole
    s.
    """
    height, width = labels.shape
    parts = components(labels, smallest)
    if not parts:
        return []
    masks = torch.stack([mask for _, mask in parts]).float()  # (S, H, W)
    area = masks.mean((1, 2))
    across = masks.sum(1) @ (torch.arange(width) + 0.5) / (area * height * width * width)
    down = masks.sum(2) @ (torch.arange(height) + 0.5) / (area * height * width * height)

    pooled = []
    for m in maps:
        weight = avg_pool2d(masks[:, None], height // m.shape[-2])[:, 0].flatten(1)  # (S, P)
        average = weight @ m.flatten(1).T / weight.sum(1, keepdim=True)
        pooled.append(average - m.mean((1, 2)))
    descriptors = normalize(torch.cat(pooled, 1), dim=1)

    return [
        Segment(label, mask, float(area[i]), (float(across[i]), float(down[i])), _box(mask), descriptors[i])
        for i, (label, mask) in enumerate(parts)
    ]


def components(labels: Tensor, smallest: float = SMALLEST) -> list[tuple[int, Tensor]]:
    """(class, mask) of each 8-connected area of at least `smallest` of a label map (H, W) of small
    integers.
    """
    import cv2  # heavy, and needed here alone

    least = smallest * labels.numel()
    result = []
    for label, count in zip(*torch.unique(labels, return_counts=True), strict=True):
        if count < least:
            continue
        number, areas = cv2.connectedComponents((labels == label).byte().numpy(), connectivity=8)
        area_of = torch.from_numpy(areas)
        result += [
            (int(label), mask)
            for mask in (area_of == i for i in range(1, number))
            if int(mask.sum()) >= least
        ]
    return result


def at(segments: list[Segment], x: float, y: float) -> Segment | None:
    """The segment whose pixel (x, y) falls in, x and y fractions of the side; None outside the picture or all
    of them.
    """
    if not (0 <= x < 1 and 0 <= y < 1):
        return None
    for segment in segments:
        height, width = segment.mask.shape
        if bool(segment.mask[int(y * height), int(x * width)]):
            return segment
    return None


def best_match(segment: Segment, candidates: list[Segment], others: Sequence[Segment] = ()) -> Segment | None:
    """The candidate that is `segment` after an edit, or None; `others` are the other segments before it. The
    rule is the module's."""
    best, similarity = None, SIMILAR
    for candidate in candidates:
        alike = candidate.label == segment.label
        if not alike or not 1 / SIZE_RATIO <= candidate.area / segment.area <= SIZE_RATIO:
            continue
        cosine = float(candidate.descriptor @ segment.descriptor)
        if cosine > similarity and not any(_unmoved(other, candidate) for other in others):
            best, similarity = candidate, cosine
    return best


def _unmoved(before: Segment, after: Segment) -> bool:
    common = int((before.mask & after.mask).sum())
    return before.label == after.label and common > UNMOVED * int((before.mask | after.mask).sum())


def _box(mask: Tensor) -> tuple[float, float, float, float]:
    height, width = mask.shape
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    return (
        int(columns[0]) / width,
        int(rows[0]) / height,
        (int(columns[-1]) + 1) / width,
        (int(rows[-1]) + 1) / height,
    )
