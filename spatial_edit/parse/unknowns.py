"""Unknowns: the numbers of a scene that refine may change, as free tensors, and the way back to a scene.

Sizes, aspects and profiles are optimised as logarithms. Which blobs there are, and their order in depth,
is fixed.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.compact import SURFACES
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.blobgan.shape import PROFILE, SOFTNESS, BlobGeometry, splat
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, SIZE_RANGE

PROFILE_RANGE = (0.3, 2.02)  # of the ground truth that the model was trained on, and of `vector.unpack`
RATES = {  # Adam's step for each kind of number at full rate, about what one step may change it by
    "centres": 0.004,
    "log_sizes": 0.015,
    "log_aspects": 0.015,
    "angles": 0.015,
    "log_profiles": 0.04,
    "colours": 0.02,
    "codes": 0.1,
    "planes": 0.008,
    "surface_colours": 0.02,
    "overall": 0.1,
}
HOLD = {  # weight of the squared distance from the start
    "log_profiles": 0.01,
    "codes": 0.003,
    "overall": 0.003,
    "log_sizes": 0.01,
    "centres": 0.1,
    "log_aspects": 0.01,
}


class Unknowns:
    """Free tensors that start at a scene; `decode` paints them, `scene` makes them a scene again."""

    def __init__(self, generator: BlobGenerator, scene: Scene) -> None:
        layout = generator.checked(scene)
        geometry, rows, slots, background = generator.inputs([scene])
        low, high = PROFILE_RANGE
        colours, codes = rows[..., PROFILE : PROFILE + 3], rows[..., PROFILE + 3 :]
        self.generator, self.start, self.layout, self.slots = generator, scene, layout, slots
        self.free: dict[str, Tensor] = {
            "centres": geometry.centres,
            "log_sizes": geometry.sizes.log(),
            "log_aspects": geometry.aspects.log(),
            "angles": geometry.angles,
            "log_profiles": geometry.profiles.clamp(low, high).log(),
            "colours": colours,
            "codes": codes,
            "planes": background[:, : 3 * SURFACES],
            "surface_colours": background[:, 3 * SURFACES : 6 * SURFACES],
            "overall": background[:, 6 * SURFACES :],
        }
        self.free = {name: value.detach().clone().requires_grad_() for name, value in self.free.items()}
        self.origin = {name: value.detach().clone() for name, value in self.free.items()}

    def groups(self, rate: float = 1.0) -> list[dict[str, object]]:
        """Adam's parameter groups; each keeps its own full rate as `full`."""
        return [
            {"params": [value], "lr": rate * RATES[name], "full": RATES[name]}
            for name, value in self.free.items()
        ]

    def arguments(self) -> tuple[BlobGeometry, Tensor, Tensor, Tensor]:
        """The decoder's inputs, every number within its range: geometry, rows, slots, background."""
        f = self.free
        profiles = f["log_profiles"].exp().clamp(*PROFILE_RANGE)
        geometry = BlobGeometry(
            torch.ones_like(f["log_sizes"]),
            f["centres"].clamp(*CENTRE_RANGE),
            f["log_sizes"].exp().clamp(*SIZE_RANGE),
            f["log_aspects"].exp().clamp(*ASPECT_RANGE),
            f["angles"],
            profiles,
            f["planes"].unflatten(1, (SURFACES, 3)),
        )
        rows = torch.cat([profiles, f["colours"].clamp(-1, 1), f["codes"]], -1)
        background = torch.cat([f["planes"], f["surface_colours"].clamp(-1, 1), f["overall"]], 1)
        return geometry, rows, self.slots, background

    def decode(self, softness: float = 1.0) -> Tensor:
        """(1, 3, R, R) with edges `softness` times as wide as the model's; differentiable."""
        model = self.generator.model
        geometry, rows, slots, background = self.arguments()
        maps = splat(geometry, model.config.compact.resolution, SOFTNESS * softness)
        return model.decoder(geometry, rows, slots, background, maps)

    def pull(self) -> Tensor:
        """Squared distance from the start, weighted: what the encoder said is near what the decoder was
        trained on.
        """
        terms = [
            weight * (self.free[name] - self.origin[name]).square().mean()
            for name, weight in HOLD.items()
            if self.free[name].numel()
        ]
        return torch.stack(terms).sum()

    @torch.no_grad()
    def scene(self) -> Scene:
        """The scene of the present values."""
        batch, rows, _, background = self.arguments()
        geometry = BlobGeometry(*(_first(value) for value in batch))
        layout = replace(
            self.layout,
            centres=geometry.centres,
            sizes=geometry.sizes,
            aspects=geometry.aspects,
            angles=geometry.angles,
        )
        latent = self.start.latent
        table = latent.rows.clone()
        table[torch.tensor(self.layout.rows, dtype=torch.long)] = _first(rows)
        latent = replace(latent, rows=table, background=_first(background))
        return replace(self.start, layout=layout, latent=latent)


def blobs_of(scene: Scene) -> Blobs:
    """The scene's layout; ValueError when it is of another kind."""
    if not isinstance(scene.layout, Blobs):
        raise ValueError(f"only layouts of blobs can be refined, this one is of kind '{scene.layout.kind}'")
    return scene.layout


def _first(value: Tensor) -> Tensor:
    return value[0].detach().float().cpu()
