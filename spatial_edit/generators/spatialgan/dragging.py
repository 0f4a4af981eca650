"""A SpatialGAN to be dragged: the first rows of w+ (and the objects' codes) change, and the centres of the
heatmap, through which gradients flow (Wang et al. 2023, section 3.5).

The encodings look at whole maps, of sides up to 16; above, only squares around the handles are computed. What
depends on the heatmap alone is computed again only when its centres have moved or are to move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spatial_edit.generators.dragging import CODES, LAYOUT, Anchor, Space, Window, cut, dragged
from spatial_edit.generators.spatialgan.network import EncodedHeat
from spatial_edit.generators.stylegan2_dragging import Rows, adapted, corners_of, cut_out
from spatial_edit.layouts import Scene
from spatial_edit.layouts.heatmaps import CENTRE_RANGE, Heatmaps
from spatial_edit.nn.windowed import FrozenSynthesis, Objects

if TYPE_CHECKING:
    from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes


class HeatmapCentres:
    """The centres of a layout as a variable; hidden and locked ones stay where they are."""

    def __init__(self, layout: Heatmaps) -> None:
        self.given = layout
        self.leaf = layout.centres.detach().float().clone()
        free = [not (a or b) for a, b in zip(layout.hidden, layout.locked, strict=True)]
        self.free = torch.tensor(free, dtype=torch.bool)[:, None]
        self.anchors = tuple(
            Anchor(layout.levels[k], _parent(layout, k), free[k]) for k in range(len(layout))
        )

    def layout(self) -> Heatmaps:
        """The layout with the centres of now; gradients flow to those that may move."""
        centres = torch.where(self.free, self.leaf.clamp(*CENTRE_RANGE), self.given.centres)
        return replace(self.given, centres=centres)

    def stored(self) -> Heatmaps:
        """The same without gradients."""
        with torch.no_grad():
            return self.layout()


def _parent(layout: Heatmaps, k: int) -> int | None:
    """The centre that one follows."""
    return next((i for i in range(len(layout)) if k in layout.followers(i)), None)


class SpatialGANDragging:
    """A `Dragging` of a scene of SpatialGAN. A network that does not look at heatmaps (encoding none) or only
    in its mapping network (flatten) has no centres to drag."""

    def __init__(self, generator: SpatialGANScenes, scene: Scene, space: Space = "w+") -> None:
        self.generator, self.config = generator, generator.model.config
        self.side = self.config.resolution
        self.feature_side = max(self.side // 2, 4)
        assert isinstance(scene.layout, Heatmaps)
        with torch.no_grad():
            codes, objects = generator.codes_of(scene, generator.levels_of(scene))
            noise = generator.noise_of(scene)
        self.rows = Rows(codes, space, objects)
        self.given = own_scene(scene)
        assert isinstance(self.given.layout, Heatmaps)
        self.centres = HeatmapCentres(self.given.layout)
        self.network = adapted(generator.model.synthesis, scene.delta)
        self.synthesis = FrozenSynthesis(self.network, self.feature_side, noise, self._largest_encoded())
        self._heat: EncodedHeat | None = None
        self._version = -1
        self.anchors: Sequence[Anchor] = self.centres.anchors if self._has_heat() else ()

    @property
    def variables(self) -> Mapping[str, Tensor]:
        if not self._has_heat():
            return {CODES: self.rows.leaf}
        return {CODES: self.rows.leaf, LAYOUT: self.centres.leaf}

    def features(self) -> Tensor:
        return self._whole(self.rows.codes(), self._objects(), None)

    def windows(self, windows: Sequence[Window]) -> list[Tensor]:
        codes, objects = self.rows.codes(), self._objects()
        corners, size = corners_of(windows)
        blocks = self.synthesis.whole_blocks(corners, size)
        x = self._whole(codes, objects, blocks)
        if blocks == len(self.synthesis.sides):
            return cut(x, windows)
        return cut_out(self.synthesis.squares(x, blocks, corners, size, codes, objects), windows)

    def picture(self) -> Tensor:
        return self.generator.render(self.scene())

    def scene(self) -> Scene:
        """Its rows are the codes of all layers, then the objects'; the noise stays that of its seed."""
        latent = replace(
            self.given.latent, rows=self.rows.stored(), background=torch.zeros(0), truncation=0.0
        )
        provenance = dragged(self.given.provenance)
        return replace(self.given, layout=self.centres.stored(), latent=latent, provenance=provenance)

    def _has_heat(self) -> bool:
        return self.config.indoor or self.config.encoding not in ("none", "flatten")

    def _largest_encoded(self) -> int:
        """The largest side of which a layer has an encoding in front."""
        return max((self.network.sides[(int(i) + 1) // 2] for i in self.network.encodings), default=0)

    def _whole(self, codes: Tensor, objects: Objects | None, blocks: int | None) -> Tensor:
        heat, network = self._encoded(), self.network
        start = self.synthesis.const
        if network.entry is not None:
            start = start + network.entry(codes[:, 0]).unflatten(1, (-1, 4, 4))

        def before(i: int, x: Tensor) -> Tensor:
            kept = heat.layers[i]
            return x if kept is None else network.encodings[str(i)](x, kept)

        return self.synthesis.whole(codes, start=start, blocks=blocks, before=before, objects=objects)

    def _objects(self) -> Objects | None:
        return Objects(self.rows.objects(), self._encoded().maps) if self.config.indoor else None

    def _encoded(self) -> EncodedHeat:
        """What the layers need of the heatmap, kept while the centres stay."""
        leaf = self.centres.leaf
        moving = leaf.requires_grad and torch.is_grad_enabled()
        if moving or self._heat is None or self._version != leaf._version:
            levels = self.generator.levels_of(replace(self.given, layout=self.centres.layout()))
            heat = self.network.encode(levels)
            if moving:
                return heat
            self._heat, self._version = heat, leaf._version
        return self._heat


def own_scene(scene: Scene) -> Scene:
    """The scene without the other seeds that its layout names: their codes have become its own."""
    layout, latent = scene.layout, scene.latent
    assert isinstance(layout, Heatmaps)
    if layout.noise and layout.appearance is not None:
        latent = replace(latent, seed=layout.appearance)
    layout = replace(layout, looks=(), appearance=None, noise=False)
    return replace(scene, layout=layout, latent=replace(latent, palettes=()))
