"""Photo to blobs: a detector for the layout, and codes read from what lies under each blob.

The published inverter is one network from the picture to the raw layout vector. Here the
work is split, so that the codes describe a blob wherever it stands: `Detector` regresses geometry;
`CodeEncoder` cuts the picture out in each blob's own frame (16 x 16 samples, rotated and scaled with the
blob) and reads its code from that cut; colours are means under the alpha maps and are not learned."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.blobgan.compact import SURFACES, CompactConfig, ScaledConv2d, activate, mlp
from spatial_edit.generators.blobgan.shape import PROFILE, BlobGeometry, Splat
from spatial_edit.nn.segmenter import Segmenter

CUT = 16  # samples of a cut along each side
CUT_EXTENT = 1.3  # how far a cut reaches, in radii


def mean_colours(image: Tensor, weights: Tensor, prior: Tensor | None = None) -> Tensor:
    """(B, K, 3): mean colour under each weight map (B, K, P) of an image (B, 3, H, W)."""
    total = torch.einsum("bkp,bcp->bkc", weights, image.flatten(2))
    mass = weights.sum(-1, keepdim=True)
    fallback = image.flatten(2).mean(-1)[:, None] if prior is None else prior
    return (total + 0.5 * fallback) / (mass + 0.5)


def cuts(image: Tensor, ownership: Tensor, g: BlobGeometry) -> Tensor:
    """(B * K, 4, 16, 16): picture and the blob's own alpha in each blob's frame, zero outside the picture."""
    batch, count = g.sizes.shape
    axis = ((torch.arange(CUT, device=image.device) + 0.5) / CUT * 2 - 1) * CUT_EXTENT
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    root = g.aspects.sqrt()
    rx, ry = (g.sizes * root)[..., None, None], (g.sizes / root)[..., None, None]
    cos, sin = g.angles.cos()[..., None, None], g.angles.sin()[..., None, None]
    x = g.centres[..., 0, None, None] + u * rx * cos + v * ry * sin  # (B, K, 16, 16)
    y = g.centres[..., 1, None, None] - u * rx * sin + v * ry * cos
    grid = torch.stack([x, y], -1) * 2 - 1
    colour = F.grid_sample(image, grid.flatten(1, 2), align_corners=False)  # (B, 3, K * 16, 16)
    colour = colour.unflatten(2, (count, CUT)).transpose(1, 2).flatten(0, 1)
    side = image.shape[-1]
    own = ownership.reshape(batch * count, 1, side, side)
    mask = F.grid_sample(own, grid.flatten(0, 1), align_corners=False)
    return torch.cat([colour, mask], 1)


class CodeEncoder(nn.Module):
    """Codes of blobs and background, given the geometry and the alpha maps."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        width = config.encoder_width
        self.slot_embedding = nn.Parameter(torch.randn(config.slots, 16))
        self.cut = nn.ModuleList([ScaledConv2d(7, width, stride=2), ScaledConv2d(width, 2 * width, stride=2)])
        self.read = mlp(2 * width * (CUT // 4) ** 2 + 16, 3 * width, config.code)
        widths = (3, 3 * width // 4, 3 * width // 2, 2 * width, 2 * width)
        pairs = itertools.pairwise(widths)
        self.whole = nn.ModuleList([ScaledConv2d(i, o, stride=2) for i, o in pairs])
        self.overall = mlp(2 * width * (config.resolution // 16) ** 2, 4 * width, config.background_code)

    def forward(
        self, image: Tensor, g: BlobGeometry, slots: Tensor, maps: Splat, dtype: torch.dtype = torch.float32
    ) -> tuple[Tensor, Tensor]:
        """rows (B, K, row) and background (B, background) of image (B, 3, R, R) in [-1, 1]."""
        batch, count = slots.shape
        colours = mean_colours(image, maps.weights)
        blob_colours, surface_colours = colours[:, :count], colours[:, count:]
        piece = cuts(image, maps.weights[:, :count], g)
        mean = blob_colours.flatten(0, 1)[..., None, None].expand(-1, -1, CUT, CUT)
        x = torch.cat([piece, piece[:, :3] - mean], 1).to(dtype, memory_format=torch.channels_last)
        for layer in self.cut:
            x = activate(layer(x))
        embedding = self.slot_embedding[slots].flatten(0, 1)
        codes = self.read(torch.cat([x.flatten(1).float(), embedding], 1)).unflatten(0, (batch, count))

        x = image.to(dtype, memory_format=torch.channels_last)
        for layer in self.whole:
            x = activate(layer(x))
        overall = self.overall(x.flatten(1).float())
        rows = torch.cat([g.profiles, blob_colours, codes], -1)
        return rows, torch.cat([g.planes.flatten(1), surface_colours.flatten(1), overall], 1)


FIELDS = 6 + PROFILE  # x, y, log size, two of the stretch, log distance, log profile


class Detected(NamedTuple):
    """What the detector says of B pictures; S slots."""

    presence: Tensor  # (B, S) logits
    fields: Tensor  # (B, S, 22) x, y, log size, stretch cos 2a, stretch sin 2a, log distance, log profile
    planes: Tensor  # (B, 5, 3)
    masks: Tensor  # (B, S + 5, R/2, R/2) logits: which slot or surface each pixel shows


class Detector(nn.Module):
    """Pictures (B, 3, R, R) to layouts: first which slot each pixel shows, then every slot's numbers from
    what it shows.

    The trunk is a network of the segmenter's shape with a class for every slot and surface; the moments of a
    slot's soft mask and the features pooled under it go through one network shared by all slots, whose
    answers are corrections: to the mask's centroid and size, and to the training set's means.
    """

    mean: Tensor
    spread: Tensor
    plane_mean: Tensor
    plane_spread: Tensor

    def __init__(self, config: CompactConfig, width: int = 32) -> None:
        super().__init__()
        self.config = config
        widths = (3 * width // 4, 3 * width // 2, 3 * width, 4 * width)
        fine, coarse = widths[1], widths[3]
        self.trunk = Segmenter(widths, config.slots + SURFACES, (2 * width, fine))
        self.slot_embedding = nn.Parameter(torch.randn(config.slots, 24))
        self.head = mlp(fine + coarse + 6 + 24, 5 * width, 4 * width, 1 + FIELDS)
        self.squeeze = nn.Conv2d(coarse, width // 2, 1)
        self.plane_head = mlp(width // 2 * (config.resolution // 8) ** 2, 4 * width, 3 * SURFACES)
        self.register_buffer("mean", torch.zeros(config.slots, FIELDS))
        self.register_buffer("spread", torch.ones(config.slots, FIELDS))
        self.register_buffer("plane_mean", torch.zeros(SURFACES, 3))
        self.register_buffer("plane_spread", torch.ones(SURFACES, 3))

    def forward(self, image: Tensor, dtype: torch.dtype = torch.float32) -> Detected:
        image = image.to(memory_format=torch.channels_last)
        with torch.autocast(image.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            top, coarse = self.trunk.merged(image)  # (B, fine, R/2, R/2), (B, coarse, R/8, R/8)
            masks = self.trunk.head(top).float()
            squeezed = activate(self.squeeze(coarse))

        statistics, centroid, log_size = self._moments(masks)
        share = torch.softmax(masks, 1)[:, : self.config.slots].flatten(2)
        pooled = torch.einsum("bkp,bcp->bkc", share, top.float().flatten(2))
        pooled = pooled / (share.sum(-1, keepdim=True) + 1.0)
        context = coarse.float().mean((2, 3))[:, None].expand(-1, self.config.slots, -1)
        own = self.slot_embedding.expand(len(image), -1, -1)
        answer = self.head(torch.cat([pooled, context, statistics, own], -1))

        correction = answer[..., 1:] * self.spread
        base = self.mean.expand_as(correction).clone()
        base[..., 0:2], base[..., 2] = centroid, log_size
        planes = self.plane_head(squeezed.float().flatten(1)).unflatten(1, (SURFACES, 3))
        return Detected(
            answer[..., 0], base + correction, planes * self.plane_spread + self.plane_mean, masks
        )

    def _moments(self, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Six numbers a slot for the head, the soft mask's centroid (B, S, 2), and its log radius (B, S)."""
        side = masks.shape[-1]
        share = torch.softmax(masks, 1)[:, : self.config.slots].flatten(2)
        axis = (torch.arange(side, device=masks.device) + 0.5) / side
        y, x = (g.reshape(-1) for g in torch.meshgrid(axis, axis, indexing="ij"))
        mass = share.sum(-1) + 1e-2
        mx, my = (share @ x + 5e-3) / mass, (share @ y + 5e-3) / mass
        xx = ((share @ x.square()) / mass - mx.square()).clamp(min=0) + 1e-4
        yy = ((share @ y.square()) / mass - my.square()).clamp(min=0) + 1e-4
        xy = (share @ (x * y)) / mass - mx * my
        root = (xx * yy).sqrt()
        log_size = 0.5 * root.log() + 0.64  # log 1.9, RADIUS_PER_SIGMA of the ground truth
        statistics = torch.stack(
            [mx - 0.5, my - 0.5, mass.log() / 3, xx.log() / 3, yy.log() / 3, xy / root], -1
        )
        return statistics, torch.stack([mx, my], -1), log_size
