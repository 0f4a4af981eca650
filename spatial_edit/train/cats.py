"""SpatialGAN on cats, and the plain StyleGAN2 beside it: the same photos, losses, rates and discriminator.

The set: every photo in several random frames, its parts pushed about a little (`data.framing`), so that the
centres of its heatmap are known: face, two eyes, two ears, nose, chest of an aligned photo, moved as the
frame and the push have moved them.

Stage 1, supervised: z is given, and the generator has to paint the picture: 6 L1 (at full size and averaged
over 4 x 4) + 0.5 perceptual (the frozen rooms segmenter). z are the whitened principal components of the
photo without its frame, so that SpatialGAN can learn where things are from the heatmap alone. The baseline
has no heatmap: its z are the components of the framed pictures. Sides grow: 16, 32, 64.

Stage 2, adversarial: half of the fakes are painted from z ~ N(0, 1) and centres drawn at random, half are
repaintings of the set, for which stage 1's loss stays on. SpatialGAN adds the alignment loss (`attention`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.data.framing import FrameRecipe, Frames, draw_frames, framed
from spatial_edit.generators.spatialgan.attention import aligned, features_of
from spatial_edit.generators.spatialgan.levels import Centres, Levels, on, stacked
from spatial_edit.generators.spatialgan.network import SpatialConfig, SpatialGAN
from spatial_edit.generators.spatialgan.prior import Framed
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.nn.equalised import EqualisedLinear
from spatial_edit.nn.mapping import MappingNetwork
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.nn.stylegan2 import BlockOutput, ToRGB
from spatial_edit.train.adversarial import Adversary, AdversaryRecipe
from spatial_edit.train.augment import recoloured
from spatial_edit.train.ema import Ema
from spatial_edit.train.losses import (
    gamma_schedule,
    gradient_penalty,
    perceptual,
    relativistic,
    set_trainable,
)
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import as_float, contact_sheet

FACE = ((0.495, 0.52),)
EYES = ((0.355, 0.5), (0.635, 0.5))
PARTS = ((0.22, 0.2), (0.78, 0.2), (0.495, 0.7), (0.495, 0.9))  # ears, nose, chest
POINTS = (FACE, EYES, PARTS)
SIGMAS = (0.25, 0.07, 0.09)  # at zoom 1
DISCRIMINATOR = ((4, 96), (8, 96), (16, 64), (32, 48), (64, 24))
MATCHED = (4, 8, 16, 32)  # sides of D's features
COUNT = 2 * sum(len(level) for level in POINTS)


@dataclass(frozen=True)
class CatsRecipe:
    """Both stages of both models. `spatial` None: the baseline."""

    spatial: SpatialConfig | None = SpatialConfig(
        z_dim=64, slopes=True, points=COUNT, prior=Framed(POINTS, SIGMAS)
    )
    plain: StyleGAN2Config = StyleGAN2Config(z_dim=64, w_dim=128, mapping_layers=4)
    adversary: AdversaryRecipe = AdversaryRecipe(channels=DISCRIMINATOR, burn_in=20_000, learning_rate=2e-3)
    frames: FrameRecipe = FrameRecipe()
    push: float = 0.02  # standard deviation of the offsets, fractions of the photo's side
    views: int = 5  # frames of every photo
    batch: int = 8
    growth: tuple[tuple[int, float], ...] = ((32, 0.4),)  # smaller sides, and until when
    learning_rate: float = 1e-2
    adversarial_rate: float = 3e-3
    final_rate: float = 0.1
    mapping_rate: float = 30.0  # of stage 1, beside the slow rate that the mapping has of itself
    l1: float = 6.0
    perceptual: float = 0.0
    z_noise: float = 0.1
    align: float = 0.05
    weight: float = 0.2  # of the adversarial loss
    matching: float = 2.0  # of D's features on repaintings
    repainting: float = 0.5  # of stage 1's loss beside it
    half_precision: bool = True
    seed: int = 0

    @property
    def resolution(self) -> int:
        return (self.spatial or self.plain).resolution

    @property
    def z_dim(self) -> int:
        return (self.spatial or self.plain).z_dim


def levels_of(offsets: Tensor, frames: Frames) -> Levels:
    """The heatmap of framed photos whose points lie `offsets` (B, COUNT) beside the usual ones."""
    result, start = [], 0
    for points, sigma in zip(POINTS, SIGMAS, strict=True):
        own = offsets[:, start : start + 2 * len(points)].unflatten(1, (-1, 2))
        start += 2 * len(points)
        usual = torch.tensor(points, device=offsets.device)
        sigmas = (sigma * frames.zoom)[:, None].expand(-1, len(points))
        result.append(Centres(frames.place(usual + own), sigmas, torch.ones_like(sigmas)))
    return tuple(result)


class Components:
    """Principal components of pictures (N, 3, R, R): z of a picture is its whitened coefficients, and so
    nearly N(0, 1)."""

    @torch.no_grad()
    def __init__(self, pictures: Tensor, count: int, seed: int = 0) -> None:
        flat = pictures.flatten(1)
        self.mean = flat.mean(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            _, spread, self.basis = torch.pca_lowrank(flat - self.mean, count, center=False, niter=3)
        self.scale = spread / len(flat) ** 0.5

    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, count) of pictures (B, 3, R, R)."""
        return (pictures.flatten(1) - self.mean) @ self.basis / self.scale


@dataclass(frozen=True, eq=False)
class FramedSet:
    """N framed pictures: uint8 (N, 3, R, R), their heatmaps, their z (N, z_dim), and how much each entry of z
    matters (z_dim,)."""

    pictures: Tensor
    levels: Levels
    z: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.pictures)


@torch.no_grad()
def framed_set(photos: Tensor, recipe: CatsRecipe) -> FramedSet:
    """The training set of photos (N, 3, h, h), uint8: `views` frames of each, every second one mirrored."""
    side, random = recipe.resolution, torch.Generator().manual_seed(recipe.seed)
    pictures, heat, upright = [], [], []
    for view in range(recipe.views):
        for part in photos.split(64):
            batch = as_float(part if view % 2 else part.flip(3))
            frames = draw_frames(len(batch), recipe.frames, random)
            offsets = (recipe.push * torch.randn(len(batch), COUNT, generator=random)).clamp(-0.05, 0.05)
            usual = torch.tensor([p for level in POINTS for p in level])
            views = framed(batch, frames, side, pushed=(usual, offsets.unflatten(1, (-1, 2))))
            pictures.append((views * 127.5 + 127.5).round().clamp(0, 255).byte())
            heat.append(levels_of(offsets, frames))
            if view < 2:
                upright.append(F.interpolate(batch, (side, side), mode="bilinear", antialias=True))
    everything = torch.cat(pictures)
    levels = tuple(
        Centres(
            *(torch.cat([getattr(h[i], name) for h in heat]) for name in ("centres", "sigmas", "heights"))
        )
        for i in range(len(POINTS))
    )
    if recipe.spatial is None:
        known = as_float(everything[torch.randperm(len(everything), generator=random)[:8192]])
        components = Components(known, recipe.z_dim, recipe.seed)
        z = torch.cat([components(as_float(part)) for part in everything.split(512)])
    else:
        known = torch.cat(upright)
        components = Components(known, recipe.z_dim, recipe.seed)
        two = components(known).unflatten(0, (2, -1)) if recipe.views > 1 else components(known)[None]
        z = torch.cat([two[view % len(two)] for view in range(recipe.views)])
    return FramedSet(everything, levels, z, components.scale / components.scale.square().mean().sqrt())


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
        """Pictures of z, of the network's own side or of a smaller one (its RGB outputs sum up to there)."""
        device, side = z.device, side or self.recipe.resolution
        noise = None  # its strength stays 0: a young discriminator takes any noise for fur
        with self.half(device):
            if isinstance(network, SpatialGAN):
                assert levels is not None
                blocks = self.blocks(network, z, levels, noise)
            else:
                assert isinstance(network, StyleGAN2Generator)
                blocks = network.synthesis.blocks(network.codes(z), noise)
            for block in blocks:
                if block.side == side:
                    assert block.rgb is not None
                    return block.rgb.float()
        raise ValueError(f"side {side}: this network has none of it")

    def blocks(
        self, network: SpatialGAN, z: Tensor, levels: Levels, noise: Sequence[Tensor] | None
    ) -> Iterator[BlockOutput]:
        """The network's blocks for vectors as `draw` gives them."""
        return network.synthesis.blocks(network.codes(z, levels), noise, network.synthesis.encode(levels))

    def repaint(
        self, count: int, side: int = 0
    ) -> tuple[Tensor, Tensor, Tensor, Levels | None, dict[str, Tensor]]:
        """Painted pictures of the set, the pictures, the loss, their levels and the loss's parts."""
        recipe = self.recipe
        target, z, levels = self.draw(count)
        z = z + recipe.z_noise * torch.randn(z.shape, generator=self.generator).to(z)
        painted = self.paint(self.modules["generator"], z, levels, side)
        target = F.avg_pool2d(target, target.shape[-1] // painted.shape[-1])
        apart = painted - target
        l1 = (apart.abs().mean() + F.avg_pool2d(apart, 4).abs().mean()) / 2
        loss, parts = recipe.l1 * l1, {"l1": l1.detach()}
        if self.segmenter is not None and recipe.perceptual and not side:
            with self.half(painted.device):
                with torch.no_grad():
                    wanted = self.segmenter.features(target.contiguous(memory_format=torch.channels_last))
                seen = self.segmenter.features(painted.contiguous(memory_format=torch.channels_last))
                distance = perceptual(seen, wanted)
            loss = loss + recipe.perceptual * distance
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


class Terms(NamedTuple):
    """What D says of a batch: G's loss, its own, the alignment's, and how far repaintings are from their
    pictures in its features."""

    generator: Tensor
    critic: Tensor
    align: Tensor
    matching: Tensor


class CatsAdversarialTask(CatsTask):
    """Stage 2; a `Task` for the loop."""

    def __init__(self, recipe: CatsRecipe, data: FramedSet, segmenter: Segmenter | None) -> None:
        super().__init__(recipe, data, segmenter)
        for group in self.optimisers["generator"].param_groups:
            group["betas"] = (0.0, 0.99)
            group["times"] = 1.0
        self.adversary = Adversary(recipe.adversary, recipe.resolution)
        self.modules["discriminator"] = self.adversary.network
        self.optimisers["discriminator"] = self.adversary.optimiser

    def start_from(self, first: CatsTask) -> None:
        """Go on from the averaged weights of stage 1."""
        state = first.averages["generator"].module.state_dict()
        self.modules["generator"].load_state_dict(state)
        self.averages["generator"].module.load_state_dict(state)

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        recipe, half = self.recipe, self.batch // 2
        self.set_rate(recipe.adversarial_rate, progress, images)
        network = self.modules["generator"]
        painted, target, loss, levels, parts = self.repaint(half)
        z, drawn = self.fresh(half, network)
        fake = torch.cat([painted, self.paint(network, z, drawn)])
        both = None
        if levels is not None and drawn is not None and recipe.align:
            both = stacked([levels, drawn])
        real = torch.cat([target, self.draw(half)[0]])
        terms = self.round(real, fake, both, images)
        loss = recipe.repainting * loss + recipe.weight * terms.generator
        loss = loss + recipe.align * terms.align + recipe.matching * terms.matching
        optimiser = self.optimisers["generator"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss, terms.critic):
            optimiser.step()
            self.adversary.step()
        return {"loss": loss.detach(), **parts, **{k: v.detach() for k, v in terms._asdict().items()}}

    def round(self, real: Tensor, fake: Tensor, levels: Levels | None, images: int) -> Terms:
        """As `Adversary.round`, on recoloured pictures, pairs alike; the first halves of real and fake show
        the same."""
        adversary, recipe, random = self.adversary, self.adversary.recipe, self.generator.get_state()
        batch, penal = len(real), (images // len(real)) % self.adversary.recipe.lazy == 0
        real = recoloured(real, self.generator)
        self.generator.set_state(random)
        fake = recoloured(fake, self.generator)
        held = fake.detach()
        if penal:
            real, held = real.clone().requires_grad_(True), held.clone().requires_grad_(True)
        both, features = self.seen(torch.cat([real, held]))
        critic = relativistic(both[:batch], both[batch:])
        total = critic
        if penal:
            gamma = gamma_schedule(images, recipe.gamma_start, recipe.gamma_end, recipe.burn_in)
            total = total + gradient_penalty(both, [real, held]) * (gamma / 2 * recipe.lazy)
        wanted = [f[: batch // 2].detach() for f in features]
        adversary.optimiser.zero_grad(set_to_none=True)
        total.backward()
        set_trainable(adversary.network, False)
        logits, features = self.seen(fake)
        matching = perceptual(tuple(f[: batch // 2] for f in features), tuple(wanted))
        align = fake.new_zeros(()) if levels is None else self.align(fake, logits, features, levels)
        generator = relativistic(logits, both[:batch].detach())
        set_trainable(adversary.network, True)
        return Terms(generator, critic.detach(), align, matching)

    def seen(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """D's logits and features of the sides 4, 8, 16 and 32."""
        half = pictures.to(self.adversary.dtype, memory_format=torch.channels_last)
        sides = [side for side in MATCHED if side < self.recipe.resolution]
        logits, features = features_of(self.adversary.network, half, sides)
        return logits.float(), features

    def align(self, pictures: Tensor, logits: Tensor, features: list[Tensor], levels: Levels) -> Tensor:
        """The alignment loss of pictures that D has seen."""
        maps = [level.draw(self.recipe.resolution) for level in levels]
        return aligned(logits, features[: len(maps)], maps).loss.float()
