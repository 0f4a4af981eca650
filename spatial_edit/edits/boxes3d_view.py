"""Edits of the view: camera, colours of the room's surfaces, light."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.edits.boxes3d_op import BoxEdit, find
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import (
    AMBIENT,
    CAMERA_RANGE,
    EXPOSURE,
    FACINGS,
    KEY_COLOUR,
    KEY_EXTENT,
    KEY_NORMAL,
    KEY_POSITION,
    LAMP_COLOUR,
    LAMP_POSITION,
    SURFACES,
)
from spatial_edit.layouts.furniture import Box, boxes_of, room_of, sideways

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Camera(BoxEdit):
    """To a place and a gaze (x, y, z, yaw, pitch, fov), then round a thing or the room (orbit, tilt, about),
    then forward (dolly)."""

    op: ClassVar[str] = "camera"
    x: float | None = None
    y: float | None = None
    z: float | None = None
    yaw: float | None = None
    pitch: float | None = None
    fov: float | None = None
    orbit: float | None = None
    tilt: float | None = None
    about: int | None = None
    dolly: float | None = None

    def run(self, layout: Boxes3D) -> Boxes3D:
        if all(value is None for value in vars(self).values()):
            raise EditError("the camera's edit is empty: send a place, a gaze, orbit, tilt or dolly")
        given = (self.x, self.y, self.z, self.yaw, self.pitch, self.fov)
        x, y, z, yaw, pitch, fov = (
            old if new is None else new for old, new in zip(layout.camera.tolist(), given, strict=True)
        )
        px, py, pz = self._pivot(layout)
        angle = self.orbit or 0.0
        dx, dz = x - px, z - pz
        cos, sin = math.cos(angle), math.sin(angle)
        x, z = px + dx * cos - dz * sin, pz + dx * sin + dz * cos
        yaw -= angle
        if self.tilt:
            x, y, z = _tilted((x, y, z), (px, py, pz), yaw, self.tilt)
            pitch -= self.tilt
        step = self.dolly or 0.0
        x, z = x + step * math.sin(yaw) * math.cos(pitch), z + step * math.cos(yaw) * math.cos(pitch)
        y += step * math.sin(pitch)
        yaw = (yaw + math.pi) % (2 * math.pi) - math.pi
        return replace(layout, camera=_checked_camera((x, y, z, yaw, pitch, fov)))

    def _pivot(self, layout: Boxes3D) -> Triple:
        """The element, or the middle of the room at the height of a bed's headboard."""
        if self.about is not None:
            box = boxes_of(layout)[find(layout, self.about)]
            return box.x, box.y, box.z
        return 0.0, 0.9, 0.55 * room_of(layout)[1]


def _tilted(place: Triple, pivot: Triple, yaw: float, angle: float) -> Triple:
    """The place after a turn about the horizontal line through the pivot across the gaze; up for positive
    angles."""
    forward = (place[0] - pivot[0]) * math.sin(yaw) + (place[2] - pivot[2]) * math.cos(yaw)
    up = place[1] - pivot[1]
    new_forward = forward * math.cos(angle) + up * math.sin(angle)
    new_up = up * math.cos(angle) - forward * math.sin(angle)
    step = new_forward - forward
    return place[0] + step * math.sin(yaw), pivot[1] + new_up, place[2] + step * math.cos(yaw)


def _checked_camera(values: tuple[float, ...]) -> Tensor:
    for name, value, (low, high) in zip(
        ("x", "y", "z", "yaw", "pitch", "fov"), values, CAMERA_RANGE, strict=True
    ):
        if not low <= value <= high:
            raise EditError(f"{name} of the camera would be {value:.3g}: it must lie in [{low:g}, {high:g}]")
    return torch.tensor(values, dtype=torch.float32)


@dataclass(frozen=True)
class Surface(BoxEdit):
    """The colour of a surface of the room; `walls` are all three."""

    op: ClassVar[str] = "surface"
    surface: str
    r: float
    g: float
    b: float

    def run(self, layout: Boxes3D) -> Boxes3D:
        surfaces = layout.surfaces.clone()
        for i, name in enumerate(SURFACES):
            if name == self.surface or (self.surface == "walls" and name.endswith("wall")):
                surfaces[i] = torch.tensor([self.r, self.g, self.b])
        return replace(layout, surfaces=surfaces)


@dataclass(frozen=True)
class Time:
    """A time of day: the middle of what the procedural rooms draw, the night sky a little brighter. Linear
    light; sky is a display colour."""

    key: Triple
    ambient: Triple
    lamp: Triple
    exposure: float
    sky: Triple
    by_window: bool


TIMES = {
    "day": Time((1.35, 1.31, 1.25), (0.43, 0.445, 0.46), (0.22, 0.18, 0.13), 1.0, (0.68, 0.82, 0.95), True),
    "evening": Time((1.15, 0.9, 0.72), (0.43, 0.44, 0.46), (0.5, 0.41, 0.29), 1.0, (0.88, 0.6, 0.44), True),
    "night": Time((1.1, 0.98, 0.8), (0.19, 0.205, 0.23), (0.85, 0.7, 0.49), 0.8, (0.1, 0.13, 0.22), False),
}
UNLIT = 0.32  # share of a night's key light in a room without a ceiling lamp


@dataclass(frozen=True)
class Light(BoxEdit):
    """A time of day (it sets every light and the windows' colour), then strengths and exposure."""

    op: ClassVar[str] = "light"
    time: str | None = None
    key: float | None = None
    lamp: float | None = None
    ambient: float | None = None
    exposure: float | None = None

    def run(self, layout: Boxes3D) -> Boxes3D:
        if all(value is None for value in vars(self).values()):
            raise EditError("the light's edit is empty: send time, key, lamp, ambient or exposure")
        if self.time is not None:
            layout = _at_time(layout, TIMES[self.time])
        lights = layout.lights.clone()
        for strength, part in ((self.key, KEY_COLOUR), (self.lamp, LAMP_COLOUR), (self.ambient, AMBIENT)):
            if strength is not None:
                lights[part] = _at_strength(lights[part], strength)
        if self.exposure is not None:
            lights[EXPOSURE] = self.exposure
        return replace(layout, lights=lights)


def _at_strength(colour: Tensor, strength: float) -> Tensor:
    """The light with its strongest channel at a value; white when it was off."""
    most = float(colour.max())
    return torch.full((3,), strength) if most < 1e-4 else colour * (strength / most)


def _at_time(layout: Boxes3D, time: Time) -> Boxes3D:
    boxes, lights, colours = boxes_of(layout), layout.lights.clone(), layout.colours.clone()
    windows, ceiling = _shown(layout, "window"), _shown(layout, "ceiling lamp")
    share = 1.0 if ceiling or time.by_window else UNLIT
    if time.by_window and windows:
        window = max(windows, key=lambda i: boxes[i].hy * max(boxes[i].hx, boxes[i].hz))
        _shine_from_window(lights, boxes[window], layout.facings[window])
    else:
        _shine_from_ceiling(layout, lights, boxes[ceiling[0]] if ceiling else None)
    lights[KEY_COLOUR] = torch.tensor(time.key) * share
    lights[AMBIENT] = torch.tensor(time.ambient)
    lights[EXPOSURE] = time.exposure
    lamps = _shown(layout, "lamp") + _shown(layout, "floor lamp")
    if lamps:
        lights[LAMP_COLOUR] = torch.tensor(time.lamp)
        x, y, z = lights[LAMP_POSITION].tolist()
        if not any(boxes[i].holds(x, y, z, 0.15) for i in lamps):
            box = boxes[lamps[0]]
            lights[LAMP_POSITION] = torch.tensor([box.x, box.top - 0.08, box.z])
    for i in windows:
        if not layout.locked[i]:
            colours[i] = torch.tensor(time.sky)
    return replace(layout, lights=lights, colours=colours)


def _shown(layout: Boxes3D, name: str) -> list[int]:
    return [i for i, other in enumerate(layout.classes) if other == name and not layout.hidden[i]]


def _shine_from_window(lights: Tensor, window: Box, facing: int) -> None:
    x, z = FACINGS[facing]
    lights[KEY_POSITION] = torch.tensor([window.x + 0.12 * x, window.y, window.z + 0.12 * z])
    along = (0.0, window.hy, window.hz) if sideways(facing) else (window.hx, window.hy, 0.0)
    lights[KEY_EXTENT] = torch.tensor(along)
    lights[KEY_NORMAL] = torch.tensor([x, 0.0, z])


def _shine_from_ceiling(layout: Boxes3D, lights: Tensor, lamp: Box | None) -> None:
    _, depth, height = room_of(layout)
    place = (0.0, height - 0.3, 0.55 * depth) if lamp is None else (lamp.x, min(lamp.y, height - 0.3), lamp.z)
    lights[KEY_POSITION] = torch.tensor(place)
    lights[KEY_EXTENT] = torch.tensor([0.2, 0.0, 0.2])
    lights[KEY_NORMAL] = torch.zeros(3)
