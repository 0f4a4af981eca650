"""A StyleGAN2 to be dragged: the first rows of w+ change, features are those of half the picture's side (128
of 256, as published).

Squares around the handles are computed by themselves from the side on where that is less work than the whole
map; below it the maps are small. Weights are frozen, so that gradients flow through activations alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from spatial_edit.generators.dragging import CODES, FIRST_ROWS, Anchor, Space, Window, cut, dragged
from spatial_edit.layouts import Scene
from spatial_edit.nn.windowed import Crops, FrozenSynthesis

if TYPE_CHECKING:
    from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes

Network = TypeVar("Network", bound=nn.Module)


class Rows:
    """The first rows of w+ as a variable: each its own ("w+"), or one for all of them, whose differences stay
    ("w"). objects (1, n, w_dim): codes that come after them in the variable, each its own."""

    def __init__(self, codes: Tensor, space: Space, objects: Tensor | None = None) -> None:
        codes = codes.detach().float()
        first, self.rest = codes[0, :FIRST_ROWS], codes[:, FIRST_ROWS:]
        self.offsets = first - first[:1] if space == "w" else torch.zeros_like(first)
        own = first[:1] if space == "w" else first
        self.shared = len(own)
        self.leaf = (own if objects is None else torch.cat([own, objects[0].detach().float()])).clone()

    def codes(self) -> Tensor:
        """(1, L, w_dim) of all layers."""
        return torch.cat([(self.leaf[: self.shared] + self.offsets)[None], self.rest], 1)

    def objects(self) -> Tensor:
        """(1, n, w_dim)."""
        return self.leaf[None, self.shared :]

    def stored(self) -> Tensor:
        """(L + n, w_dim) as the rows of a scene."""
        return torch.cat([self.codes()[0], self.objects()[0]]).detach().cpu().clone()


def adapted(network: Network, delta: Sequence[tuple[str, Tensor]]) -> Network:
    """A frozen network with the changes of a tuned scene."""
    if not delta:
        return network
    network = deepcopy(network)
    with torch.no_grad():
        for name, difference in delta:
            parameter = network.get_parameter(name)
            parameter.add_(difference.to(parameter))
    return network


def corners_of(windows: Sequence[Window]) -> tuple[list[tuple[int, int]], int]:
    """Top left corners, and the longest side of any window."""
    size = max(max(w.bottom - w.top, w.right - w.left) for w in windows)
    return [(w.top, w.left) for w in windows], size


def cut_out(squares: Crops, windows: Sequence[Window]) -> list[Tensor]:
    """The windows from the squares that hold them."""
    parts = []
    for k, (window, (top, left)) in enumerate(zip(windows, squares.corners, strict=True)):
        rows = slice(window.top - top, window.bottom - top)
        parts.append(squares.values[k : k + 1, :, rows, window.left - left : window.right - left])
    return parts


class StyleGAN2Dragging:
    """A `Dragging` of a scene of StyleGAN2."""

    anchors: Sequence[Anchor] = ()

    def __init__(self, generator: StyleGAN2Scenes, scene: Scene, space: Space = "w+") -> None:
        self.generator, self.given = generator, scene
        self.side = generator.model.config.resolution
        self.feature_side = max(self.side // 2, 4)
        with torch.no_grad():
            self.rows = Rows(generator.codes_of(scene), space)
            network = adapted(generator.model.synthesis, scene.delta)
            self.synthesis = FrozenSynthesis(network, self.feature_side, generator.noise_of(scene))

    @property
    def variables(self) -> Mapping[str, Tensor]:
        return {CODES: self.rows.leaf}

    def features(self) -> Tensor:
        return self.synthesis.whole(self.rows.codes())

    def windows(self, windows: Sequence[Window]) -> list[Tensor]:
        codes = self.rows.codes()
        corners, size = corners_of(windows)
        blocks = self.synthesis.whole_blocks(corners, size)
        x = self.synthesis.whole(codes, blocks=blocks)
        if blocks == len(self.synthesis.sides):
            return cut(x, windows)
        return cut_out(self.synthesis.squares(x, blocks, corners, size, codes), windows)

    def picture(self) -> Tensor:
        return self.generator.render(self.scene())

    def scene(self) -> Scene:
        """Its rows are the codes of all layers; the noise stays that of its seed."""
        latent = replace(self.given.latent, rows=self.rows.stored(), truncation=0.0)
        return replace(self.given, latent=latent, provenance=dragged(self.given.provenance))
