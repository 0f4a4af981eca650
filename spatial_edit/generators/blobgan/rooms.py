"""The bundled rooms model: layout flow, decoder, code encoder and detector in one module, and the maps
between them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spatial_edit.generators.blobgan.compact import CompactConfig, CompactDecoder
from spatial_edit.generators.blobgan.encoder import CodeEncoder, Detector
from spatial_edit.generators.blobgan.flow import FlowConfig, LayoutFlow
from spatial_edit.generators.blobgan.shape import BlobGeometry, splat
from spatial_edit.generators.blobgan.vector import SlotScene, angle_and_aspect, unpack, vector_length


@dataclass(frozen=True)
class RoomsConfig:
    """Everything config.json says about the network."""

    compact: CompactConfig = CompactConfig()
    flow: FlowConfig = FlowConfig()
    detector_width: int = 32

    def to_dict(self) -> dict[str, Any]:
        return {"architecture": "blobgan-compact", **asdict(self)}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> RoomsConfig:
        """ValueError when a field is missing or of another architecture."""
        if data.get("architecture") != "blobgan-compact":
            raise ValueError(
                f"config.json describes '{data.get('architecture')}', this loader reads 'blobgan-compact'"
            )
        try:
            compact = dict(data["compact"])
            compact["widths"] = tuple((int(a), int(b)) for a, b in compact["widths"])
            return RoomsConfig(CompactConfig(**compact), FlowConfig(**data["flow"]), data["detector_width"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"config.json is incomplete or has unknown fields: {error}") from error


class RoomsBlobGAN(nn.Module):
    """All parts; `generator_parameters` are those that a picture from z needs."""

    def __init__(self, config: RoomsConfig) -> None:
        super().__init__()
        self.config = config
        self.flow = LayoutFlow(config.flow, vector_length(config.compact))
        self.decoder = CompactDecoder(config.compact)
        self.codes = CodeEncoder(config.compact)
        self.detector = Detector(config.compact, config.detector_width)

    def generator_parameters(self) -> int:
        """Parameters of flow and decoder together."""
        return sum(p.numel() for part in (self.flow, self.decoder) for p in part.parameters())

    def sample(self, z: Tensor, truncation: float = 0.0) -> SlotScene:
        """Scenes of latent vectors (B, R)."""
        return unpack(self.flow(z, truncation), self.config.compact)

    def detect(self, pictures: Tensor) -> SlotScene:
        """Layouts of pictures (B, 3, R, R); rows hold profiles only, colours and codes come from `encode`."""
        config = self.config.compact
        presence, fields, planes, _ = self.detector(pictures)
        angles, aspects = angle_and_aspect(fields[..., 3], fields[..., 4])
        rows = torch.zeros(*presence.shape, config.row, device=pictures.device)
        rows[..., :16] = fields[..., 6:].clamp(-1.2, 0.7).exp()
        background = torch.zeros(len(pictures), config.background, device=pictures.device)
        background[:, :15] = planes.flatten(1)
        return SlotScene(
            presence > 0,
            fields[..., 0:2].clamp(-0.2, 1.2),
            fields[..., 2].clamp(-4.6, 0.0).exp(),
            aspects.clamp(0.1, 10.0),
            angles,
            fields[..., 5].clamp(-1.6, 3.0).exp(),
            rows,
            background,
        )

    def encode(self, pictures: Tensor) -> SlotScene:
        """One forward pass from pictures to complete scenes (colours and codes read under the detected
        blobs)."""
        scene = self.detect(pictures)
        geometry, slots = depth_sorted(scene)
        maps = splat(geometry, self.config.compact.resolution)
        rows, background = self.codes(pictures, geometry, slots, maps)
        full = scene.rows.scatter(1, slots[..., None].expand_as(rows), rows)
        return scene._replace(rows=full, background=background)


def depth_sorted(scene: SlotScene) -> tuple[BlobGeometry, Tensor]:
    """Present blobs of each scene, farthest first, padded in front to the longest; and their slots (B, K)."""
    count = int(scene.present.sum(1).max()) if scene.present.numel() else 0
    rank = torch.where(scene.present, -scene.distances, torch.full_like(scene.distances, -1e9))
    slots = rank.argsort(dim=1, stable=True)[:, scene.present.shape[1] - count :]

    def pick(values: Tensor) -> Tensor:
        index = slots.view(*slots.shape, *[1] * (values.dim() - 2)).expand(-1, -1, *values.shape[2:])
        return torch.gather(values, 1, index)

    geometry = BlobGeometry(
        pick(scene.present.float()),
        pick(scene.centres),
        pick(scene.sizes),
        pick(scene.aspects),
        pick(scene.angles),
        pick(scene.rows[..., :16]),
        scene.background[:, :15].unflatten(1, (5, 3)),
    )
    return geometry, slots


def paint(model: RoomsBlobGAN, scene: SlotScene, dtype: torch.dtype = torch.float32) -> Tensor:
    """Pictures (B, 3, R, R) of slot scenes."""
    geometry, slots = depth_sorted(scene)
    rows = torch.gather(scene.rows, 1, slots[..., None].expand(-1, -1, scene.rows.shape[-1]))
    return model.decoder(geometry, rows, slots, scene.background, dtype=dtype)
