"""What a parsed room is written as beside its scene: a map of the boxes and a table of them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw

from spatial_edit.generators.box3d.rays import SHELL
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.boxes3d import CLASSES, FACINGS
from spatial_edit.layouts.perspective import NEAR, project
from spatial_edit.parse.box3d_labels import label_maps
from spatial_edit.uploads import to_csv

SURFACES = ((52, 52, 60), (74, 74, 82), (62, 62, 70), (66, 66, 75), (58, 58, 66))
LOOKS = ("camera", "right", "left", "back")  # where the front of each of FACINGS looks
COLUMNS = (
    "number", "class", "x", "y", "z", "half_x", "half_y", "half_z", "looks", "red", "green", "blue",
)  # fmt: skip


def to_room_map(generator: Box3DGenerator, scene: Scene, side: int) -> Image.Image:
    """The visible elements as the room's camera sees them, each with its number, in hues by class."""
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    labels = label_maps(generator.batch_of([scene]), side)[0].view(side, side)
    shown = layout.visible()
    palette = [*SURFACES, *(_hue(CLASSES.index(name)) for name in shown.classes), *[(0, 0, 0)]]
    pixels = torch.tensor(palette, dtype=torch.uint8)[labels.cpu()]
    canvas = Image.fromarray(np.ascontiguousarray(pixels.numpy()))
    draw = ImageDraw.Draw(canvas)
    places, depths = project(shown.centres, shown.camera)
    for k, number in enumerate(shown.ids):
        x, y = places[k].tolist()
        if depths[k] > NEAR and 0 <= x <= 1 and 0 <= y <= 1 and bool((labels == SHELL + k).any()):
            draw.text((x * side, y * side), str(number), fill="white", anchor="mm", stroke_width=2)
    return canvas


def room_table(scene: Scene) -> str:
    """CSV: one line an element: metres, where its front looks, and its colour (0 .. 255)."""
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    rows: list[list[object]] = []
    for k, number in enumerate(layout.ids):
        numbers = [f"{v:.4f}" for v in [*layout.centres[k].tolist(), *layout.halves[k].tolist()]]
        colour = [round(v * 255) for v in layout.colours[k].tolist()]
        rows.append([number, layout.classes[k], *numbers, LOOKS[layout.facings[k]], *colour])
    return to_csv(list(COLUMNS), rows)


def _hue(number: int) -> tuple[int, int, int]:
    """Hues a golden angle apart."""
    turn = number * 0.381966 % 1.0
    wave = [0.55 + 0.4 * np.cos(2 * np.pi * (turn - shift / 3)) for shift in range(3)]
    red, green, blue = (round(255 * float(v)) for v in wave)
    return red, green, blue


assert len(LOOKS) == len(FACINGS)
