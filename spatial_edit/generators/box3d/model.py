"""The bundled network of a Box3D model: sampler, decoder and the bank of styles, and conditional sampling.

z → room: a rectified flow in the principal components of the training rooms' vectors
(`generators.blobgan.flow`), then `unpack` and `snap`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spatial_edit.generators.blobgan.flow import FlowConfig, LayoutFlow
from spatial_edit.generators.box3d.decoder import Box3DConfig, RoomDecoder
from spatial_edit.generators.box3d.parts import ROW, BoxBatch
from spatial_edit.generators.box3d.snap import snap
from spatial_edit.generators.box3d.tidy import tidy
from spatial_edit.generators.box3d.vector import SLOT_VECTOR, SLOTS, Codebook, unpack
from spatial_edit.layouts.boxes3d import CLASSES, STYLES

PLACE_ENTRY = 5  # of a slot's vector: a box whose x is kept is kept whole
GUIDANCE = 2.0  # share of the distance to the kept entries that one step of a conditional flow takes back


@dataclass(frozen=True)
class RoomsConfig:
    """Everything config.json says about the network; `entries` is the length of the sampler's vectors."""

    decoder: Box3DConfig = Box3DConfig()
    flow: FlowConfig = FlowConfig(components=256, hidden=448)
    entries: int = 743

    def to_dict(self) -> dict[str, Any]:
        return {"architecture": "box3d", **asdict(self)}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> RoomsConfig:
        """ValueError when a field is missing or of another architecture."""
        if data.get("architecture") != "box3d":
            raise ValueError(f"config.json describes '{data.get('architecture')}', this loader reads 'box3d'")
        try:
            decoder = dict(data["decoder"])
            decoder["widths"] = tuple(int(width) for width in decoder["widths"])
            return RoomsConfig(Box3DConfig(**decoder), FlowConfig(**data["flow"]), int(data["entries"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"config.json is incomplete or has unknown fields: {error}") from error


class RoomsBox3D(nn.Module):
    """All parts. bank (classes, STYLES, ROW + 6): a row, a colour and half extents of each style."""

    bank: Tensor

    def __init__(self, config: RoomsConfig) -> None:
        super().__init__()
        self.config = config
        self.flow = LayoutFlow(config.flow, config.entries)
        self.book = Codebook(config.entries)
        self.decoder = RoomDecoder(config.decoder)
        self.register_buffer("bank", torch.zeros(len(CLASSES), STYLES, ROW + 6))

    def generator_parameters(self) -> int:
        """Parameters of flow and decoder together."""
        return sum(p.numel() for part in (self.flow, self.decoder) for p in part.parameters())

    def sample(self, z: Tensor, truncation: float = 0.0) -> BoxBatch:
        """Rooms of latent vectors (B, components), in order."""
        return snap(tidy(unpack(self.book.restore(self.flow(z, truncation)))))

    @torch.no_grad()
    def sample_keeping(self, z: Tensor, wanted: Tensor, keep: Tensor) -> BoxBatch:
        """Rooms of z whose vector entries `keep` (B, LENGTH) in 0..1 come near those of `wanted` (B, LENGTH).

        Guided flow: at every step the point that the flow heads for, x + (1 - t) v, is drawn towards the kept
        entries by the gradient of their weighted distance, and x with it. Entries that the sampler leaves out
        are taken from `wanted` where kept; what comes out is near the kept entries, not equal: whoever needs
        them exactly puts them back."""
        flow = self.flow
        target, mask = self.book.compress(wanted), self.book.compress(keep)
        x, steps = z, flow.config.steps
        for i in range(steps):
            t = torch.full((len(z),), i / steps, device=z.device)
            with torch.enable_grad():
                held = x.detach().requires_grad_(True)
                slope = flow.velocity(held, t)
                ahead = held + (1 - i / steps) * slope
                off = (flow.head(ahead) - target) / flow.spread * mask
                loss = 0.5 * off.square().sum()
                pull = torch.autograd.grad(loss, held)[0]
            size = (pull * flow.scale).square().sum(1, keepdim=True).clamp(min=1e-12)
            # the step that would undo the distance if it were linear in x (a Polyak step)
            length = off.square().sum(1, keepdim=True) / pull.square().sum(1, keepdim=True).clamp(min=1e-9)
            x = x + slope.detach() / steps - GUIDANCE / steps * length.clamp(max=50.0) * pull * (size > 0)
        whole = self.book.restore(flow.head(x))
        kept = torch.where(keep > 0.5, wanted, whole)
        fixed = keep[:, : SLOTS * SLOT_VECTOR].view(-1, SLOTS, SLOT_VECTOR)[..., PLACE_ENTRY] > 0.5
        rooms = unpack(kept)
        rows = torch.where(fixed[..., None], rooms.rows, tidy(rooms).rows)
        return snap(rooms._replace(rows=rows), fixed)
