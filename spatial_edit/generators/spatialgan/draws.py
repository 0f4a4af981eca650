"""What a seed decides of a SpatialGAN's picture, from `np.random.RandomState(seed)`, in this order:

    z (z_dim normals) · the layout (prior.py) · the objects' latents (n x object_dim normals, with `indoor`)
    · the noise of every layer, row by row, from side 4 upwards

in float64, rounded to float32. A `Joint` prior draws the first three together.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.spatialgan.levels import Levels
from spatial_edit.generators.spatialgan.network import SpatialGAN
from spatial_edit.generators.spatialgan.prior import Joint
from spatial_edit.seeds import random_state


class Draws(NamedTuple):
    """Of one seed, on the CPU."""

    z: Tensor  # (1, z_dim)
    levels: Levels  # B = 1
    latents: Tensor  # (n, object_dim); (0, 0) without objects
    noise: list[Tensor]  # (1, 1, r, r) one a layer; none where it was not asked for


def draws_of_seed(model: SpatialGAN, seed: int, *, noise: bool = True) -> Draws:
    """SeedError for what is no whole number of 0 .. 2**32 - 1."""
    config, state = model.config, random_state(seed)

    def normals(*shape: int) -> Tensor:
        return torch.from_numpy(state.standard_normal(shape)).float()

    if isinstance(config.prior, Joint):
        z, levels, latents = config.prior.draw_all(state, config.centres[0], config.z_dim, model.learned)
    else:
        z = normals(1, config.z_dim)
        levels = config.prior.draw(state, config.centres, model.learned)
        latents = normals(config.centres[0], config.object_dim) if config.indoor else torch.zeros(0, 0)
    sides = model.synthesis.noise_sides if noise else ()
    return Draws(z, levels, latents, [normals(1, 1, r, r) for r in sides])
