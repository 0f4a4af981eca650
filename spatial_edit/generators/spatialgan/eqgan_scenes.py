"""EqGAN-SA behind the generator contract: a seed gives a code and a heatmap, whose centres can be moved.

The layout's frame and the network's, for a picture of R pixels a side:

    layout   x, y in [0, 1], pixel k at (k + 1/2) / R; sigma: a standard deviation in fractions of the side
    network  (y, x) in [-1, 1], pixel k at 2 k / (R - 1) - 1; spread: what divides the squared distance

    x = ((v + 1) / 2 * (R - 1) + 1/2) / R        sigma = (R - 1) / R * sqrt(spread / 8)

Centres have the numbers 0 (level 0), 1 and 2 (level 1), 3 to 6 (level 2), and each keeps its own channel of
the network while others come and go. A hidden centre is as one infinitely far away. Truncation acts on the
code alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.generators.contract import HIERARCHY_OPS, ModelSpec
from spatial_edit.generators.delta import paint_adapted
from spatial_edit.generators.dragging import Space
from spatial_edit.generators.spatialgan.channels import channels, check_one_look
from spatial_edit.generators.spatialgan.eqgan import EqGANConfig, EqGANGenerator
from spatial_edit.generators.spatialgan.eqgan_dragging import EqGANDragging
from spatial_edit.generators.spatialgan.heatmap import HeatmapLevel, stack_levels
from spatial_edit.layouts import Latent, Scene
from spatial_edit.layouts.heatmaps import CENTRE_RANGE, SIGMA_RANGE, Heatmaps
from spatial_edit.nn.stylegan2 import BlockOutput
from spatial_edit.seeds import check_seed


class EqGANScenes:
    """A `Generator` of scenes of heatmap centres."""

    def __init__(self, model: EqGANGenerator, spec: ModelSpec, weights: str, device: str = "cpu") -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights, self.device = spec, weights, torch.device(device)

    @classmethod
    def tiny(cls, seed: int = 0) -> EqGANScenes:
        """Random weights, 32 px, fewer than 50,000 parameters: for tests."""
        config = EqGANConfig.tiny()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = EqGANGenerator(config)
            model.w_mean.copy_(torch.randn(config.w_dim) * 0.3)
        spec = ModelSpec(
            name="eqgan-tiny",
            number=249,
            family="eqgan",
            title="Random heatmaps (for tests)",
            kind="heatmaps",
            resolution=config.resolution,
            licence="MIT",
            training_data="none: random weights",
            folder=None,
            max_elements=sum(config.centres),
            edits=HIERARCHY_OPS,
        )
        return cls(model, spec, f"{seed:016x}")

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed. Order of draws: `EqGANGenerator.draws_of_seeds`."""
        seed = check_seed(seed)
        if not 0.0 <= truncation <= 1.0:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        z, levels, _ = self.model.draws_of_seeds([seed])
        latent = Latent(seed, truncation, z.cpu(), torch.zeros(0))
        return Scene(self.spec.name, self.weights, to_layout(levels, self.spec.resolution), latent)

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1]; `preview` changes nothing here."""
        return self.render_batch([scene])[0]

    @torch.no_grad()
    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); the scenes must share one delta (or have none)."""
        codes, levels, noise = self.inputs(scenes)
        heat = self.model.synthesis.encode(self.model.maps(levels))
        return paint_adapted(self.model.synthesis, scenes, (codes, heat, noise))

    @torch.no_grad()
    def blocks(self, scene: Scene) -> Iterator[BlockOutput]:
        """The picture of a scene side by side from 4 upwards, each computed when it is asked for."""
        codes, levels, noise = self.inputs([scene])
        heat = self.model.synthesis.encode(self.model.maps(levels))
        yield from self.model.synthesis.blocks(codes, heat, noise)

    def inputs(self, scenes: list[Scene]) -> tuple[Tensor, tuple[HeatmapLevel, ...], list[Tensor]]:
        """Codes (B, w_dim) or (B, num_codes, w_dim), heatmap levels and noise of scenes; gradients flow to
        centres, sigmas and rows.

        ValueError for a scene of another model, and for more centres on a level than the network takes."""
        for scene in scenes:
            if scene.model != self.spec.name or not isinstance(scene.layout, Heatmaps):
                raise ValueError(f"this scene was made for the model '{scene.model}', not '{self.spec.name}'")
            config, count = self.model.config, self.model.synthesis.num_codes
            wanted = (1, config.z_dim) if scene.provenance.kind == "seed" else (count, config.w_dim)
            if scene.latent.rows.shape != wanted:
                raise ValueError(
                    f"this scene has rows {tuple(scene.latent.rows.shape)}, '{self.spec.name}' takes "
                    f"{wanted}: make it again from its seed"
                )
            check_one_look(scene.layout, self.spec.name)
        codes = [self.codes_of(scene) for scene in scenes]
        if len({c.dim() for c in codes}) > 1:
            codes = [c if c.dim() == 3 else c[:, None].expand(-1, count, -1) for c in codes]
        levels = stack_levels([self.levels_of(scene) for scene in scenes])
        noise = self.model.draws_of_seeds([_noise_seed(s) for s in scenes])[2]
        return torch.cat(codes), levels, noise

    def levels_of(self, scene: Scene) -> tuple[HeatmapLevel, ...]:
        """The scene's heatmap (B = 1); gradients flow to centres and sigmas."""
        assert isinstance(scene.layout, Heatmaps)
        levels = from_layout(scene.layout, self.model.config.centres, self.spec.resolution)
        return tuple(level.to(self.device) for level in levels)

    def codes_of(self, scene: Scene) -> Tensor:
        """(1, w_dim) of a seed's scene, (1, num_codes, w_dim) of one whose rows are the codes of all layers,
        for it was dragged by its points."""
        appearance = scene.layout.appearance if isinstance(scene.layout, Heatmaps) else None
        if scene.provenance.kind != "seed" and appearance is None:
            return scene.latent.rows[None].to(self.device)
        return self.model.codes(_z(scene).to(self.device), scene.latent.truncation)

    def dragging(self, scene: Scene, space: Space = "w+") -> EqGANDragging:
        """The scene, open to be dragged by its points (`generators.dragging`)."""
        return EqGANDragging(self, scene, space)


def _z(scene: Scene) -> Tensor:
    """(1, z_dim) the scene's own, or that of the seed whose appearance it has."""
    appearance = scene.layout.appearance if isinstance(scene.layout, Heatmaps) else None
    return scene.latent.rows if appearance is None else scene.latent.palette(appearance).rows


def _noise_seed(scene: Scene) -> int:
    layout = scene.layout
    other = layout.appearance if isinstance(layout, Heatmaps) and layout.noise else None
    return scene.latent.seed if other is None else other


def to_layout(levels: tuple[HeatmapLevel, ...], side: int) -> Heatmaps:
    """The first picture of a batch of levels as a layout; centres beyond its range come to its border."""
    centres = torch.cat([level.centres[0].flip(1) for level in levels])  # (K, 2) as x, y
    spreads = torch.cat([level.spreads[0] for level in levels])
    numbers = [i for i, level in enumerate(levels) for _ in range(level.centres.shape[1])]
    return Heatmaps(
        (((centres + 1) / 2 * (side - 1) + 0.5) / side).clamp(*CENTRE_RANGE),
        ((side - 1) / side * (spreads / 8).sqrt()).clamp(*SIGMA_RANGE),
        tuple(numbers),
        ids=tuple(range(len(numbers))),
    )


def from_layout(layout: Heatmaps, counts: tuple[int, ...], side: int) -> tuple[HeatmapLevel, ...]:
    """The levels (B = 1) of a layout for a network that takes `counts` centres a level; those that are hidden
    or not there have height 0. ValueError for more centres on a level, or a level that it lacks."""
    centres = ((layout.centres * side - 0.5) / (side - 1) * 2 - 1).flip(1)  # (K, 2) as y, x
    spreads = 8 * (layout.sigmas * (side / (side - 1))).square()
    levels = []
    for places in channels(layout, counts):
        present = torch.tensor([0.0 if at is None or layout.hidden[at] else 1.0 for at in places])
        zero, one = centres.new_zeros(2), spreads.new_ones(())
        levels.append(
            HeatmapLevel(
                torch.stack([zero if at is None else centres[at] for at in places])[None],
                torch.stack([one if at is None else spreads[at] for at in places])[None],
                present[None],
            )
        )
    return tuple(levels)


def load_eqgan(spec: ModelSpec, device: str = "cpu") -> EqGANScenes:
    """From a checkpoint folder, after the strict check of `checkpoints.load`."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(spec.folder, lambda c: EqGANGenerator(EqGANConfig.from_dict(c)), device)
    assert isinstance(model, EqGANGenerator)
    taken = sum(model.config.centres)
    return EqGANScenes(model, replace(spec, max_elements=min(spec.max_elements, taken)), weights, device)
