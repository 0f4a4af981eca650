"""Photo to blobs: a detector for the layout, and codes read from what lies under each blob.

The published inverter is one network from the picture to the raw layout vector (dossier, part 4). Here the work is split,
so that the codes describe a blob wherever it stands: `Detector` regresses geometry; `CodeEncoder` cuts the picture out in
each blob's own frame (16 x 16 samples, rotated and scaled with the blob) and reads its code from that cut; colours are
means under the alpha maps and are not learned.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.blobgan.compact import SURFACES, CompactConfig, ScaledConv2d, activate, mlp
from spatial_edit.generators.blobgan.shape import PROFILE, BlobGeometry, Splat

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

    def __init__(self, config: CompactConfig, width: int = 32) -> None:
        super().__init__()
        self.config = config
        self.slot_embedding = nn.Parameter(torch.randn(config.slots, 16))
        self.cut = nn.ModuleList([ScaledConv2d(7, width, stride=2), ScaledConv2d(width, 2 * width, stride=2)])
        self.read = mlp(2 * width * (CUT // 4) ** 2 + 16, 3 * width, config.code)
        widths = (3, 3 * width // 4, 3 * width // 2, 2 * width, 2 * width)
        pairs = zip(widths[:-1], widths[1:], strict=True)
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


class Detection(nn.Module):
    """Named parts of the detector's output, batched: presence logits (B, S) and one number per geometry field."""

    FIELDS = 6 + PROFILE  # x, y, log size, two of the stretch, log distance, profile

    @staticmethod
    def split(raw: Tensor, slots: int) -> tuple[Tensor, Tensor, Tensor]:
        """presence logits (B, S), fields (B, S, 22), planes (B, 5, 3) of a raw vector."""
        presence, rest = raw[:, :slots], raw[:, slots:]
        fields = rest[:, : slots * Detection.FIELDS].unflatten(1, (slots, Detection.FIELDS))
        return presence, fields, rest[:, slots * Detection.FIELDS :].unflatten(1, (SURFACES, 3))


class Detector(nn.Module):
    """Picture (B, 3, R, R) to the raw layout vector of every slot, standardised by the training set's mean and spread."""

    def __init__(self, config: CompactConfig, width: int = 32) -> None:
        super().__init__()
        self.config = config
        outputs = config.slots * (1 + Detection.FIELDS) + 3 * SURFACES
        self.stem = ScaledConv2d(3, width, stride=2)
        widths = (width, 2 * width, 3 * width, 3 * width)
        self.down = nn.ModuleList(
            [ScaledConv2d(i, o, stride=2) for i, o in zip(widths[:-1], widths[1:], strict=True)]
        )
        self.refine = nn.ModuleList([ScaledConv2d(o, o) for o in widths[1:]])
        flat = widths[-1] * (config.resolution // 16) ** 2
        self.head = mlp(flat, 10 * width, outputs)
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("spread", torch.ones(outputs))

    def forward(self, image: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        x = activate(self.stem(image.to(dtype, memory_format=torch.channels_last)))
        for down, refine in zip(self.down, self.refine, strict=True):
            x = activate(down(x))
            x = x + activate(refine(x))
        return self.head(x.flatten(1).float()) * self.spread + self.mean
