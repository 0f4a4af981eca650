"""SpatialGAN on cats, and the plain StyleGAN2 beside it, first stage: supervised.

z and heatmap of every picture of the set are given (`framed_set`), and the generator has to paint the
picture: 6 L1, at full size and averaged over 4 x 4. Sides grow: 32, then 64. The second stage is in
`cats_adversarial`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.data.framing import Frames, draw_frames
from spatial_edit.generators.spatialgan.levels import Levels, on
from spatial_edit.generators.spatialgan.network import SpatialGAN
from spatial_edit.generators.stylegan2 import StyleGAN2Generator
from spatial_edit.nn.equalised import EqualisedLinear
from spatial_edit.nn.mapping import MappingNetwork
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.nn.stylegan2 import BlockOutput, ToRGB
from spatial_edit.train.cats_recipe import COUNT, CatsRecipe
from spatial_edit.train.ema import Ema
from spatial_edit.train.framed_set import FramedSet, levels_of
from spatial_edit.train.losses import perceptual
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import as_float, contact_sheet


def hear(mapping: nn.Module, scale: Tensor) -> None:
    """Scale what the first layer of a mapping hears of the first entries of its input, (n,): what varies more
    in pictures is heard more."""
    assert isinstance(mapping, MappingNetwork)
    cast("EqualisedLinear", mapping[1]).weight[:, : len(scale)] *= scale


class CatsTask:
    """Stage 1; a `Task` for the loop."""

    def __init__(self, recipe: CatsRecipe, data: FramedSet, segmenter: Segmenter | None) -> None:
        self.recipe, self.data, self.segmenter, self.batch = recipe, data, segmenter, recipe.batch
        torch.manual_seed(recipe.seed)
        network = SpatialGAN(recipe.spatial) if recipe.spatial else StyleGAN2Generator(recipe.plain)
        with torch.no_grad():
            hear(network.mapping, data.scale)
            for rgb in network.synthesis.rgbs:  # the first pictures are grey, not noise
                cast("ToRGB", rgb).conv.weight.mul_(0.1)
            if isinstance(network, SpatialGAN) and network.config.points:
                network.points_factor.copy_(recipe.push * torch.eye(COUNT))
        self.modules: dict[str, nn.Module] = {"generator": network}
        self.averages = {"generator": Ema(network)}
        groups = [
            {"params": list(network.synthesis.parameters()), "times": 1.0},
            {"params": list(network.mapping.parameters()), "times": recipe.mapping_rate},
        ]
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(groups, recipe.learning_rate, (0.9, 0.99))
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.frozen = {} if segmenter is None else {"segmenter": segmenter}

    def half(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.half_precision)

    def draw(self, count: int) -> tuple[Tensor, Tensor, Levels | None]:
        """Pictures, their z and levels."""
        index = torch.randint(len(self.data), (count,), generator=self.generator)
        device = device_of(self.modules["generator"])
        pictures = as_float(self.data.pictures[index]).to(device)
        levels = tuple(level[index] for level in self.data.levels)
        return pictures, self.data.z[index].to(device), on(levels, device) if self.recipe.spatial else None

    def paint(self, network: nn.Module, z: Tensor, levels: Levels | None, side: int = 0) -> Tensor:
        """Pictures of z, of the network's own side or of a smaller one (its RGB outputs sum up to there).
        Without noise, whose strength so stays 0: a young discriminator takes any noise for fur."""
        side = side or self.recipe.resolution
        with self.half(z.device):
            if isinstance(network, SpatialGAN):
                assert levels is not None
                blocks = self.blocks(network, z, levels)
            else:
                assert isinstance(network, StyleGAN2Generator)
                blocks = network.synthesis.blocks(network.codes(z))
            for block in blocks:
                if block.side == side:
                    assert block.rgb is not None
                    return block.rgb.float()
        raise ValueError(f"side {side}: this network has none of it")

    def blocks(self, network: SpatialGAN, z: Tensor, levels: Levels) -> Iterator[BlockOutput]:
        """The network's blocks for vectors as `draw` gives them."""
        return network.synthesis.blocks(network.codes(z, levels), None, network.synthesis.encode(levels))

    def repaint(
        self, count: int, side: int = 0, weight: float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor, Levels | None, dict[str, Tensor]]:
        """Painted pictures of the set, the pictures, the loss, their levels and the loss's parts. weight: of
        the perceptual loss, in the features of a frozen segmenter."""
        recipe = self.recipe
        target, z, levels = self.draw(count)
        z = z + recipe.z_noise * torch.randn(z.shape, generator=self.generator).to(z)
        painted = self.paint(self.modules["generator"], z, levels, side)
        target = F.avg_pool2d(target, target.shape[-1] // painted.shape[-1])
        apart = painted - target
        l1 = (apart.abs().mean() + F.avg_pool2d(apart, 4).abs().mean()) / 2
        loss, parts = recipe.l1 * l1, {"l1": l1.detach()}
        if self.segmenter is not None and weight:
            with self.half(painted.device):
                with torch.no_grad():
                    wanted = self.segmenter.features(target.contiguous(memory_format=torch.channels_last))
                seen = self.segmenter.features(painted.contiguous(memory_format=torch.channels_last))
                distance = perceptual(seen, wanted)
            loss = loss + weight * distance
            parts["perceptual"] = distance.detach()
        return painted, target, loss, levels, parts

    def set_rate(self, rate: float, progress: float, images: int) -> None:
        """Warm for 30 steps, flat for half of the run, then a cosine."""
        warm = min(1.0, (images + self.batch) / (30 * self.batch))
        late = torch.tensor(max(progress - 0.5, 0) * 2 * torch.pi)
        cosine = self.recipe.final_rate + (1 - self.recipe.final_rate) * 0.5 * (1 + late.cos().item())
        for group in self.optimisers["generator"].param_groups:
            group["lr"] = rate * warm * cosine * group["times"]

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        recipe = self.recipe
        self.set_rate(recipe.learning_rate, progress, images)
        side = next((side for side, until in recipe.growth if progress < until), 0)
        _, _, loss, _, parts = self.repaint(self.batch, side)
        optimiser = self.optimisers["generator"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
        return {"loss": loss.detach(), **parts}

    def fresh(self, count: int, network: nn.Module) -> tuple[Tensor, Levels | None]:
        """z ~ N(0, 1); frames at random, offsets from the prior."""
        z = torch.randn(count, self.recipe.z_dim, generator=self.generator).to(device_of(network))
        if not isinstance(network, SpatialGAN):
            return z, None
        frames = draw_frames(count, self.recipe.frames, self.generator)
        normal = torch.randn(count, COUNT, generator=self.generator).to(network.points_mean)
        offsets = network.points_mean + normal @ network.points_factor.T
        return z, levels_of(offsets, Frames(*(t.to(offsets) for t in frames)))

    @torch.no_grad()
    def sheet(self) -> Tensor:
        """Pictures of the set, repainted by the averaged weights; pictures from z."""
        state = self.generator.get_state()
        self.generator.manual_seed(1)
        network = self.averages["generator"].module
        target, z, levels = self.draw(16)
        again = self.paint(network, z, levels)
        fresh = self.paint(network, *self.fresh(32, network))
        self.generator.set_state(state)
        return contact_sheet(torch.cat([target, again, fresh]).clamp(-1, 1), 8, enlarge=2)

    def metrics(self) -> dict[str, float]:
        return {}

    @torch.no_grad()
    def measure(self) -> None:
        """Set the averaged generator's mean code."""
        network = self.averages["generator"].module
        if isinstance(network, SpatialGAN):
            z = torch.randn(8192, self.recipe.z_dim, generator=torch.Generator().manual_seed(0))
            network.w_mean.copy_(network.mapping(z.to(network.w_mean)).mean(0))
        else:
            assert isinstance(network, StyleGAN2Generator)
            network.measure_mean(8192, torch.Generator().manual_seed(0))
