"""Picture: what a camera sees of a batch of rooms, with the truth about every pixel and every object.

`labels` say which sub-sample names a pixel. "first" (default) takes sub-sample 0, whose labels lie up to half
a pixel beside the picture's; "majority" takes the most frequent one, which is better at 32 px and below, and
costs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from spatial_edit.data.rooms.vocabulary import INSTANCE, MIRRORED


@dataclass(frozen=True, eq=False)
class Render:
    """A batch of B pictures of side S.

    rgb (B, 3, S, S) uint8; semantic, instance (B, S, S) uint8 ids of `SEMANTIC` and `INSTANCE`; depth (B, S,
    S) float32, metres along the optical axis. Only when rendered with amodal=True: amodal (B, 31, S, S)
    float32 in 0..1, the share of a pixel's rays that meet the instance in front of the room's shell, whatever
    stands before it; distance (B, 31) float32, the smallest depth of the instance, inf where it is out of
    sight. The shell's own cover is what would be seen of it in the empty room.
    """

    rgb: Tensor
    semantic: Tensor
    instance: Tensor
    depth: Tensor
    amodal: Tensor | None = None
    distance: Tensor | None = None

    def __len__(self) -> int:
        return len(self.rgb)

    @cached_property
    def visible(self) -> Tensor:
        """(B, 31, S, S) bool: the pixels labelled with each instance."""
        numbers = torch.arange(len(INSTANCE), device=self.instance.device, dtype=self.instance.dtype)
        return self.instance[:, None] == numbers[None, :, None, None]

    @cached_property
    def visible_boxes(self) -> Tensor:
        """(B, 31, 4) x0, y0, x1, y1 of the labelled pixels as fractions of the side; zeros where there are
        none."""
        return boxes_of(self.visible)

    @cached_property
    def visible_areas(self) -> Tensor:
        """(B, 31) share of the picture labelled with each instance."""
        return self.visible.float().mean((2, 3))

    @cached_property
    def amodal_boxes(self) -> Tensor:
        """(B, 31, 4) as `visible_boxes`, of the pixels that any ray of the instance touches. ValueError
        without amodal."""
        return boxes_of(self._amodal() > 0)

    @cached_property
    def amodal_areas(self) -> Tensor:
        """(B, 31) share of the picture that each instance would cover alone. ValueError without amodal."""
        return self._amodal().mean((2, 3))

    def _amodal(self) -> Tensor:
        if self.amodal is None:
            raise ValueError("this picture has no amodal masks; render it with amodal=True")
        return self.amodal


def boxes_of(masks: Tensor) -> Tensor:
    """(B, N, H, W) bool → (B, N, 4) float32 x0, y0, x1, y1 as fractions of width and height; zeros for empty
    masks."""
    sides = []
    for reduced, size in ((2, masks.shape[3]), (3, masks.shape[2])):
        hit = masks.any(reduced)  # (B, N, size)
        place = torch.arange(size, device=masks.device)
        low, high = torch.where(hit, place, size).amin(-1), torch.where(hit, place + 1, 0).amax(-1)
        sides += [torch.where(high > 0, low, 0) / size, high / size]
    x0, x1, y0, y1 = sides
    return torch.stack([x0, y0, x1, y1], -1)


def flip(render: Render) -> Render:
    """The picture in a mirror: pixels left to right, and every id of a left thing swapped with its right
    twin.

    Twins along a side wall are named by their distance from the camera, not by side; they are swapped like
    the others, so a mirrored picture keeps one twin on each side of the bed but not the sampler's order on
    side walls.
    """
    swap = torch.tensor(MIRRORED, device=render.instance.device)
    return Render(
        rgb=render.rgb.flip(-1),
        semantic=render.semantic.flip(-1),
        instance=swap[render.instance.flip(-1).long()].to(render.instance.dtype),
        depth=render.depth.flip(-1),
        amodal=None if render.amodal is None else render.amodal.flip(-1)[:, swap],
        distance=None if render.distance is None else render.distance[:, swap],
    )
