"""The rooms model behind the generator contract: seeds to scenes, scenes to pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.appearance import (
    background_of,
    mixes,
    paint_of,
    rows_of,
    slot_weights,
    surface_paints,
)
from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.dragging import CompactDragging
from spatial_edit.generators.blobgan.flow import FlowConfig
from spatial_edit.generators.blobgan.rooms import RoomsBlobGAN, RoomsConfig
from spatial_edit.generators.blobgan.shape import (
    SOFTNESS,
    BlobGeometry,
    local_coordinates,
    pixel_grid,
    signed_distance,
)
from spatial_edit.generators.blobgan.vector import SlotScene
from spatial_edit.generators.contract import SCENE_OPS, STYLE_OPS, ModelSpec, Paints
from spatial_edit.generators.delta import paint_adapted
from spatial_edit.generators.dragging import Space
from spatial_edit.layouts import Blobs, Latent, Scene
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, SIZE_RANGE
from spatial_edit.seeds import normal

TINY = CompactConfig(
    resolution=32,
    slots=6,
    code=4,
    background_code=4,
    feature=8,
    modulation=8,
    widths=((8, 12), (16, 12), (32, 8)),
    hidden=16,
    encoder_width=4,
)


class BlobGenerator:
    """A `Generator` of blob scenes. Renders in float32; `preview=True` uses bfloat16 (differences of about
    1/255)."""

    def __init__(self, model: RoomsBlobGAN, spec: ModelSpec, weights: str, device: str = "cpu") -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights, self.device = spec, weights, torch.device(device)

    @classmethod
    def tiny(cls, seed: int = 0) -> BlobGenerator:
        """Random weights, 32 px, six slots, fewer than 50,000 parameters: for tests."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            config = RoomsConfig(TINY, FlowConfig(components=12, hidden=24, blocks=2, steps=4), 4)
            model = RoomsBlobGAN(config)
            _imitate_statistics(model)
        spec = ModelSpec(
            name="blobgan-tiny",
            number=250,
            family="blobgan",
            title="Random blobs (for tests)",
            kind="blobs",
            resolution=TINY.resolution,
            licence="MIT",
            training_data="none: random weights",
            folder=None,
            row_names=tuple(f"blob {i}" for i in range(TINY.slots)),
            edits=STYLE_OPS + SCENE_OPS,
        )
        return cls(model, spec, f"{seed:016x}")

    @torch.no_grad()
    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed. Draw order from np.random.RandomState(seed): z, standard normal, one number a
        component."""
        if not 0.0 <= truncation <= 1.0:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        z = normal(seed, (1, self.model.config.flow.components))
        return self.scene_of(self.model.sample(z.to(self.device), truncation), 0, seed, truncation)

    @torch.no_grad()
    def sample_batch(self, seeds: list[int]) -> list[Scene]:
        """The scenes of many seeds without truncation, in one pass: equal to `sample` up to rounding, so for
        measuring, not for links."""
        z = torch.cat([normal(seed, (1, self.model.config.flow.components)) for seed in seeds])
        slots = self.model.sample(z.to(self.device))
        return [self.scene_of(slots, i, seed, 0.0) for i, seed in enumerate(seeds)]

    def scene_of(self, slots: SlotScene, index: int, seed: int, truncation: float) -> Scene:
        """One picture of a batch of slot scenes as a Scene on the CPU, numbered 0 .. n - 1 from far to
        near."""
        present = slots.present[index].nonzero().flatten()
        order = present[slots.distances[index][present].argsort(descending=True, stable=True)]
        pick = [t[index][order].detach().float().cpu() for t in slots[1:5]]
        layout = Blobs(
            pick[0].clamp(*CENTRE_RANGE),
            pick[1].clamp(*SIZE_RANGE),
            pick[2].clamp(*ASPECT_RANGE),
            pick[3],
            ids=tuple(range(len(order))),
            rows=tuple(int(i) for i in order),
        )
        latent = Latent(
            seed,
            truncation,
            slots.rows[index].detach().float().cpu(),
            slots.background[index].detach().float().cpu(),
        )
        return Scene(self.spec.name, self.weights, layout, latent)

    @torch.no_grad()
    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1] on the CPU."""
        dtype = torch.bfloat16 if preview else torch.float32
        return self._paint([scene], dtype)[0]

    @torch.no_grad()
    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); the scenes must share one delta (or have none)."""
        return self._paint(scenes, torch.float32)

    def _paint(self, scenes: list[Scene], dtype: torch.dtype) -> Tensor:
        geometry, rows, slots, background = self.inputs(scenes)
        arguments = (geometry, rows, slots, background, None, dtype)
        return paint_adapted(self.model.decoder, scenes, arguments)

    def inputs(self, scenes: list[Scene]) -> tuple[BlobGeometry, Tensor, Tensor, Tensor]:
        """The decoder's inputs for scenes: hidden elements left out, shorter layouts padded in front. Slots
        are numbers, or weights where an element of any scene is between two."""
        layouts = [self.checked(s) for s in scenes]
        count = max(len(layout) for layout in layouts)
        width = self.model.config.compact.slots if any(mixes(layout) for layout in layouts) else 0
        pairs = list(zip(layouts, (s.latent for s in scenes), strict=True))
        parts = [_padded(layout, latent, count, width) for layout, latent in pairs]
        stacked = [torch.stack(p).to(self.device) for p in zip(*parts, strict=True)]
        present, centres, sizes, aspects, angles, rows, slots = stacked
        background = torch.stack([background_of(layout, latent) for layout, latent in pairs]).to(self.device)
        planes = background[:, :15].unflatten(1, (5, 3))
        geometry = BlobGeometry(present, centres, sizes, aspects, angles, rows[..., :16], planes)
        return geometry, rows, slots, background

    def dragging(self, scene: Scene, space: Space = "w+") -> CompactDragging:
        """The scene, open to be dragged by its points (`generators.dragging`)."""
        return CompactDragging(self, scene)

    def checked(self, scene: Scene, *, hidden: bool = False) -> Blobs:
        """The scene's visible layout, or the whole; ValueError when it does not belong to this model."""
        layout, latent, config = scene.layout, scene.latent, self.model.config.compact
        if scene.model != self.spec.name or not isinstance(layout, Blobs):
            raise ValueError(f"this scene was made for the model '{scene.model}', not for '{self.spec.name}'")
        if latent.rows.shape[1:] != (config.row,) or latent.background.shape != (config.background,):
            raise ValueError(
                f"the scene's appearance does not fit '{self.spec.name}': it was made with other weights"
            )
        if layout.rows and max(layout.rows) >= len(latent.rows):
            raise ValueError(
                f"an element asks for appearance {max(layout.rows)}, the scene has {len(latent.rows)}"
            )
        return layout if hidden else layout.visible()

    @torch.no_grad()
    def paints(self, scene: Scene) -> Paints:
        """The colours of all elements, hidden ones too, and of the surfaces."""
        layout = self.checked(scene, hidden=True)
        rows, background = rows_of(layout, scene.latent), background_of(layout, scene.latent)
        return Paints(tuple(paint_of(row) for row in rows), surface_paints(background))

    @torch.no_grad()
    def opacities(self, scenes: list[Scene], resolution: int) -> list[Tensor]:
        """For each scene (K, R, R): the opacity of each visible element in depth order, before
        compositing."""
        out = []
        for scene in scenes:
            geometry, *_ = self.inputs([scene])
            x, y = pixel_grid(resolution, self.device)
            distance = signed_distance(geometry, *local_coordinates(geometry, x, y))
            opacity = torch.sigmoid(distance / SOFTNESS) * geometry.present[..., None]
            out.append(opacity[0].unflatten(-1, (resolution, resolution)).cpu())
        return out


def _padded(layout: Blobs, latent: Latent, count: int, slots: int) -> tuple[Tensor, ...]:
    """One layout's decoder inputs with `count` elements, the missing ones in front and absent; the slots as
    (count, slots) weights, or as numbers where `slots` is 0."""
    missing = count - len(layout)
    numbers = torch.tensor(layout.rows, dtype=torch.long) % latent.rows.shape[0]

    def pad(values: Tensor, fill: float) -> Tensor:
        return torch.cat([values.new_full((missing, *values.shape[1:]), fill), values])

    return (
        pad(torch.tensor(layout.opacities, dtype=torch.float32), 0.0),
        pad(layout.centres, 0.5),
        pad(layout.sizes, 0.1),
        pad(layout.aspects, 1.0),
        pad(layout.angles, 0.0),
        pad(rows_of(layout, latent), 1.0),
        pad(slot_weights(layout, latent, slots) if slots else numbers, 0),
    )


def _imitate_statistics(model: RoomsBlobGAN) -> None:
    """Give a random model scene vectors that look like layouts: blobs of middling size, spread over the
    picture."""
    flow, config = model.flow, model.config.compact
    width = len(flow.mean) - config.background
    per_slot = width // config.slots
    slots = flow.mean[:width].view(config.slots, per_slot)
    slots[:, 0] = 0.6
    slots[:, 1:3] = torch.rand(config.slots, 2) * 0.7 + 0.15
    slots[:, 3] = -2.0
    slots[:, 6] = torch.linspace(0.2, 1.8, config.slots)
    flow.mean[width : width + 15] = torch.tensor([0, 1, -0.6, 0, -1, 0.4, 0, 0, 0.25, -1, 0, 0.3, 1, 0, -0.7])
    flow.basis.copy_(torch.randn_like(flow.basis) * 0.1)
    with torch.no_grad():
        next(model.flow.velocity.exit[1].parameters()).mul_(0.1)


def load_blob_generator(spec: ModelSpec, device: str = "cpu") -> BlobGenerator:
    """From a checkpoint folder, through accelerate, after the strict check of `checkpoints.load`."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(Path(spec.folder), lambda c: RoomsBlobGAN(RoomsConfig.from_dict(c)), device)
    assert isinstance(model, RoomsBlobGAN)
    return BlobGenerator(model, replace(spec, folder=spec.folder), weights, device)
