"""An EqGAN-SA to be dragged: the first rows of w+ change, and the centres of the heatmap.

Its encodings are in front of every layer and look at whole maps, so that no part of a map can be computed by
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spatial_edit.generators.dragging import CODES, LAYOUT, Anchor, Space, Window, cut, dragged
from spatial_edit.generators.spatialgan.dragging import HeatmapCentres, own_scene
from spatial_edit.generators.spatialgan.eqgan import Heat
from spatial_edit.generators.spatialgan.heatmap import HeatmapLevel
from spatial_edit.generators.stylegan2_dragging import Rows, adapted
from spatial_edit.layouts import Scene
from spatial_edit.layouts.heatmaps import Heatmaps

if TYPE_CHECKING:
    from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes


class EqGANDragging:
    """A `Dragging` of a scene of EqGAN-SA."""

    def __init__(self, generator: EqGANScenes, scene: Scene, space: Space = "w+") -> None:
        self.generator = generator
        self.side = generator.model.config.resolution
        self.feature_side = self.side // 2
        self.network = adapted(generator.model.synthesis, scene.delta)
        with torch.no_grad():
            codes, _, self.noise = generator.inputs([scene])
        if codes.dim() == 2:
            codes = codes[:, None].expand(-1, self.network.num_codes, -1)
        self.rows, self.given = Rows(codes, space), own_scene(scene)
        assert isinstance(self.given.layout, Heatmaps)
        self.centres = HeatmapCentres(self.given.layout)
        self.anchors: Sequence[Anchor] = self.centres.anchors
        self._heat: list[Heat] | None = None
        self._version = -1

    @property
    def variables(self) -> Mapping[str, Tensor]:
        return {CODES: self.rows.leaf, LAYOUT: self.centres.leaf}

    def features(self) -> Tensor:
        for block in self.network.blocks(self.rows.codes(), self._encoded(), self.noise):
            if block.side == self.feature_side:
                return block.features
        raise AssertionError("half the side of a power of two is a side of the network")

    def windows(self, windows: Sequence[Window]) -> list[Tensor]:
        return cut(self.features(), windows)

    def picture(self) -> Tensor:
        return self.generator.render(self.scene())

    def scene(self) -> Scene:
        """Its rows are the codes of all layers."""
        latent = replace(self.given.latent, rows=self.rows.stored(), truncation=0.0)
        provenance = dragged(self.given.provenance)
        return replace(self.given, layout=self.centres.stored(), latent=latent, provenance=provenance)

    def _encoded(self) -> list[Heat]:
        """What the layers see of the heatmap, kept while the centres stay."""
        leaf = self.centres.leaf
        moving = leaf.requires_grad and torch.is_grad_enabled()
        if moving or self._heat is None or self._version != leaf._version:
            heat = self.network.encode(self.generator.model.maps(self._levels()))
            if moving:
                return heat
            self._heat, self._version = heat, leaf._version
        return self._heat

    def _levels(self) -> tuple[HeatmapLevel, ...]:
        return self.generator.levels_of(replace(self.given, layout=self.centres.layout()))
