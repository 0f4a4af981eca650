"""Box3D behind the generator contract: seeds to scenes, scenes to pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.generators.box3d.maps import Maps, draw_maps
from spatial_edit.generators.box3d.model import RoomsBox3D, RoomsConfig
from spatial_edit.generators.box3d.parts import BACKGROUND, ROW, BoxBatch, Parts
from spatial_edit.generators.box3d.tiny import imitate_rooms, tiny_config
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.delta import paint_adapted
from spatial_edit.layouts import Boxes3D, Latent, Scene
from spatial_edit.layouts.boxes3d import (
    CAMERA_RANGE,
    CENTRE_RANGE_3D,
    CLASS_ID,
    CLASSES,
    HALF_RANGE,
    LIGHT_RANGE,
    MAX_BOXES,
    ROOM_RANGE,
)
from spatial_edit.seeds import normal

SAMPLES, PREVIEW_SAMPLES = 2, 1  # sub-pixels a side


class Box3DGenerator:
    """A `Generator` of rooms. Renders in float32 with 2 x 2 rays a pixel; `preview=True` takes one ray a
    pixel, light at every second one, and bfloat16: edges are jagged and shadows soft."""

    def __init__(self, model: RoomsBox3D, spec: ModelSpec, weights: str, device: str = "cpu") -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights, self.device = spec, weights, torch.device(device)

    @classmethod
    def tiny(cls, seed: int = 0) -> Box3DGenerator:
        """Random weights, 32 px, fewer than 50,000 parameters: for tests."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = RoomsBox3D(tiny_config())
            imitate_rooms(model)
        spec = ModelSpec(
            name="box3d-tiny",
            number=251,
            family="box3d",
            title="A plain room (for tests)",
            kind="boxes3d",
            resolution=model.config.decoder.resolution,
            licence="MIT",
            training_data="none: random weights",
            folder=None,
            max_elements=MAX_BOXES,
        )
        return cls(model, spec, f"{seed + 1:016x}")

    @torch.no_grad()
    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed. Draw order from np.random.RandomState(seed): z, standard normal, one number a
        component."""
        if not 0.0 <= truncation <= 1.0:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        z = self.noise([seed])
        return self.scene_of(self.model.sample(z, truncation), 0, seed, truncation)

    @torch.no_grad()
    def sample_batch(self, seeds: list[int]) -> list[Scene]:
        """The scenes of many seeds without truncation, in one pass: equal to `sample` up to rounding, so for
        measuring, not for links."""
        rooms = self.model.sample(self.noise(seeds))
        return [self.scene_of(rooms, i, seed, 0.0) for i, seed in enumerate(seeds)]

    def noise(self, seeds: list[int]) -> Tensor:
        """(B, components) z of seeds."""
        count = self.model.config.flow.components
        return torch.cat([normal(seed, (1, count)) for seed in seeds]).to(self.device)

    def latent_of(self, rooms: BoxBatch, index: int, seed: int, truncation: float) -> Latent:
        """Rows of the sampled slots, then the bank of styles; the surfaces' textures as background."""
        rows = torch.cat([rooms.rows[index], self.model.bank[..., :ROW].flatten(0, 1)])
        return Latent(seed, truncation, rows.float().cpu(), rooms.background[index].float().cpu())

    def scene_of(self, rooms: BoxBatch, index: int, seed: int, truncation: float) -> Scene:
        """One room of a batch with all 26 slots as a Scene on the CPU, elements numbered in slot order."""
        there = rooms.exists[index].nonzero().flatten()
        layout = layout_of(rooms.at(index), there.tolist())
        return Scene(self.spec.name, self.weights, layout, self.latent_of(rooms, index, seed, truncation))

    @torch.no_grad()
    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1] on the CPU."""
        if preview:
            return self._paint([scene], torch.bfloat16, PREVIEW_SAMPLES)[0]
        return self._paint([scene], torch.float32, SAMPLES)[0]

    @torch.no_grad()
    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); the scenes must share one delta (or have none)."""
        return self._paint(scenes, torch.float32, SAMPLES)

    def _paint(self, scenes: list[Scene], dtype: torch.dtype, samples: int) -> Tensor:
        batch, parts, maps = self.inputs(scenes, samples)
        return paint_adapted(self.model.decoder, scenes, (batch, parts, maps, dtype))

    def inputs(self, scenes: list[Scene], samples: int = SAMPLES) -> tuple[BoxBatch, Parts, Maps]:
        """What the decoder reads: hidden elements left out, shorter layouts padded with absent boxes."""
        batch = self.batch_of(scenes)
        parts, maps = draw_maps(
            batch, self.model.config.decoder.resolution, samples, coarse_light=samples == PREVIEW_SAMPLES
        )
        return batch, parts, maps

    def batch_of(self, scenes: list[Scene]) -> BoxBatch:
        """The scenes as a batch; ValueError for a scene that does not belong to this model."""
        layouts = [self.checked(scene) for scene in scenes]
        most = max(1, *(len(layout) for layout in layouts))
        rooms = [_batch(layout, s.latent, most) for layout, s in zip(layouts, scenes, strict=True)]
        return BoxBatch(*(torch.cat(values).to(self.device) for values in zip(*rooms, strict=True)))

    def checked(self, scene: Scene) -> Boxes3D:
        """The scene's visible layout; ValueError when the scene does not belong to this model."""
        layout, latent = scene.layout, scene.latent
        if scene.model != self.spec.name or not isinstance(layout, Boxes3D):
            raise ValueError(f"this scene was made for the model '{scene.model}', not for '{self.spec.name}'")
        if latent.rows.shape[1:] != (ROW,) or latent.background.shape != (BACKGROUND,):
            raise ValueError(
                f"the scene's appearance does not fit '{self.spec.name}': it was made with other weights"
            )
        if layout.rows and max(layout.rows) >= len(latent.rows):
            raise ValueError(
                f"an element asks for appearance {max(layout.rows)}, the scene has {len(latent.rows)}"
            )
        unknown = [name for name in layout.classes if name not in CLASS_ID]
        if unknown:
            raise ValueError(f"there is no furniture called {unknown[0][:40]!r}")
        return layout.visible()


def layout_of(room: BoxBatch, elements: list[int], rows: list[int] | None = None) -> Boxes3D:
    """The layout of chosen boxes of one room (a batch of one), every number within its range."""

    def within(values: Tensor, ranges: tuple[tuple[float, float], ...]) -> Tensor:
        low, high = (torch.tensor([r[i] for r in ranges]) for i in (0, 1))
        return torch.minimum(torch.maximum(values.detach().float().cpu(), low), high)

    index = torch.tensor(elements, dtype=torch.long, device=room.room.device)
    return Boxes3D(
        room=within(room.room[0], ROOM_RANGE),
        camera=within(room.camera[0], CAMERA_RANGE),
        surfaces=room.surfaces[0].detach().float().cpu().clamp(0, 1),
        lights=room.lights[0].detach().float().cpu().clamp(*LIGHT_RANGE),
        centres=room.centres[0, index].detach().float().cpu().clamp(*CENTRE_RANGE_3D),
        halves=room.halves[0, index].detach().float().cpu().clamp(*HALF_RANGE),
        colours=room.colours[0, index].detach().float().cpu().clamp(0, 1),
        classes=tuple(CLASSES[int(c)] for c in room.classes[0, index]),
        facings=tuple(int(f) for f in room.facings[0, index]),
        ids=tuple(range(len(elements))),
        rows=tuple(elements if rows is None else rows),
    )


def _batch(layout: Boxes3D, latent: Latent, most: int) -> BoxBatch:
    """A batch of one room with `most` boxes, the last ones absent."""
    count = len(layout)
    missing = most - count

    def pad(values: Tensor, fill: float = 0.0) -> Tensor:
        return torch.cat([values, values.new_full((missing, *values.shape[1:]), fill)])[None]

    rows = latent.rows[torch.tensor(layout.rows, dtype=torch.long)]
    classes = torch.tensor([CLASS_ID[name] for name in layout.classes], dtype=torch.long)
    return BoxBatch(
        layout.room[None],
        layout.camera[None],
        layout.surfaces[None],
        layout.lights[None],
        latent.background[None],
        pad(torch.ones(count, dtype=torch.bool), 0),
        pad(classes),
        pad(torch.tensor(layout.facings, dtype=torch.long)),
        pad(layout.centres.reshape(-1, 3)),
        pad(layout.halves.reshape(-1, 3), 0.1),
        pad(layout.colours.reshape(-1, 3)),
        pad(rows),
    )


def load_box3d(spec: ModelSpec, device: str = "cpu") -> Box3DGenerator:
    """From a checkpoint folder, through accelerate, after the strict check of `checkpoints.load`."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(Path(spec.folder), lambda c: RoomsBox3D(RoomsConfig.from_dict(c)), device)
    assert isinstance(model, RoomsBox3D)
    return Box3DGenerator(model, replace(spec, folder=spec.folder), weights, device)
