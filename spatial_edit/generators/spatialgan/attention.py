"""Where a discriminator looks, and the loss that holds it to the heatmap (EqGAN-SA, Wang et al. 2022, section
3.3; SpatialGAN, Wang et al. 2023, equation 4; GradCAM: Selvaraju et al. 2017).

For the features A of the discriminator's block whose output has side 4, 8 or 16:

    weight    = mean over pixels of d/dA sum_n softplus(-logit_n)         (a constant: no second derivatives)
    attention = rescale( sum over channels of relu(weight * A) )          to [0, 1], at the image's side
    loss      = mean of those |attention - target| above 0.25

Deliberately different from the published program: the weights come from the pass that the loss uses anyway,
instead of a second one on the same pictures; the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.nn.discriminator import Discriminator

SIDES = (4, 8, 16)  # of the features for level 0, 1, 2
THRESHOLD = 0.25  # smaller differences are let be


@dataclass(frozen=True, eq=False)
class Alignment:
    """What a discriminator says of pictures and where it looks. One entry a level where there are several."""

    logits: Tensor  # (B, 1)
    attention: tuple[Tensor, ...]  # (B, 1, R, R) each
    targets: tuple[Tensor, ...]  # (B, 1, R, R) each
    losses: tuple[Tensor, ...]  # scalars

    @property
    def loss(self) -> Tensor:
        """The sum over the levels."""
        return torch.stack(self.losses).sum()


def features_of(
    discriminator: Discriminator, images: Tensor, sides: Sequence[int] = SIDES
) -> tuple[Tensor, list[Tensor]]:
    """Logits (B, 1) of images and the outputs (B, C, s, s) of the blocks that end at the given sides."""
    kept: dict[int, Tensor] = {}

    def keep(block: object, inputs: object, output: Tensor) -> None:
        kept[output.shape[-1]] = output

    # hooks leave the discriminator's own forward pass as it is, whatever its ends look like
    hooks = [block.register_forward_hook(keep) for block in list(discriminator.convs)[1:]]
    try:
        logits = discriminator(images)
    finally:
        for hook in hooks:
            hook.remove()
    if missing := [side for side in sides if side not in kept]:
        raise ValueError(f"the discriminator has no features of side {missing}: it has {sorted(kept)}")
    return logits, [kept[side] for side in sides]


def gradcam_weights(logits: Tensor, features: Sequence[Tensor]) -> list[Tensor]:
    """(B, C, 1, 1) for each feature map of the pass that gave the logits. The graph stays for the loss."""
    loss = F.softplus(-logits).sum()
    slopes = torch.autograd.grad(loss, list(features), retain_graph=True)
    return [slope.mean((2, 3), keepdim=True) for slope in slopes]


def attention_map(feature: Tensor, weight: Tensor, side: int) -> Tensor:
    """(B, 1, side, side) in [0, 1]: where the features (B, C, s, s) count. Rectified channel by channel."""
    seen = (weight * feature).relu().sum(1, keepdim=True)
    seen = F.interpolate(seen, size=(side, side), mode="bilinear", align_corners=True)
    return _rescaled(seen)


def target_map(maps: Tensor, root: bool) -> Tensor:
    """(B, 1, R, R) of a level's maps (B, n, R, R): the root as it is, finer levels averaged and rescaled."""
    return maps if root else _rescaled(maps.mean(1, keepdim=True))


def truncated_l1(attention: Tensor, target: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """The mean of the absolute differences above the threshold; of all, when at most one is."""
    apart = (attention - target).abs()
    apart = apart[apart.isfinite()]
    large = apart[apart > threshold]
    return (large if large.numel() > 1 else apart).mean()


def alignment(
    discriminator: Discriminator, images: Tensor, maps: Sequence[Tensor], threshold: float = THRESHOLD
) -> Alignment:
    """How far the discriminator's attention on images (B, 3, R, R) is from the heatmap's levels (B, n, R, R).

    Gradients flow to the images through the features; freeze the discriminator's weights.
    """
    with torch.enable_grad():
        seen = images if images.requires_grad else images.detach().requires_grad_()
        logits, features = features_of(discriminator, seen, SIDES[: len(maps)])
        return aligned(logits, features, maps, threshold)


def aligned(
    logits: Tensor, features: Sequence[Tensor], maps: Sequence[Tensor], threshold: float = THRESHOLD
) -> Alignment:
    """The same from what a discriminator has said: logits (B, 1), its features of the sides 4, 8, .. with
    their graph, and the levels (B, n, R, R)."""
    weights = gradcam_weights(logits, features)
    pairs = zip(features, weights, strict=True)
    attention = tuple(attention_map(a, w, maps[0].shape[-1]) for a, w in pairs)
    targets = tuple(target_map(level, root=i == 0) for i, level in enumerate(maps))
    losses = [truncated_l1(a, t, threshold) for a, t in zip(attention, targets, strict=True)]
    return Alignment(logits, attention, targets, tuple(losses))


def aligned_objects(
    logits: Tensor, features: Sequence[Tensor], maps: Tensor, threshold: float = THRESHOLD
) -> Alignment:
    """For one level of several objects, maps (B, n, R, R) (Wang et al. 2023, equation 5): of each picture the
    smallest of the losses to each object's sub-heatmap and to their sum, on each of the features (any sides).

    The paper leaves open whether the smallest is taken in a picture or in a batch; here in a picture. An
    object that is not there is no candidate.
    """
    weights = gradcam_weights(logits, features)
    attention = tuple(attention_map(a, w, maps.shape[-1]) for a, w in zip(features, weights, strict=True))
    candidates = torch.cat([maps, _rescaled(maps.sum(1, keepdim=True))], 1)  # (B, n + 1, R, R)
    there = candidates.flatten(2).amax(2) > threshold  # (B, n + 1)
    losses = []
    for looked in attention:
        apart = (looked - candidates).abs().float()
        large = (apart > threshold).float()
        each = (apart * large).sum((2, 3)) / large.sum((2, 3)).clamp(min=1)
        losses.append(each.masked_fill(~there, float("inf")).amin(1)[there.any(1)].mean().nan_to_num())
    return Alignment(logits, attention, (candidates[:, -1:],) * len(attention), tuple(losses))


def _rescaled(maps: Tensor) -> Tensor:
    """Each picture's map from its own lowest value to its highest, as [0, 1]; a flat one becomes 0."""
    shifted = maps - maps.detach().amin((1, 2, 3), keepdim=True)
    return torch.nan_to_num(shifted / shifted.detach().amax((1, 2, 3), keepdim=True), nan=0.0, posinf=1.0)
