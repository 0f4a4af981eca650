"""What a family offers to be dragged by its points: features to hold on to and tensors to change.

`edits.drag` knows nothing else of a model. A family becomes draggable by giving its generator a method
`dragging(scene, space)`; later families fill the same small protocol. `cut` is all that `windows` needs where
windows cannot be computed by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from spatial_edit.layouts import Provenance, Scene

Space = Literal["w", "w+"]
CODES, LAYOUT = "codes", "layout"  # the groups of variables
FIRST_ROWS = 6  # of w+, those that are dragged (Pan et al. 2023, section 3.2)


class Window(NamedTuple):
    """A rectangle of the feature map, in its pixels: [top, bottom) x [left, right)."""

    top: int
    left: int
    bottom: int
    right: int


class Anchor(NamedTuple):
    """What the coarse move has to know of a row of the "layout" variable. level: 0 is the coarsest. parent:
    the row that it follows when that moves, None for none. free: it is seen, and may move."""

    level: int
    parent: int | None
    free: bool


class Dragging(Protocol):
    """One picture held open while its variables change.

    variables: what may be optimised, by group, leaf tensors: "codes" (the latent code: of StyleGAN2 the first
    rows of w+, of blobs their appearance vectors) and, where the model has a layout, "layout" (centres (K, 2)
    in fractions of the side; of blobs and of heatmaps alike). They are changed in place. Gradients flow to
    those of them that require some; every other tensor of the model is frozen. What depends on a group that
    requires none is kept from call to call as long as its values stay.
    anchors: one for every row of "layout", empty without it.
    """

    side: int  # of the picture, pixels
    feature_side: int  # of the feature map
    variables: Mapping[str, Tensor]
    anchors: Sequence[Anchor]

    def features(self) -> Tensor:
        """(1, C, f, f) the whole feature map; gradients flow to the variables. No later block is computed."""
        ...

    def windows(self, windows: Sequence[Window]) -> list[Tensor]:
        """The same features inside some rectangles, (1, C, h, w) each, equal to cutting `features()` within
        1e-5 and cheaper where the model allows it."""
        ...

    def picture(self) -> Tensor:
        """(3, side, side) in [-1, 1], without gradients: bit for bit what rendering `scene()` gives."""
        ...

    def scene(self) -> Scene:
        """The scene of the variables' present values."""
        ...


@runtime_checkable
class Draggable(Protocol):
    """A generator whose pictures can be dragged."""

    def dragging(self, scene: Scene, space: Space = "w+") -> Dragging:
        """ValueError, in one sentence, for a scene that cannot be dragged."""
        ...


def cut(features: Tensor, windows: Sequence[Window]) -> list[Tensor]:
    """The windows of a whole map (1, C, f, f)."""
    return [features[..., w.top : w.bottom, w.left : w.right] for w in windows]


def dragged(provenance: Provenance) -> Provenance:
    """Where a scene comes from after a drag: a photo's stays a photo's."""
    return provenance if provenance.kind == "photo" else replace(provenance, kind="drag")
