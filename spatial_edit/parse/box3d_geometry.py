"""Geometry search: camera, room and boxes moved until they show what the picture shows.

Pattern search over a `Pose`: every sweep tries each number a step up and a step down, and sets of the best
steps together; without progress the steps shrink. A proposal is scored by its label map alone
(`box3d_labels`): what the reader says every pixel shows, how well one colour a label explains the photo's
pixels, and how far the numbers have gone from the reader's, in units of how far off it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from spatial_edit.generators.box3d.rays import SHELL
from spatial_edit.generators.box3d.reader import RoomReader
from spatial_edit.generators.box3d.vector import SLOTS
from spatial_edit.parse.box3d_labels import label_maps
from spatial_edit.parse.box3d_pose import Pose
from spatial_edit.parse.target import Target

LEAST = -5.0  # log-probability of a label is never less: one bad pixel must not rule
COLOURS = 4.0  # weight of the squared error that one colour a label leaves, on [-1, 1]
HOLD = 0.002  # weight of a squared deviation from the reader's number
STEPS = (0.7, 0.35, 0.17, 0.08)  # in units of the spread
AT_ONCE = 48  # proposals scored together
SETS = (1, 2, 3, 5, 8, 13, 21)  # how many of the best steps are tried together


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a picture says: log-probabilities (SLOTS + 5, n) of slots and surfaces, colours (3, n), and which
    pixels count (n,), on a grid of `side`."""

    says: Tensor
    colours: Tensor
    counts: Tensor
    side: int

    @classmethod
    @torch.no_grad()
    def of(cls, reader: RoomReader, target: Target) -> Evidence:
        """From the reader's masks and the photo."""
        masks = reader(target.filled[None]).masks  # (1, 31, side, side)
        side = masks.shape[-1]
        says = masks.log_softmax(1)[0].flatten(1).clamp(min=LEAST)
        colours, counts = (_at(values, side) for values in (target.filled, target.mask[None]))
        return cls(says, colours.flatten(1), (counts.flatten() > 0.5).float(), side)

    def score(self, pose: Pose, vectors: Tensor) -> Tensor:
        """(B,) how badly vectors (B, D) explain the picture; less is better."""
        rooms = pose.rooms(vectors)
        labels = label_maps(rooms, self.side)
        channels = torch.tensor([*range(SLOTS, SLOTS + SHELL), *pose.layout.rows])[labels]
        said = self.says.gather(0, channels) * self.counts
        away = ((vectors - pose.start) / pose.spread.clamp(min=1e-6)) * (pose.spread > 0)
        total = self.counts.sum().clamp(min=1)
        left = self.left_over(labels, SHELL + len(pose.layout)) / total
        return -said.sum(1) / total + COLOURS * left + HOLD * away.square().sum(1)

    def left_over(self, labels: Tensor, count: int) -> Tensor:
        """(B,) the squared error that remains when every label has its mean colour."""
        b = len(labels)
        values = torch.cat([self.colours * self.counts, self.counts[None]])  # (4, n)
        sums = torch.zeros(b, 4, count)
        sums.scatter_add_(2, labels[:, None].expand(-1, 4, -1), values.expand(b, -1, -1))
        explained = (sums[:, :3].square() / sums[:, 3:].clamp(min=1)).sum((1, 2))
        return (self.colours.square() * self.counts).sum() - explained


def search(pose: Pose, evidence: Evidence, goes_on: Callable[[], bool]) -> Tensor:
    """(D,) the best vector found before `goes_on` says no, which may be the start."""
    best = pose.start.clone()
    if not len(pose.layout):
        return best
    free = (pose.spread > 0).nonzero().flatten()
    least = float(evidence.score(pose, best[None]))
    for step in STEPS:
        while goes_on():
            moves = torch.zeros(2 * len(free), len(best))
            sign = torch.tensor([1.0, -1.0]).repeat(len(free))
            moves[torch.arange(2 * len(free)), free.repeat_interleave(2)] = sign
            moves = moves * pose.spread * step
            scores = torch.cat([evidence.score(pose, best + part) for part in moves.split(AT_ONCE)])
            # the better direction of each number, the most gainful numbers first
            gain, which = (least - scores).view(-1, 2).max(1)
            order = gain.argsort(descending=True)[: int((gain > 0).sum())]
            if not len(order):
                break
            chosen = moves.view(len(free), 2, -1)[order, which[order]]
            sets = torch.stack([chosen[:count].sum(0) for count in SETS if count <= max(1, len(chosen))])
            together = evidence.score(pose, best + sets)
            found = int(together.argmin())
            before, least = least, float(together[found])
            best = best + sets[found]
            if before - least < 1e-4:
                break
    return best


def _at(values: Tensor, side: int) -> Tensor:
    """(C, side, side) of (C, R, R)."""
    if values.shape[-1] % side == 0:
        return avg_pool2d(values[None], values.shape[-1] // side)[0]
    return interpolate(values[None], (side, side), mode="bilinear", antialias=True)[0]
