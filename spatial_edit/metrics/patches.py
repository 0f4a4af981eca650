"""Finding a patch of one picture again in another, by features that no generator and no tracker has a part
in.

For pictures without classes to segment (cats, imported models) a patch takes the place of an instance: what
lies round a point before an edit is looked for in the whole picture after it. A place is described by the
activations of a frozen network at some layers, brought to a grid of `GRID` cells a side and averaged over
3 x 3 of them; of every layer less its mean over the picture, at unit length. The place found is the one with
the largest cosine, the mean over the layers, refined by a parabola through its neighbours.

The network is SqueezeNet 1.1 where its weights are present (see `metrics.photo`), else the rooms' judge,
which comes with the project; both have been trained on other pictures, for other work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.metrics.features import load_judge, quantise
from spatial_edit.metrics.photo import Lpips, lpips_folder

GRID = 64
READ_SIDE = 256  # pixels at which SqueezeNet reads: its first strides are made for such pictures
JUDGED_SIDE = 128
TAPS = 3  # SqueezeNet's first ones, at 1/2, 1/4 and 1/8
ALIKE = 0.25  # cosine below which nothing was found

Layers = Callable[[Tensor], Sequence[Tensor]]


class Found(NamedTuple):
    """Where a patch lies, fractions of the side, and the cosine there, at most 1."""

    x: float
    y: float
    likeness: float


class Patches:
    """A frozen network that describes places. layers: pictures (B, 3, H, W) in [-1, 1] -> activations."""

    def __init__(self, layers: Layers, name: str) -> None:
        self.layers, self.name = layers, name

    @classmethod
    def usual(cls) -> Patches:
        """SqueezeNet where its weights are, else the judge."""
        return cls.squeezenet() if lpips_folder() else cls.judge()

    @classmethod
    def squeezenet(cls) -> Patches:
        """ValueError, saying how to get them, without the weights."""
        network = Lpips().network
        return cls(lambda images: network.features(_resized(images, READ_SIDE))[:TAPS], "squeezenet")

    @classmethod
    def judge(cls) -> Patches:
        """The rooms' judge. CheckpointError when it is missing or damaged."""
        judge, _ = load_judge()
        return cls(lambda images: judge.maps(_resized(images, JUDGED_SIDE)), "rooms-judge")

    @torch.no_grad()
    def read(self, images: Tensor) -> Tensor:
        """(B, L, C, GRID, GRID) descriptors of pictures (B, 3, H, W) in [-1, 1]; C: the widest layer's
        channels, narrower ones have zeros there."""
        maps = [_described(layer.float()) for layer in self.layers(quantise(images))]
        widest = max(m.shape[1] for m in maps)
        return torch.stack([F.pad(m, (0, 0, 0, 0, 0, widest - m.shape[1])) for m in maps], 1)

    def find(self, before: Tensor, place: tuple[float, float], after: Tensor) -> Found:
        """Where the patch round `place` (fractions of the side) of one picture's descriptors (L, C, GRID,
        GRID) lies in another's."""
        column, row = (min(max(int(value * GRID), 0), GRID - 1) for value in place)
        # the cell's own centre is not the place: what lies between the two is carried over
        likeness = torch.einsum("lc,lcyx->yx", before[:, :, row, column], after) / len(before)
        best = int(likeness.argmax())
        y, x = divmod(best, GRID)
        dx = place[0] - (column + 0.5) / GRID
        dy = place[1] - (row + 0.5) / GRID
        across, down = _peak(likeness[y], x), _peak(likeness[:, x], y)
        return Found((x + 0.5 + across) / GRID + dx, (y + 0.5 + down) / GRID + dy, float(likeness[y, x]))


def _described(maps: Tensor) -> Tensor:
    maps = maps - maps.mean((2, 3), keepdim=True)
    maps = F.interpolate(maps, (GRID, GRID), mode="bilinear", align_corners=False, antialias=True)
    maps = F.avg_pool2d(maps, 3, 1, 1, count_include_pad=False)
    return F.normalize(maps, dim=1)


def _peak(line: Tensor, best: int) -> float:
    """The offset in [-1/2, 1/2] of the top of the parabola through a line's largest value and its neighbours;
    0 at the border."""
    if not 0 < best < len(line) - 1:
        return 0.0
    left, top, right = line[best - 1 : best + 2].tolist()
    bend = left - 2 * top + right
    return 0.0 if bend >= 0 else min(max((left - right) / (2 * bend), -0.5), 0.5)


def _resized(images: Tensor, side: int) -> Tensor:
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)
