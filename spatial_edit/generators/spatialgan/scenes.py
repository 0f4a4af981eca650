"""SpatialGAN behind the generator contract: a seed gives an appearance and a heatmap, whose centres can be
moved, widened, hidden, and shown with other seeds' appearances.

What a scene's latent holds:

                  a seed's scene                       after a drag, or of a photo
    hierarchy     rows: z (1, z_dim)                   rows: codes (num_codes, w_dim)
    objects       rows: latents (n, object_dim),       rows: codes, then the objects' (num_codes + n, w_dim)
                  background: z (z_dim,)

Centres are numbered level after level and keep their channels of the network (`channels`); a hidden centre
has height 0. Truncation acts on z's code alone. The order of draws is in `draws`, that of the layout in
`prior`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.contract import HIERARCHY_OPS, OBJECT_OPS, ModelSpec
from spatial_edit.generators.delta import paint_adapted
from spatial_edit.generators.dragging import Space
from spatial_edit.generators.spatialgan.channels import channels, check_one_look
from spatial_edit.generators.spatialgan.config_json import config_from_json
from spatial_edit.generators.spatialgan.dragging import SpatialGANDragging
from spatial_edit.generators.spatialgan.draws import draws_of_seed
from spatial_edit.generators.spatialgan.kept import Kept, content
from spatial_edit.generators.spatialgan.levels import Centres, Levels, on, stacked
from spatial_edit.generators.spatialgan.network import EncodedHeat, SpatialConfig, SpatialGAN
from spatial_edit.generators.spatialgan.prior import Table
from spatial_edit.layouts import Latent, Scene
from spatial_edit.layouts.heatmaps import CENTRE_RANGE, SIGMA_RANGE, Heatmaps
from spatial_edit.nn.stylegan2 import BlockOutput
from spatial_edit.seeds import check_seed

KEPT_MAPS, KEPT_CODES, KEPT_NOISE = 8, 32, 8


class Inputs(NamedTuple):
    """What the synthesis network takes for B scenes."""

    codes: Tensor  # (B, num_codes, w_dim)
    levels: Levels
    noise: list[Tensor]  # (B, 1, r, r) one a layer
    objects: Tensor | None  # (B, n, w_dim), with `indoor`


class SpatialGANScenes:
    """A `Generator` of scenes of heatmap centres."""

    def __init__(self, model: SpatialGAN, spec: ModelSpec, weights: str, device: str = "cpu") -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights, self.device = spec, weights, torch.device(device)
        self._maps: Kept[EncodedHeat] = Kept(KEPT_MAPS)
        self._codes: Kept[tuple[Tensor, Tensor | None]] = Kept(KEPT_CODES)
        self._noise: Kept[list[Tensor]] = Kept(KEPT_NOISE)

    @classmethod
    def tiny(cls, seed: int = 0, *, objects: bool = False) -> SpatialGANScenes:
        """Random weights, 32 px, fewer than 50,000 parameters: for tests. objects: three, each with a style
        code of its own, instead of a hierarchy of 1, 2 and 4 centres."""
        config = _TINY_OBJECTS if objects else _TINY
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = SpatialGAN(config)
            model.w_mean.copy_(torch.randn(config.w_dim) * 0.3)
            for name, parameter in model.synthesis.named_parameters():
                if name.endswith("noise_strength"):  # zero before training
                    parameter.data.fill_(0.1)
                if name.startswith("rgbs") and name.endswith("conv.weight"):
                    parameter.data.mul_(0.1 if objects else 0.5)  # most of the picture within [-1, 1]
            if isinstance(config.prior, Table):
                table = torch.rand(config.prior.rows, config.centres[0], 4)
                table[..., 0] = (table[..., 0] > 0.2).float()
                table[..., 3] = 0.1 + 0.1 * table[..., 3]
                model.layout_table.copy_(table)
        name = "spatialgan-objects-tiny" if objects else "spatialgan-tiny"
        spec = ModelSpec(
            name=name,
            number=247 if objects else 248,
            family="spatialgan",
            title="Random heatmaps (for tests)",
            kind="heatmaps",
            resolution=config.resolution,
            licence="MIT",
            training_data="none: random weights",
            folder=None,
            max_elements=sum(config.centres),
            edits=OBJECT_OPS if objects else HIERARCHY_OPS,
        )
        return cls(model, spec, f"{seed:016x}")

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed. Order of draws: `draws_of_seed`."""
        seed = check_seed(seed)
        if not 0.0 <= truncation <= 1.0:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        drawn = draws_of_seed(self.model, seed, noise=False)
        if self.model.config.indoor:
            latent = Latent(seed, truncation, drawn.latents, drawn.z[0])
        else:
            latent = Latent(seed, truncation, drawn.z, torch.zeros(0))
        return Scene(self.spec.name, self.weights, to_layout(drawn.levels), latent)

    @torch.no_grad()
    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1]; `preview` changes nothing here. What depends on the heatmap alone is
        kept while the code changes, and the other way round."""
        if scene.delta:
            return self.render_batch([scene])[0]
        codes, heat, noise, objects = self._kept_inputs(scene)
        return self.model.synthesis(codes, heat, noise, objects)[0].float().clamp(-1, 1).cpu()

    @torch.no_grad()
    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); the scenes must share one delta (or have none). Nothing is kept."""
        codes, levels, noise, objects = self.inputs(scenes)
        return paint_adapted(self.model.synthesis, scenes, (codes, levels, noise, objects))

    def blocks(self, scene: Scene) -> Iterator[BlockOutput]:
        """The picture of a scene side by side from 4 upwards, each computed when it is asked for."""
        codes, levels, noise, objects = self.inputs([scene])
        return self.model.synthesis.blocks(codes, noise, self.model.synthesis.encode(levels), objects)

    def inputs(self, scenes: list[Scene]) -> Inputs:
        """What the network takes for scenes; gradients flow to centres, sigmas, rows and backgrounds.

        ValueError for a scene of another model or shape, and for more centres than the network takes."""
        levels = [self.levels_of(scene) for scene in scenes]
        coded = [self.codes_of(scene, own) for scene, own in zip(scenes, levels, strict=True)]
        objects = [own for _, own in coded if own is not None]
        noise = [self.noise_of(scene) for scene in scenes]
        return Inputs(
            torch.cat([codes for codes, _ in coded]),
            stacked(levels),
            [torch.cat(parts) for parts in zip(*noise, strict=True)],
            torch.cat(objects) if objects else None,
        )

    def levels_of(self, scene: Scene) -> Levels:
        """The scene's heatmap (B = 1)."""
        if scene.model != self.spec.name or not isinstance(scene.layout, Heatmaps):
            raise ValueError(f"this scene was made for the model '{scene.model}', not '{self.spec.name}'")
        if not self.model.config.indoor:
            check_one_look(scene.layout, self.spec.name)
        return on(from_layout(scene.layout, self.model.config.centres), self.device)

    def codes_of(self, scene: Scene, levels: Levels) -> tuple[Tensor, Tensor | None]:
        """The codes of all layers (1, num_codes, w_dim), and those of the objects (1, n, w_dim), if any."""
        model, count, layout = self.model, self.model.synthesis.num_codes, scene.layout
        assert isinstance(layout, Heatmaps)
        rows, background = self._checked(scene)
        if layout.appearance is not None:
            palette = scene.latent.palette(layout.appearance)
            rows, background = palette.rows, palette.background
        if layout.appearance is None and scene.provenance.kind != "seed":
            codes, objects = rows[None, :count].to(self.device), rows[None, count:].to(self.device)
        else:
            z = background[None] if model.config.indoor else rows
            truncation = scene.latent.truncation
            if truncation and not model.w_mean.any():
                raise ValueError("truncation needs the mean code, which these weights lack: use truncation 0")
            w = model.codes(z.to(self.device), levels, truncation)
            codes = w[:, None].expand(-1, count, -1)
            objects = model.object_codes(rows[None].to(self.device)) if model.config.indoor else rows[:0]
        return codes, self._with_looks(scene, objects) if model.config.indoor else None

    def noise_of(self, scene: Scene) -> list[Tensor]:
        """(1, 1, r, r) one a layer, on the model's device."""
        layout, seed = scene.layout, scene.latent.seed
        if isinstance(layout, Heatmaps) and layout.noise and layout.appearance is not None:
            seed = layout.appearance
        return self._noise.get(
            seed, lambda: [n.to(self.device) for n in draws_of_seed(self.model, seed).noise]
        )

    def dragging(self, scene: Scene, space: Space = "w+") -> SpatialGANDragging:
        """The scene, open to be dragged by its points (`generators.dragging`)."""
        return SpatialGANDragging(self, scene, space)

    def _checked(self, scene: Scene) -> tuple[Tensor, Tensor]:
        """Rows and background; ValueError unless they are those of this network."""
        config, latent = self.model.config, scene.latent
        n, count = config.centres[0], self.model.synthesis.num_codes
        if scene.provenance.kind != "seed":
            wanted = ((count + n if config.indoor else count, config.w_dim), (0,))
        elif config.indoor:
            wanted = ((n, config.object_dim), (config.z_dim,))
        else:
            wanted = ((1, config.z_dim), (0,))
        if (tuple(latent.rows.shape), tuple(latent.background.shape)) != wanted:
            raise ValueError(
                f"this scene has rows {tuple(latent.rows.shape)}, '{self.spec.name}' takes {wanted[0]}: make "
                "it again from its seed or photo"
            )
        return latent.rows, latent.background

    def _with_looks(self, scene: Scene, objects: Tensor) -> Tensor:
        """The objects' codes with those of the seeds that the layout names."""
        assert isinstance(scene.layout, Heatmaps)
        looks = scene.layout.looks
        for channel, at in enumerate(channels(scene.layout, self.model.config.centres)[0]):
            seed = None if at is None else looks[at]
            if seed is None:
                continue
            latents = scene.latent.palette(seed).rows[None].to(self.device)
            other = self.model.object_codes(latents)[:, channel : channel + 1]
            objects = torch.cat([objects[:, :channel], other, objects[:, channel + 1 :]], 1)
        return objects

    def _kept_inputs(self, scene: Scene) -> tuple[Tensor, EncodedHeat, list[Tensor], Tensor | None]:
        """The inputs of one scene, each part from the last few where it is there."""
        levels = self.levels_of(scene)
        layout, latent = scene.layout, scene.latent
        assert isinstance(layout, Heatmaps)
        maps = tuple(content(t) for level in levels for t in (level.centres, level.sigmas, level.heights))
        heat = self._maps.get(maps, lambda: self.model.synthesis.encode(levels))
        key = (
            content(latent.rows),
            content(latent.background),
            latent.truncation,
            scene.provenance.kind,
            layout.appearance,
            # looks belong to channels, which ids and levels decide
            (layout.looks, layout.ids, layout.levels) if any(s is not None for s in layout.looks) else (),
            tuple((p.seed, content(p.rows), content(p.background)) for p in latent.palettes),
            maps if self.model.config.encoding == "flatten" else (),
        )
        codes, objects = self._codes.get(key, lambda: self.codes_of(scene, levels))
        return codes, heat, self.noise_of(scene), objects


_TINY = SpatialConfig(
    resolution=32,
    channels={4: 16, 8: 16, 16: 16, 32: 8},
    z_dim=8,
    w_dim=16,
    mapping_layers=2,
    hidden=4,
)
_TINY_OBJECTS = replace(_TINY, centres=(3,), indoor=True, object_dim=6, prior=Table(rows=16))


def to_layout(levels: Levels) -> Heatmaps:
    """The first picture of a batch of levels as a layout; centres of height 0 are hidden."""
    numbers = [i for i, level in enumerate(levels) for _ in range(level.centres.shape[1])]
    return Heatmaps(
        torch.cat([level.centres[0] for level in levels]).clamp(*CENTRE_RANGE),
        torch.cat([level.sigmas[0] for level in levels]).clamp(*SIGMA_RANGE),
        tuple(numbers),
        ids=tuple(range(len(numbers))),
        hidden=tuple(height <= 0 for level in levels for height in level.heights[0].tolist()),
    )


def from_layout(layout: Heatmaps, counts: tuple[int, ...]) -> Levels:
    """The levels (B = 1) of a layout for a network that takes `counts` centres a level; those that are hidden
    or not there have height 0. ValueError for more centres on a level, or a level that it lacks."""
    middle, one = layout.centres.new_full((2,), 0.5), layout.sigmas.new_ones(())
    levels = []
    for places in channels(layout, counts):
        heights = torch.tensor([0.0 if at is None or layout.hidden[at] else 1.0 for at in places])
        levels.append(
            Centres(
                torch.stack([middle if at is None else layout.centres[at] for at in places])[None],
                torch.stack([one if at is None else layout.sigmas[at] for at in places])[None],
                heights[None],
            )
        )
    return tuple(levels)


def load_spatialgan(spec: ModelSpec, device: str = "cpu") -> SpatialGANScenes:
    """From a checkpoint folder, after the strict check of `checkpoints.load`."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(spec.folder, lambda c: SpatialGAN(config_from_json(c)), device)
    assert isinstance(model, SpatialGAN)
    taken = sum(model.config.centres)
    return SpatialGANScenes(model, replace(spec, max_elements=min(spec.max_elements, taken)), weights, device)
