"""StyleGAN2 behind the generator contract: pictures from seeds, without a layout to move.

Its scenes have the empty `Layout`. A seed's scene has z as the only row of its latent, a parsed photo's and a
dragged one's the codes of all layers (w+), one a row. The noise of every layer comes from the scene's seed,
or from the checkpoint where that has noise of its own; so does the class of a model that draws several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.delta import paint_adapted
from spatial_edit.generators.dragging import Space
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator, config_from_json
from spatial_edit.generators.stylegan2_dragging import StyleGAN2Dragging
from spatial_edit.layouts import Latent, Layout, Scene
from spatial_edit.seeds import check_seed


class StyleGAN2Scenes:
    """A `Generator` without elements."""

    def __init__(self, model: StyleGAN2Generator, spec: ModelSpec, weights: str, device: str = "cpu") -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights, self.device = spec, weights, torch.device(device)

    @classmethod
    def tiny(cls, seed: int = 0) -> StyleGAN2Scenes:
        """Random weights, 32 px, fewer than 50,000 parameters: for tests."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = StyleGAN2Generator(StyleGAN2Config.tiny())
            model.measure_mean(256, torch.Generator().manual_seed(seed))
        spec = ModelSpec(
            name="stylegan2-tiny",
            number=249,
            family="stylegan2",
            title="Random pictures (for tests)",
            kind="",
            resolution=model.config.resolution,
            licence="MIT",
            training_data="none: random weights",
            folder=None,
        )
        return cls(model, spec, f"{seed:016x}")

    @property
    def z_dim(self) -> int:
        return self.model.config.z_dim

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
        """(B, 3, H, W); the scenes must share one delta (or have none)."""
        codes = torch.cat([self.codes_of(scene) for scene in scenes])
        noise = self._noise([scene.latent.seed for scene in scenes])
        return coloured(paint_adapted(self.model.synthesis, scenes, (codes, noise)))

    # what parsing and dragging need: codes in, pictures out, with gradients

    def codes_of(self, scene: Scene) -> Tensor:
        """(1, num_codes, w_dim) the codes of all layers. ValueError for a scene of another model and for rows
        of another shape."""
        if scene.model != self.spec.name:
            raise ValueError(f"this scene was made for the model '{scene.model}', not '{self.spec.name}'")
        rows, config, count = scene.latent.rows, self.model.config, self.model.synthesis.num_codes
        if scene.provenance.kind in ("photo", "drag"):
            if rows.shape != (count, config.w_dim):
                raise ValueError(
                    f"this scene has codes {tuple(rows.shape)}, the model '{self.spec.name}' takes "
                    f"{(count, config.w_dim)}: parse the photo or drag the points again"
                )
            return rows[None].to(self.device)
        if rows.shape != (1, config.z_dim):
            raise ValueError(f"this scene has rows {tuple(rows.shape)}: make it again from its seed")
        return self.repeated(self.mapped(rows, scene.latent.truncation, [scene.latent.seed]))

    def mapped(self, z: Tensor, truncation: float = 0.0, seeds: Sequence[int] = (0,)) -> Tensor:
        """(B, w_dim) of z (B, z_dim); of a model with classes, each of the class of its seed (one for all, or
        one a z)."""
        labels = self.model.labels_of_seeds(seeds)
        if labels is not None:
            labels = labels.expand(len(z), -1)
        return self.model.codes(z.to(self.device), truncation, labels)

    def repeated(self, w: Tensor) -> Tensor:
        """(B, num_codes, w_dim) of one code (B, w_dim) a picture."""
        return w[:, None].expand(-1, self.model.synthesis.num_codes, -1)

    def mean_code(self) -> Tensor:
        """(w_dim,) the mean of w."""
        return self.model.w_mean

    def noise_of(self, scene: Scene) -> list[Tensor]:
        """The noise of every layer in the scene's picture."""
        return self._noise([scene.latent.seed])

    def paint(self, codes: Tensor) -> Tensor:
        """(B, 3, H, W), not clamped, of codes (B, num_codes, w_dim) with the noise of seed 0."""
        return coloured(self.model.synthesis(codes, self._noise([0])))

    def dragging(self, scene: Scene, space: Space = "w+") -> StyleGAN2Dragging:
        """The scene, open to be dragged by its points (`generators.dragging`)."""
        return StyleGAN2Dragging(self, scene, space)

    def _noise(self, seeds: Sequence[int]) -> list[Tensor]:
        return self.model.latents_of_seeds(seeds)[1]


def coloured(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) of pictures in any number of channels: grey ones three times, none but the first three."""
    return pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures[:, :3]


def load_stylegan2(spec: ModelSpec, device: str = "cpu") -> StyleGAN2Scenes:
    """From a checkpoint folder, after the strict check of `checkpoints.load`."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(spec.folder, lambda c: StyleGAN2Generator(config_from_json(c)), device)
    assert isinstance(model, StyleGAN2Generator)
    return StyleGAN2Scenes(model, spec, weights, device)
