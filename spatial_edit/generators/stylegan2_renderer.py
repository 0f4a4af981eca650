"""StyleGAN2 behind the generator contract: pictures from seeds, without a layout to move.

It is the baseline of the metrics and later families transfer from it. Its scenes have the empty `Layout`; z
is the only row of the latent, and the noise of every layer comes from the scene's seed."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.layouts import Latent, Layout, Scene
from spatial_edit.seeds import check_seed


class StyleGAN2Scenes:
    """A `Generator` without elements."""

    def __init__(self, model: StyleGAN2Generator, spec: ModelSpec, weights: str, device: str = "cpu") -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights = spec, weights

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed; z is the first draw of np.random.RandomState(seed)."""
        seed = check_seed(seed)
        if not 0.0 <= truncation <= 1.0:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        z, _ = self.model.latents_of_seeds([seed])
        return Scene(
            self.spec.name, self.weights, Layout(), Latent(seed, truncation, z.cpu(), torch.zeros(0))
        )

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1]; `preview` changes nothing here."""
        return self.render_batch([scene])[0]

    @torch.no_grad()
    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); the scenes must share one truncation."""
        truncations = {s.latent.truncation for s in scenes}
        if len(truncations) != 1:
            raise ValueError("scenes of different truncation cannot be rendered in one batch")
        for scene in scenes:
            if scene.model != self.spec.name:
                raise ValueError(f"this scene was made for the model '{scene.model}', not '{self.spec.name}'")
        _, noise = self.model.latents_of_seeds([s.latent.seed for s in scenes])
        z = torch.cat([s.latent.rows for s in scenes]).to(noise[0].device)
        return self.model(z, noise, truncations.pop()).float().clamp(-1, 1).cpu()


def stylegan2_config(data: dict) -> StyleGAN2Config:
    """From config.json; ValueError when it describes something else."""
    if data.get("kind") != "stylegan2":
        raise ValueError(f"config.json describes '{data.get('kind')}', this loader reads 'stylegan2'")
    try:
        channels = {int(side): int(width) for side, width in data["channels"]}
        rest = {name: int(data[name]) for name in ("resolution", "z_dim", "w_dim", "mapping_layers")}
    except (KeyError, TypeError) as error:
        raise ValueError(f"config.json is incomplete: {error}") from error
    return StyleGAN2Config(channels=channels, **rest)


def load_stylegan2(spec: ModelSpec, device: str = "cpu") -> StyleGAN2Scenes:
    """From a checkpoint folder, after the strict check of `checkpoints.load`."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(spec.folder, lambda c: StyleGAN2Generator(stylegan2_config(c)), device)
    assert isinstance(model, StyleGAN2Generator)
    return StyleGAN2Scenes(model, spec, weights, device)
