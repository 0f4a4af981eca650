"""The words of the procedural bedrooms: classes, object instances, textures, and the columns of a scene
table.

A scene is a table with one row a surface: the five surfaces of the room shell first, then the primitives
(boxes, tapered cylinders, ellipsoids) in a fixed order of slots. An object of a slot that a room does not
have stays in its table as a tiny primitive far below the floor, so every room has the same rows and a batch
is one tensor.

Twins (`lamp_l`, `lamp_r`) are named by their place along their wall, not by their side in the picture: `_l`
is the one at smaller x on the back wall, and the one nearer to the camera on a side wall.
"""

from __future__ import annotations

from enum import IntEnum

SEMANTIC = (
    "floor", "ceiling", "wall", "rug", "bed", "pillow", "nightstand", "lamp", "window", "curtain",
    "painting", "wardrobe", "dresser", "bookshelf", "plant", "chair", "pouf", "door", "mirror", "decor",
)  # fmt: skip
INSTANCE = (
    "floor", "ceiling", "wall_back", "wall_left", "wall_right", "rug", "bed", "nightstand_l", "nightstand_r",
    "lamp_l", "lamp_r", "window", "painting_a", "painting_b", "wardrobe", "dresser", "bookshelf", "plant",
    "chair", "pouf", "door", "mirror", "floor_lamp", "ceiling_lamp", "decor_a", "decor_b", "pillow_l",
    "pillow_r", "curtain_l", "curtain_r", "cushion",
)  # fmt: skip
SEMANTIC_ID = {name: number for number, name in enumerate(SEMANTIC)}
INSTANCE_ID = {name: number for number, name in enumerate(INSTANCE)}

SHELL = 5  # the first five instances, and the first five rows of a table, are the surfaces of the room itself

_CLASS_OF = {
    "cushion": "pillow",
    "floor_lamp": "lamp",
    "ceiling_lamp": "lamp",
}  # others carry the class in their name
SEMANTIC_OF_INSTANCE = tuple(
    SEMANTIC_ID[_CLASS_OF.get(name, name if name in SEMANTIC_ID else name.rpartition("_")[0])]
    for name in INSTANCE
)


def _mirror(name: str) -> str:
    for left, right in (("_left", "_right"), ("_right", "_left"), ("_l", "_r"), ("_r", "_l")):
        if name.endswith(left) and name.removesuffix(left) + right in INSTANCE_ID:
            return name.removesuffix(left) + right
    return name


MIRRORED = tuple(
    INSTANCE_ID[_mirror(name)] for name in INSTANCE
)  # instance id → its id in the mirrored picture

GROUPS = {
    "bed": ("pillow_l", "pillow_r", "cushion"),
    "window": ("curtain_l", "curtain_r"),
    "dresser": ("decor_a", "decor_b"),
}  # what goes along when an object is moved or removed
LAMP_OF = {"nightstand_l": "lamp_l", "nightstand_r": "lamp_r"}


class Kind(IntEnum):
    """Shape of a primitive; `ROOM` marks the rows of the shell."""

    ROOM = -1
    BOX = 0
    CYLINDER = 1
    ELLIPSOID = 2


class Texture(IntEnum):
    """Pattern of a surface; the meaning of its parameters tp0, tp1, tp2 is told where it is painted."""

    FLAT = 0
    PLANK = 1
    TILE = 2
    VERTICAL_STRIPES = 3
    DOTS = 4
    WINDOW = 5
    ART = 6
    DRAWERS = 7
    PLEATS = 8
    BOOKS = 9
    RUG = 10
    PLAID = 11
    LEAF = 12
    MIRROR = 13
    DOOR = 14
    HORIZONTAL_STRIPES = 15
    SHUTTER = 16
    TELEVISION = 17
    DUVET = 18


# Columns: centre, half extents and bevel in metres, kind, texture, two colours (display values 0..1), three
# texture parameters, x and z of the direction the front looks to, emission, class, instance, top radius as a
# share of the bottom radius, sheen.
FIELDS = (
    "cx", "cy", "cz", "hx", "hy", "hz", "bev", "kind", "tex", "r", "g", "b", "r2", "g2", "b2", "tp0", "tp1",
    "tp2", "fx", "fz", "emis", "sem", "inst", "taper", "spec",
)  # fmt: skip
FIELD = {name: column for column, name in enumerate(FIELDS)}
CENTRE, HALF = slice(0, 3), slice(3, 6)
COLOUR, SECOND_COLOUR = slice(9, 12), slice(12, 15)

ABSENT_Y = -50.0  # centre height in metres of a primitive that the room does not have
