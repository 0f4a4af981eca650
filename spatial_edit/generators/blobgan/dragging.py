"""A BlobGAN to be dragged, our compact one or a published one: the vectors of the blobs and of the background
change, and the blobs' centres, through which gradients flow by way of the splat.

There is one code for the whole depth of the network, so that the spaces w and w+ are the same here. The
decoders modulate every pixel by what the whole layout spreads there: features are computed as whole maps.
Appearances from other seeds are mixed in as before; their shares stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.shape import splat
from spatial_edit.generators.dragging import CODES, LAYOUT, Anchor, Window, cut, dragged
from spatial_edit.generators.stylegan2_dragging import adapted
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.layouts.blobs import CENTRE_RANGE
from spatial_edit.nn.stylegan2 import BlockOutput

if TYPE_CHECKING:
    from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
    from spatial_edit.generators.blobgan.renderer import BlobGenerator


class _BlobDragging:
    """What both have in common. The variable "codes" holds all rows of the latent, then the background."""

    def __init__(self, scene: Scene, side: int) -> None:
        assert isinstance(scene.layout, Blobs)
        self.given, self.blobs, self.side, self.feature_side = scene, scene.layout, side, side // 2
        latent, blobs = scene.latent, self.blobs
        self.codes = torch.cat([latent.rows.flatten(), latent.background]).detach().float().clone()
        self.centres = blobs.centres.detach().float().clone()
        free = [not (a or b) for a, b in zip(blobs.hidden, blobs.locked, strict=True)]
        self.free = torch.tensor(free, dtype=torch.bool)[:, None]
        self.anchors: Sequence[Anchor] = tuple(Anchor(0, None, may) for may in free)

    @property
    def variables(self) -> Mapping[str, Tensor]:
        return {CODES: self.codes, LAYOUT: self.centres}

    def features(self) -> Tensor:
        for block in self._blocks():
            if block.side == self.feature_side:
                return block.features
        raise AssertionError("half the side of a power of two is a side of the decoder")

    def windows(self, windows: Sequence[Window]) -> list[Tensor]:
        return cut(self.features(), windows)

    def scene(self) -> Scene:
        """Its rows and background are the changed ones."""
        with torch.no_grad():
            now = self._now()
        latent = replace(now.latent, rows=now.latent.rows.clone(), background=now.latent.background.clone())
        return replace(now, latent=latent, provenance=dragged(self.given.provenance))

    def _now(self) -> Scene:
        """The scene of now; gradients flow to the variables."""
        latent = self.given.latent
        count = latent.rows.numel()
        rows, background = self.codes[:count].view_as(latent.rows), self.codes[count:]
        centres = torch.where(self.free, self.centres.clamp(*CENTRE_RANGE), self.blobs.centres)
        return replace(
            self.given,
            layout=replace(self.blobs, centres=centres),
            latent=replace(latent, rows=rows, background=background),
        )

    def _blocks(self) -> Iterator[BlockOutput]:
        raise NotImplementedError


class CompactDragging(_BlobDragging):
    """A `Dragging` of a scene of our BlobGAN."""

    def __init__(self, generator: BlobGenerator, scene: Scene) -> None:
        generator.checked(scene)
        super().__init__(scene, generator.model.config.compact.resolution)
        self.generator, self.decoder = generator, adapted(generator.model.decoder, scene.delta)

    def picture(self) -> Tensor:
        return self.generator.render(self.scene())

    def _blocks(self) -> Iterator[BlockOutput]:
        geometry, rows, slots, background = self.generator.inputs([self._now()])
        maps = splat(geometry, self.side)
        return self.decoder.stages(geometry, rows, slots, background, maps)


class PublishedDragging(_BlobDragging):
    """A `Dragging` of a scene of a published BlobGAN."""

    def __init__(self, generator: PublishedScenes, scene: Scene) -> None:
        generator.checked(scene)
        super().__init__(scene, generator.model.config.resolution)
        self.generator, self.decoder = generator, adapted(generator.model.generator, scene.delta)

    def picture(self) -> Tensor:
        return self.generator.render(self.scene())

    def _blocks(self) -> Iterator[BlockOutput]:
        return self.decoder.blocks(*self.generator.inputs([self._now()]))
