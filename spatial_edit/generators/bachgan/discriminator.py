"""The configuration of an imported patch discriminator, and its module (folded: it judges, as it is)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from spatial_edit.nn.patch_discriminator import MultiScaleDiscriminator

KIND = "patch-discriminator"


@dataclass(frozen=True)
class PatchConfig:
    """As in MultiScaleDiscriminator. inputs: channels of the condition and the picture together."""

    inputs: int
    width: int = 64
    layers: int = 4
    scales: int = 2

    def to_dict(self) -> dict[str, object]:
        """As JSON, with its kind."""
        return {"kind": KIND, **asdict(self)}


def discriminator_of(data: dict[str, Any]) -> MultiScaleDiscriminator:
    """From config.json; ValueError when it describes something else."""
    values = {name: value for name, value in data.items() if name != "kind"}
    if data.get("kind") != KIND or any(type(v) is not int or not 0 < v <= 4096 for v in values.values()):
        raise ValueError(f"config.json describes {data.get('kind')!r}, this loader reads {KIND!r}")
    return MultiScaleDiscriminator(**asdict(PatchConfig(**values)))
