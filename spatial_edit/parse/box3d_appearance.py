"""Appearance: colours, surfaces, lights and exposure of a scene, by gradient through the decoder.

Geometry, and with it the maps of the rays, stays as it is. Adam on the literal colours of elements and
surfaces, the colours of their parts in the appearance rows, the second colours of surfaces, and the strength
of the lights; all stay within their ranges, and near where they were where the picture does not say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.generators.box3d.decoder import GAMMA
from spatial_edit.generators.box3d.parts import (
    COLOUR,
    FOLLOWS,
    FURNITURE,
    GLOW,
    MAX_PARTS,
    PART_WIDTH,
    SECOND,
    SURFACE_FIELDS,
    BoxBatch,
    expand,
    is_main_part,
)
from spatial_edit.generators.box3d.rays import SHELL
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.boxes3d import AMBIENT, CLASSES, EXPOSURE, KEY_COLOUR, LAMP_COLOUR
from spatial_edit.parse.target import Target

RATE = 0.04
BETAS = (0.9, 0.95)
HOLD = 0.02  # weight of the mean squared distance from the start
LIGHTS = [
    *range(*KEY_COLOUR.indices(22)),
    *range(*LAMP_COLOUR.indices(22)),
    *range(*AMBIENT.indices(22)),
    EXPOSURE,
]
LIGHT_MOST = 6.0
MATCHES = 2
MATCH_RANGE = (0.1, 10.0)  # of linear light in one pass
DARK = 0.004  # linear light added to both sides of a ratio
LITTLE = 4.0  # pixels: with so many the ratio counts half
SECOND_FIELD = SURFACE_FIELDS.index("second")
SHARE_MOST = 3.0  # of a second colour that is told as a share of the first


class Appearance:
    """The free numbers of one scene, and the way back to it."""

    def __init__(self, generator: Box3DGenerator, scene: Scene) -> None:
        self.generator, self.scene = generator, scene
        self.batch, self.parts, self.maps = generator.inputs([scene])
        rows = self.batch.rows.unflatten(-1, (MAX_PARTS, PART_WIDTH))
        background = self.batch.background.unflatten(-1, (SHELL, len(SURFACE_FIELDS)))
        # name: start, least, most
        limits: dict[str, tuple[Tensor, float, float]] = {
            "colours": (self.batch.colours, 0.0, 1.0),
            "surfaces": (self.batch.surfaces, 0.0, 1.0),
            "first": (rows[..., COLOUR], 0.0, SHARE_MOST),
            "second": (rows[..., SECOND], 0.0, SHARE_MOST),
            "glow": (rows[..., GLOW], 0.0, 4.0),
            "shares": (background[..., SECOND_FIELD], 0.0, SHARE_MOST),
            "lights": (self.batch.lights[:, LIGHTS], 0.0, LIGHT_MOST),
        }
        self.limits = limits
        self.free = {name: start.detach().clone().requires_grad_() for name, (start, _, _) in limits.items()}

    def rooms(self) -> BoxBatch:
        """The room with the present values."""
        free = self.free
        rows = self.batch.rows.unflatten(-1, (MAX_PARTS, PART_WIDTH))
        kept = [rows[..., : COLOUR.start], free["first"], free["second"], rows[..., SECOND.stop : GLOW]]
        rows = torch.cat([*kept, free["glow"][..., None], rows[..., GLOW + 1 :]], -1)
        background = self.batch.background.unflatten(-1, (SHELL, len(SURFACE_FIELDS)))
        parts = [
            background[..., :SECOND_FIELD],
            free["shares"][..., None],
            background[..., SECOND_FIELD + 1 :],
        ]
        index = torch.tensor(LIGHTS, device=self.batch.lights.device)
        return self.batch._replace(
            colours=free["colours"],
            surfaces=free["surfaces"],
            rows=rows.flatten(-2),
            background=torch.cat(parts, -1).flatten(1),
            lights=self.batch.lights.index_copy(1, index, free["lights"]),
        )

    def paint(self) -> Tensor:
        """(1, 3, R, R), with gradients."""
        rooms = self.rooms()
        return self.generator.model.decoder(rooms, expand(rooms), self.maps)

    @torch.no_grad()
    def scale(self, ratios: Tensor) -> None:
        """Multiply the colours of surfaces and parts by ratios (5 + P, 3); parts that follow the element's
        colour go with it."""
        free, parts = self.free, self.parts
        free["surfaces"][0] *= ratios[:SHELL]
        rows = self.batch.rows[0].unflatten(-1, (MAX_PARTS, PART_WIDTH))
        main = is_main_part(self.batch.classes, rows[None, ..., 0])[0]
        for p in range(parts.exists.shape[1]):
            if not parts.exists[0, p]:
                continue
            element, number = int(parts.owner[0, p]), int(parts.types[0, p]) % MAX_PARTS
            ratio = ratios[SHELL + p]
            if main[element, number]:
                free["colours"][0, element] *= ratio
            elif rows[element, number, FOLLOWS] <= 0.5:
                free["first"][0, element, number] *= ratio
            name = CLASSES[int(self.batch.classes[0, element])]
            if not FURNITURE[name].second_follows:
                free["second"][0, element, number] *= ratio
        self.clamp()

    def hold(self) -> Tensor:
        """How far the values have gone from the start."""
        terms = [(self.free[name] - start).square().mean() for name, (start, _, _) in self.limits.items()]
        return torch.stack([t for t in terms if torch.isfinite(t)]).sum()

    @torch.no_grad()
    def clamp(self) -> None:
        """Every value back within its range."""
        for name, (_, least, most) in self.limits.items():
            self.free[name].clamp_(least, most)

    @torch.no_grad()
    def result(self) -> Scene:
        """The scene with the present values."""
        rooms, scene = self.rooms(), self.scene
        layout = scene.layout
        assert isinstance(layout, Boxes3D)
        shown = [k for k, hidden in enumerate(layout.hidden) if not hidden]
        colours, rows = layout.colours.clone(), scene.latent.rows.clone()
        colours[shown] = rooms.colours[0, : len(shown)].cpu()
        rows[[layout.rows[k] for k in shown]] = rooms.rows[0, : len(shown)].cpu()
        lights, surfaces, background = (
            value[0].detach().cpu().clone() for value in (rooms.lights, rooms.surfaces, rooms.background)
        )
        latent = replace(scene.latent, rows=rows, background=background)
        return replace(
            scene, layout=replace(layout, colours=colours, lights=lights, surfaces=surfaces), latent=latent
        )


@torch.no_grad()
def match_colours(generator: Box3DGenerator, scene: Scene, target: Target) -> Scene:
    """The scene with every surface's and part's colour multiplied so that its mean in the picture becomes
    that of the photo, as far as one number a channel can. Two passes of the decoder, no search."""
    appearance = Appearance(generator, scene)
    labels = appearance.maps.labels[0].long()  # (R², n)
    count = SHELL + appearance.parts.exists.shape[1]
    wanted = _linear(target.picture) * target.mask
    for _ in range(MATCHES):
        drawn = _linear(appearance.paint()[0]) * target.mask
        sums = torch.zeros(7, count, device=labels.device)
        values = torch.cat([wanted, drawn, target.mask[None]]).flatten(1)  # (7, R²)
        sums.index_add_(1, labels.flatten(), values.repeat_interleave(labels.shape[1], 1))
        counted = sums[6] / labels.shape[1]
        ratio = ((sums[:3] + DARK * sums[6]) / (sums[3:6] + DARK * sums[6] + 1e-6)).clamp(*MATCH_RANGE)
        sure = counted / (counted + LITTLE)  # what hardly shows keeps what was read
        appearance.scale((ratio ** (sure / GAMMA)).T)
    return appearance.result()


def _linear(picture: Tensor) -> Tensor:
    """Display values in [-1, 1] as linear light in [0, 1]."""
    return ((picture + 1) / 2).clamp(1e-3, 1) ** GAMMA


@torch.enable_grad()
def fit_appearance(
    generator: Box3DGenerator, scene: Scene, target: Target, goes_on: Callable[[], float | None]
) -> Scene:
    """The scene with the appearance closest to the target. `goes_on` tells the share of the work done, or
    None to end it."""
    appearance = Appearance(generator, scene)
    optimiser = torch.optim.Adam(appearance.free.values(), lr=RATE, betas=BETAS)
    best, least = scene, math.inf
    while True:
        picture = appearance.paint()
        error = float(target.squared_error(picture.detach()))
        if error < least:
            best, least = appearance.result(), error
        if (used := goes_on()) is None:
            return best
        for group in optimiser.param_groups:
            group["lr"] = RATE * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * used)))
        loss = target.loss(picture) + HOLD * appearance.hold()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if not math.isfinite(loss.item()):
            return best
        optimiser.step()
        appearance.clamp()
