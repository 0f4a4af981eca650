"""GANformer behind the generator contract: pictures from seeds, with nothing to move yet.

Scenes have the empty `Layout`; the rows of the latent are z, the local latents and then the global one; the
noise of every layer comes from the scene's seed, or from the checkpoint when that has its own."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.ganformer.config import GANformerConfig, config_from_json
from spatial_edit.generators.ganformer.model import GANformer
from spatial_edit.layouts import Latent, Layout, Scene
from spatial_edit.seeds import check_seed


class GANformerScenes:
    """A `Generator` without elements."""

    def __init__(self, model: GANformer, spec: ModelSpec, weights: str, device: str = "cpu") -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights = spec, weights

    @classmethod
    def tiny(cls, seed: int = 0) -> GANformerScenes:
        """For tests: random weights of `GANformerConfig.tiny`, noise and mean included."""
        config = GANformerConfig.tiny()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = GANformer(config)
        model.measure_mean(64, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith("noise_strength"):
                    parameter.fill_(0.1)
        spec = ModelSpec(
            name="ganformer-tiny",
            number=255,
            family="ganformer",
            title="Random weights",
            kind="",
            resolution=config.resolution,
            licence="MIT",
            training_data="none",
            folder=None,
        )
        return cls(model, spec, f"{seed:016x}")

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed; z is the first draw of np.random.RandomState(seed)."""
        seed = check_seed(seed)
        if not 0.0 <= truncation <= 1.0:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        z, _ = self.model.latents_of_seeds([seed])
        latent = Latent(seed, truncation, z[0].cpu(), torch.zeros(0))
        return Scene(self.spec.name, self.weights, Layout(), latent)

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1]; `preview` changes nothing here."""
        return self.render_batch([scene])[0]

    @torch.no_grad()
    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); the scenes must share one truncation."""
        truncations = {s.latent.truncation for s in scenes}
        if len(truncations) != 1:
            raise ValueError("scenes of different truncation cannot be rendered in one batch")
        z, noise = self._inputs(scenes)
        return self.model(z, noise, truncations.pop()).float().clamp(-1, 1).cpu()

    @torch.no_grad()
    def attention(self, scene: Scene) -> tuple[Tensor | None, ...]:
        """What each layer's pixels look at: (heads, side, side, components), or None, layer by layer."""
        z, noise = self._inputs([scene])
        maps = self.model.draw(z, noise, scene.latent.truncation).maps
        return tuple(None if m is None else m[0].cpu() for m in maps)

    def _inputs(self, scenes: list[Scene]) -> tuple[Tensor, list[Tensor]]:
        shape = (self.model.config.components + 1, self.model.config.z_dim)
        for scene in scenes:
            if scene.model != self.spec.name:
                raise ValueError(f"this scene was made for the model '{scene.model}', not '{self.spec.name}'")
            if tuple(scene.latent.rows.shape) != shape:
                raise ValueError(
                    f"this scene's latents have shape {tuple(scene.latent.rows.shape)}, the model takes "
                    f"{shape}: it was made with other weights"
                )
        _, noise = self.model.latents_of_seeds([s.latent.seed for s in scenes])
        return torch.stack([s.latent.rows for s in scenes]).to(noise[0]), noise


def load_ganformer(spec: ModelSpec, device: str = "cpu") -> GANformerScenes:
    """From a checkpoint folder, after the strict check of `checkpoints.load`."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(spec.folder, lambda c: GANformer(config_from_json(c)), device)
    assert isinstance(model, GANformer)
    return GANformerScenes(model, spec, weights, device)
