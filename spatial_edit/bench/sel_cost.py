"""What the spatial encoding costs: a picture of SpatialGAN with SEL_norm at levels 0 to 2 against the same
network without, every picture from a new code and a new heatmap.

Both have random weights and StyleGAN2's sizes at 256 px (channels 16384 / side, at most 512; codes of 512;
24.8 million parameters without the encoding). EqGAN-SA, the published network whose encoding works at the
picture's side, is measured against the same plain network.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import Tensor, nn

from spatial_edit.bench.paired import in_turn, ratio, threads
from spatial_edit.generators.spatialgan.eqgan import EqGANConfig, EqGANGenerator
from spatial_edit.generators.spatialgan.heatmap import sample_levels, stack_levels
from spatial_edit.generators.spatialgan.levels import Centres, Levels
from spatial_edit.generators.spatialgan.network import SpatialConfig, SpatialGAN
from spatial_edit.seeds import random_state

RESOLUTION, BASE, WIDEST, CODE = 256, 16384, 512, 512
ROUNDS = 20
Figures = dict[str, float | int]


def widths(resolution: int, base: int = BASE) -> dict[int, int]:
    """StyleGAN2's width at every side from 4 to the resolution."""
    return {side: min(base // side, WIDEST) for side in (4 << i for i in range(9)) if side <= resolution}


def sel_cost(rounds: int = ROUNDS, resolution: int = RESOLUTION, base: int = BASE, count: int = 2) -> Figures:
    """`sel_cost` and `sel_cost_eqgan`, medians over the rounds of time over the plain network's; the three
    medians in seconds. count: of threads."""
    channels = widths(resolution, base)
    code = min(CODE, channels[4])
    calls: dict[str, Callable[[], object]] = {}
    for name, encoding in (("plain", "none"), ("spatial", "norm")):
        config = SpatialConfig(resolution, channels, code, code, 8, encoding=encoding)
        calls[name] = _spatial(_ready(SpatialGAN, config))
    calls["eqgan"] = _eqgan(_ready(EqGANGenerator, EqGANConfig(resolution, channels, code, code, 8)))

    with threads(count), torch.inference_mode():
        times = in_turn(calls, rounds)
    return {
        "sel_cost": round(ratio(times, "spatial", "plain"), 3),
        "sel_cost_eqgan": round(ratio(times, "eqgan", "plain"), 3),
        "sel_seconds": round(statistics.median(times["spatial"]), 4),
        "sel_seconds_plain": round(statistics.median(times["plain"]), 4),
        "sel_seconds_eqgan": round(statistics.median(times["eqgan"]), 4),
        "sel_rounds": rounds,
    }


def _ready(network: Callable[..., nn.Module], config: object) -> nn.Module:
    """The network with random weights, as a model is loaded: the same draws every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return network(config).eval().requires_grad_(False)


def _spatial(model: nn.Module) -> Callable[[], Tensor]:
    assert isinstance(model, SpatialGAN)
    random = torch.Generator().manual_seed(1)
    noise = [torch.randn(1, 1, r, r, generator=random) for r in model.synthesis.noise_sides]

    def paint() -> Tensor:
        levels: Levels = tuple(
            Centres(
                torch.rand(1, n, 2, generator=random),
                0.1 + 0.2 * torch.rand(1, n, generator=random),
                torch.ones(1, n),
            )
            for n in model.config.centres
        )
        z = torch.randn(1, model.config.z_dim, generator=random)
        return model(z, levels, noise)

    return paint


def _eqgan(model: nn.Module) -> Callable[[], Tensor]:
    assert isinstance(model, EqGANGenerator)
    random = torch.Generator().manual_seed(1)
    noise = [torch.randn(1, 1, r, r, generator=random) for r in model.synthesis.noise_sides]
    draw = random_state(1)

    def paint() -> Tensor:
        z = torch.randn(1, model.config.z_dim, generator=random)
        return model(z, stack_levels([sample_levels(draw)]), noise)

    return paint
