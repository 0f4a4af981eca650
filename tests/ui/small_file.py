"""A small file as rosinality's code writes it, for tests of the page: 16 px, random weights."""

from __future__ import annotations

from pathlib import Path

import torch

from spatial_edit.foreign.formats.stylegan2_names import ROSINALITY, generator_names
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator

CONFIG = StyleGAN2Config(
    resolution=16,
    channels={4: 16, 8: 16, 16: 8},
    z_dim=16,
    w_dim=16,
    mapping_layers=2,
    fixed_noise=True,
)


def write_checkpoint(path: Path, seed: int = 1) -> None:
    """{"g_ema", "latent_avg"}: what its converter of published weights writes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = StyleGAN2Generator(CONFIG).state_dict()
    theirs = {name: state[ours].clone() for ours, name in generator_names(CONFIG, ROSINALITY).items()}
    torch.save({"g_ema": theirs, "latent_avg": torch.zeros(16)}, path)
