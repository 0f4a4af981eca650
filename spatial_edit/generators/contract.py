"""What every family offers: `sample(seed) -> Scene`, `render(scene) -> image`, `spec`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor

from spatial_edit.layouts import Colour, Scene


@dataclass(frozen=True)
class ModelSpec:
    """One row of the registry."""

    name: str  # "blobgan-rooms"
    number: int  # 1 .. 255, the model's byte in an edit code; never reused
    family: str  # "blobgan"
    title: str  # shown to people
    kind: str  # the layout's kind: "blobs"
    resolution: int
    licence: str
    training_data: str
    folder: Path | None  # where config.json and model*.safetensors lie
    row_names: tuple[
        str, ...
    ] = ()  # a word for every row of Latent.rows ("bed"), of heatmaps for every centre; empty for none
    max_elements: int = 64
    stands: tuple[tuple[int, int], ...] = ()  # pairs of rows: the first stands on the second
    edits: tuple[str, ...] = ()  # the ops of looks and of whole scenes that it knows how to draw


# what a model of blobs may know beside moving them: looks, and whole scenes that need its layout sampler
STYLE_OPS = (
    "opacity", "restyle", "mix", "unstyle", "recolour", "swap", "add", "background", "surface", "appearance",
)  # fmt: skip
SCENE_OPS = ("complete", "relayout", "morph", "truncate")
# a model of heatmaps: of objects with a style code each, and of a hierarchy
OBJECT_OPS = ("appearance", "replace", "relayout", "truncate")
HIERARCHY_OPS = (*OBJECT_OPS, "detach")


@dataclass(frozen=True)
class Paints:
    """The colours that things are painted in: one an element, in depth order, and one a surface."""

    elements: tuple[Colour, ...]
    surfaces: tuple[Colour, ...] = ()


@runtime_checkable
class Painter(Protocol):
    """A generator that can tell the colours that it paints with."""

    def paints(self, scene: Scene) -> Paints: ...


class Generator(Protocol):
    """A loaded model. `render` is a pure function of the scene: the same pixels, bit for bit, every time."""

    spec: ModelSpec
    weights: str  # first 16 hex digits of the checkpoint's sha256

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed (0 .. 2**32 - 1). Randomness: np.random.RandomState(seed), one documented
        order."""
        ...

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1]. `preview` may use half precision."""
        ...

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); within 1e-5 of `render` on each."""
        ...
