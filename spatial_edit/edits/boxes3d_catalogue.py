"""The catalogue: how large a new thing is, how high it hangs, its colour, and which thing it likes to be on.

Sizes and heights are the middles of the ranges that the procedural rooms draw from.
"""

from __future__ import annotations

from dataclasses import dataclass

from spatial_edit.layouts.boxes3d import CLASSES, SCENE_ROWS, STYLES

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Entry:
    """Metres and display colours. `low` is the height of a hung thing's bottom."""

    width: float
    height: float
    depth: float
    colour: Triple
    low: float = 0.0
    likes: tuple[str, ...] = ()


CATALOGUE: dict[str, Entry] = {
    "bed": Entry(1.6, 1.0, 2.05, (0.55, 0.62, 0.72)),
    "pillow": Entry(0.6, 0.22, 0.4, (0.92, 0.9, 0.86), likes=("bed",)),
    "cushion": Entry(0.4, 0.26, 0.24, (0.8, 0.45, 0.3), likes=("bed", "chair")),
    "nightstand": Entry(0.46, 0.52, 0.39, (0.5, 0.36, 0.24)),
    "lamp": Entry(0.28, 0.41, 0.28, (0.95, 0.88, 0.72), likes=("nightstand", "dresser")),
    "window": Entry(1.3, 1.2, 0.05, (0.72, 0.85, 0.97), low=0.85),
    "curtain": Entry(0.4, 2.0, 0.12, (0.75, 0.72, 0.66), low=0.03),
    "wardrobe": Entry(1.3, 2.05, 0.56, (0.6, 0.45, 0.3)),
    "bookshelf": Entry(0.85, 1.65, 0.32, (0.5, 0.36, 0.24)),
    "dresser": Entry(1.1, 0.82, 0.45, (0.55, 0.4, 0.27)),
    "television": Entry(0.8, 0.46, 0.06, (0.08, 0.08, 0.1), likes=("dresser", "bookshelf", "nightstand")),
    "vase": Entry(0.3, 0.53, 0.3, (0.3, 0.5, 0.6), likes=("dresser", "nightstand", "bookshelf")),
    "door": Entry(0.85, 2.05, 0.06, (0.9, 0.88, 0.84)),
    "painting": Entry(0.75, 0.6, 0.035, (0.7, 0.5, 0.35), low=1.4),
    "mirror": Entry(0.55, 1.0, 0.04, (0.8, 0.83, 0.85), low=0.75),
    "plant": Entry(0.65, 1.15, 0.65, (0.3, 0.5, 0.25)),
    "chair": Entry(0.7, 0.85, 0.7, (0.65, 0.45, 0.35)),
    "pouf": Entry(0.5, 0.38, 0.5, (0.7, 0.55, 0.4)),
    "floor lamp": Entry(0.38, 1.67, 0.38, (0.93, 0.86, 0.7)),
    "ceiling lamp": Entry(0.4, 0.5, 0.4, (0.93, 0.9, 0.84)),
    "rug": Entry(2.0, 0.016, 1.4, (0.6, 0.5, 0.45)),
}

# the class of every row of the sampled scene: the object slots of the procedural rooms (a test compares them)
SCENE_ROW_CLASSES = (
    "rug", "bed", "nightstand", "nightstand", "lamp", "lamp", "window", "painting", "painting", "wardrobe",
    "dresser", "bookshelf", "plant", "chair", "pouf", "door", "mirror", "floor lamp", "ceiling lamp",
    "television", "vase", "pillow", "pillow", "curtain", "curtain", "cushion",
)  # fmt: skip


def class_of_row(row: int) -> str:
    """The class that a row of `Latent.rows` belongs to; ValueError beyond the last style."""
    if row < SCENE_ROWS:
        return SCENE_ROW_CLASSES[row]
    if row >= SCENE_ROWS + STYLES * len(CLASSES):
        raise ValueError(
            f"row {row} does not exist: the last one is {SCENE_ROWS + STYLES * len(CLASSES) - 1}"
        )
    return CLASSES[(row - SCENE_ROWS) // STYLES]
