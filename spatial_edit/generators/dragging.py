"""What a family offers to be dragged by its points: features to hold on to and tensors to change.

`edits.drag` knows nothing else of a model. A family becomes draggable by giving its generator a method
`dragging(scene, space)`; later families fill the same small protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from spatial_edit.layouts import Scene

Space = Literal["w", "w+"]


class Window(NamedTuple):
    """A rectangle of the feature map, in its pixels: [top, bottom) x [left, right)."""

    top: int
    left: int
    bottom: int
    right: int


class Dragging(Protocol):
    """One picture held open while its variables change.

    variables: what may be optimised, by group, leaf tensors that require gradients: "codes" (the latent code:
    of StyleGAN2 the first rows of w+, of blobs their appearance vectors) and, where the model has a layout,
    "layout" (centres (K, 2) in fractions of the side; of blobs and of heatmaps alike). Every other tensor of
    the model is frozen.
    """

    side: int  # of the picture, pixels
    feature_side: int  # of the feature map
    variables: Mapping[str, Tensor]

    def features(self) -> Tensor:
        """(1, C, f, f) the whole feature map; gradients flow to the variables. Later blocks are not computed."""
        ...

    def windows(self, windows: Sequence[Window]) -> list[Tensor]:
        """The same features inside some rectangles, (1, C, h, w) each, equal to cutting `features()` within
        1e-5 and cheaper where the model allows it."""
        ...

    def picture(self) -> Tensor:
        """(3, side, side) in [-1, 1], without gradients."""
        ...

    def scene(self) -> Scene:
        """The scene of the variables' present values: rendering it gives `picture()`."""
        ...


@runtime_checkable
class Draggable(Protocol):
    """A generator whose pictures can be dragged."""

    def dragging(self, scene: Scene, space: Space = "w+") -> Dragging:
        """ValueError, in one sentence, for a scene that cannot be dragged."""
        ...
