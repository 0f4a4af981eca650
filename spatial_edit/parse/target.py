"""Target: the photo as the model has to draw it, which pixels count, and how far a picture is from it.

The margins of a letterboxed photo are no part of it: they count in no loss and in no score. For the
encoder, which was never shown margins, they are filled with the photo's outermost pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from spatial_edit.images import Fit, Photo, letterbox, to_square

SQUARED = 6.0  # weight of the squared error beside the absolute one: the score is a squared one
SCALES = (2, 4, 8)  # pixels averaged along each side
SCALE_WEIGHT = 0.5


@dataclass(frozen=True, eq=False)
class Target:
    """picture (3, R, R) in [-1, 1]; filled: the same without margins; mask (R, R): 1 where a pixel is the
    photo's.
    """

    picture: Tensor
    filled: Tensor
    mask: Tensor

    @classmethod
    def of(cls, photo: Photo, side: int, fit: Fit = "crop") -> Target:
        """The photo at the model's resolution; ValueError for an unknown fit."""
        picture = to_square(photo, side, fit)
        mask = torch.ones(side, side)
        if fit == "crop":
            return cls(picture, picture, mask)
        left, top, width, height = letterbox(photo.image.size, side)
        mask = torch.zeros(side, side)
        mask[top : top + height, left : left + width] = 1
        columns = torch.arange(side).clamp(left, left + width - 1)
        rows = torch.arange(side).clamp(top, top + height - 1)
        return cls(picture, picture[:, rows][:, :, columns], mask)

    def to(self, device: torch.device) -> Target:
        """The same on another device."""
        return Target(self.picture.to(device), self.filled.to(device), self.mask.to(device))

    def loss(self, pictures: Tensor) -> Tensor:
        """Of (B, 3, R, R): |e| + 6 e^2 + half the mean |e| over 2, 4 and 8 pixels averaged, mean over
        what counts.
        """
        error = (pictures - self.picture) * self.mask
        share = self.mask.mean()
        loss = (error.abs().mean() + SQUARED * error.square().mean()) / share
        scales = [s for s in SCALES if self.picture.shape[-1] % s == 0]
        for scale in scales:
            loss = loss + SCALE_WEIGHT / len(scales) * avg_pool2d(error, scale).abs().mean() / share
        return loss

    def squared_error(self, pictures: Tensor) -> Tensor:
        """(B,) mean squared error of pictures (B, 3, R, R), clipped to [-1, 1], over what counts."""
        error = (pictures.clamp(-1, 1) - self.picture).square().mean(1) * self.mask  # (B, R, R)
        return error.sum((1, 2)) / self.mask.sum()

    def psnr(self, picture: Tensor) -> float:
        """Decibels of (3, R, R) over what counts, both rounded to bytes; 99 for an exact copy."""
        levels = [((p.double().cpu() + 1) * 127.5).round().clamp(0, 255) for p in (picture, self.picture)]
        mask = self.mask.double().cpu()
        error = ((levels[0] - levels[1]).square().mean(0) * mask).sum() / mask.sum()
        return min(99.0, 10 * math.log10(255.0**2 / float(error))) if error > 0 else 99.0
