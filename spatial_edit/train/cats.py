"""SpatialGAN on cats, and the plain StyleGAN2 beside it: the same photos, losses, rates and discriminator.

Stage 1, autoencoder: an encoder reads z from a photo, the generator paints it, and the picture must come back:
6 L1 + 3 perceptual (the frozen rooms segmenter) + 0.001 KL(z || N(0, 1)). SpatialGAN reads z from the photo
without its frame and learns the frame from the heatmap alone, whose centres are known: two eyes, two ears,
nose, chest and face of an aligned photo, moved by its frame, plus offsets that the encoder reads (0.1 at most).
The baseline reads z from the framed photo: it has no heatmap.

Stage 2, adversarial: half of the fakes are painted from z ~ N(0, 1) and centres drawn at random, half are
reconstructions, for which stage 1's loss stays on. SpatialGAN adds the alignment loss (`attention`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.data.framing import FrameRecipe, Frames, draw_frames, framed
from spatial_edit.generators.spatialgan.attention import alignment
from spatial_edit.generators.spatialgan.levels import Centres, Levels
from spatial_edit.generators.spatialgan.network import SpatialConfig, SpatialGAN
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.train.adversarial import Adversary, AdversaryRecipe
from spatial_edit.train.augment import recoloured
from spatial_edit.train.ema import Ema
from spatial_edit.train.losses import gamma_schedule, gradient_penalty, perceptual, relativistic, set_trainable
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import as_float, contact_sheet

FACE = ((0.495, 0.52),)
EYES = ((0.355, 0.5), (0.635, 0.5))
PARTS = ((0.22, 0.2), (0.78, 0.2), (0.495, 0.7), (0.495, 0.9))  # ears, nose, chest
POINTS = (FACE, EYES, PARTS)
SIGMAS = (0.25, 0.07, 0.09)  # at zoom 1
REACH = 0.1  # of the learned offsets
COUNT = 2 * sum(len(level) for level in POINTS)


@dataclass(frozen=True)
class CatsRecipe:
    """Both stages of both models. `spatial` None: the baseline."""

    spatial: SpatialConfig | None = SpatialConfig(points=COUNT)
    plain: StyleGAN2Config = StyleGAN2Config()
    adversary: AdversaryRecipe = AdversaryRecipe(burn_in=10_000)
    frames: FrameRecipe = FrameRecipe()
    batch: int = 16
    learning_rate: float = 3e-3
    adversarial_rate: float = 1.5e-3
    final_rate: float = 0.1
    l1: float = 6.0
    perceptual: float = 3.0
    kl: float = 1e-3
    offsets: float = 0.05
    align: float = 0.25
    weight: float = 0.5  # of the adversarial loss beside the reconstruction's
    half_precision: bool = True
    seed: int = 0

    @property
    def resolution(self) -> int:
        return (self.spatial or self.plain).resolution


class PhotoEncoder(nn.Module):
    """Pictures (B, 3, 64, 64) -> mean and log variance of z (B, z_dim) each, and offsets (B, points)."""

    def __init__(self, z_dim: int, points: int, resolution: int = 64) -> None:
        super().__init__()
        widths = [3, 32, 64, 96, 128][: resolution.bit_length() - 2]
        self.layers = nn.Sequential()
        for a, b in itertools.pairwise(widths):
            self.layers.append(nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.GroupNorm(8, b), nn.LeakyReLU(0.2)))
        self.head = nn.Linear(widths[-1] * 16, 2 * z_dim + points)
        self.z_dim = z_dim
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        answer = self.head(self.layers(pictures).flatten(1)).float()
        mean, spread, offsets = answer.split([self.z_dim, self.z_dim, answer.shape[1] - 2 * self.z_dim], 1)
        return mean, spread.clamp(-8, 4) - 1, REACH * torch.tanh(offsets)


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


class CatsTask:
    """Stage 1; a `Task` for the loop."""

    def __init__(self, recipe: CatsRecipe, photos: Tensor, segmenter: Segmenter | None) -> None:
        self.recipe, self.photos, self.segmenter, self.batch = recipe, photos, segmenter, recipe.batch
        torch.manual_seed(recipe.seed)
        spatial = recipe.spatial
        network = SpatialGAN(spatial) if spatial else StyleGAN2Generator(recipe.plain)
        z_dim = (spatial or recipe.plain).z_dim
        encoder = PhotoEncoder(z_dim, COUNT if spatial else 0, recipe.resolution)
        self.modules: dict[str, nn.Module] = {"generator": network, "encoder": encoder}
        self.averages = {name: Ema(module) for name, module in self.modules.items()}
        weights = [*network.parameters(), *encoder.parameters()]
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "autoencoder": torch.optim.Adam(weights, recipe.learning_rate, (0.0, 0.99))
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.frozen = {} if segmenter is None else {"segmenter": segmenter}

    def half(self, device: torch.device):
        return torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.half_precision)

    def draw(self, count: int) -> tuple[Tensor, Tensor, Frames]:
        """Photos as they are, brought to the model's side; the same framed; the frames."""
        index = torch.randint(len(self.photos), (count,), generator=self.generator)
        photos = as_float(self.photos[index])
        if torch.rand((), generator=self.generator) < 0.5:
            photos = photos.flip(3)
        frames = draw_frames(count, self.recipe.frames, self.generator)
        device, side = device_of(self.modules["generator"]), self.recipe.resolution
        photos, frames = photos.to(device), Frames(*(t.to(device) for t in frames))
        small = F.interpolate(photos, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        return small, framed(photos, frames, side), frames

    def paint(self, network: nn.Module, z: Tensor, levels: Levels | None) -> Tensor:
        device = z.device
        sides = network.synthesis.noise_sides
        noise = [torch.randn(len(z), 1, r, r, generator=self.generator).to(device) for r in sides]
        with self.half(device):
            if isinstance(network, SpatialGAN):
                assert levels is not None
                return network(z, levels, noise).float()
            assert isinstance(network, StyleGAN2Generator)
            return network(z, noise).float()

    def encode(
        self, encoder: nn.Module, small: Tensor, target: Tensor, frames: Frames
    ) -> tuple[Tensor, Tensor, Tensor, Levels | None]:
        spatial = self.recipe.spatial is not None
        with self.half(small.device):
            mean, spread, offsets = encoder(small if spatial else target)
        return mean, spread, offsets, levels_of(offsets, frames) if spatial else None

    def reconstruct(self, count: int) -> tuple[Tensor, Tensor, Tensor, Levels | None, dict[str, Tensor]]:
        """Painted, target, loss, levels and the loss's parts."""
        recipe = self.recipe
        small, target, frames = self.draw(count)
        mean, spread, offsets, levels = self.encode(self.modules["encoder"], small, target, frames)
        noise = torch.randn(mean.shape, generator=self.generator).to(mean.device)
        painted = self.paint(self.modules["generator"], mean + (spread / 2).exp() * noise, levels)
        l1 = (painted - target).abs().mean()
        kl = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1).mean()
        loss = recipe.l1 * l1 + recipe.kl * kl
        parts = {"l1": l1.detach(), "kl": kl.detach()}
        if offsets.numel():
            loss = loss + recipe.offsets * (offsets / REACH).square().mean()
        if self.segmenter is not None:
            with self.half(painted.device):
                with torch.no_grad():
                    wanted = self.segmenter.features(target.contiguous(memory_format=torch.channels_last))
                seen = self.segmenter.features(painted.contiguous(memory_format=torch.channels_last))
                distance = perceptual(seen, wanted)
            loss = loss + recipe.perceptual * distance
            parts["perceptual"] = distance.detach()
        return painted, target, loss, levels, parts

    def set_rate(self, rate: float, progress: float, images: int) -> None:
        warm = min(1.0, (images + self.batch) / (30 * self.batch))
        late = max(progress - 0.5, 0) * 2
        cosine = self.recipe.final_rate + (1 - self.recipe.final_rate) * 0.5 * (
            1 + torch.cos(torch.tensor(late * torch.pi)).item()
        )
        for group in self.optimisers["autoencoder"].param_groups:
            group["lr"] = rate * warm * cosine

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        self.set_rate(self.recipe.learning_rate, progress, images)
        _, _, loss, _, parts = self.reconstruct(self.batch)
        optimiser = self.optimisers["autoencoder"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
        return {"loss": loss.detach(), **parts}

    def random_levels(self, count: int, network: nn.Module) -> Levels | None:
        """Frames at random, offsets from the prior."""
        if not isinstance(network, SpatialGAN):
            return None
        frames = draw_frames(count, self.recipe.frames, self.generator)
        normal = torch.randn(count, COUNT, generator=self.generator).to(network.points_mean)
        offsets = network.points_mean + normal @ network.points_factor.T
        return levels_of(offsets, Frames(*(t.to(offsets) for t in frames)))

    @torch.no_grad()
    def sheet(self) -> Tensor:
        """Photos, their reconstructions by the averaged weights; pictures from z."""
        state = self.generator.get_state()
        self.generator.manual_seed(1)
        network, encoder = (self.averages[name].module for name in ("generator", "encoder"))
        small, target, frames = self.draw(16)
        mean, _, _, levels = self.encode(encoder, small, target, frames)
        again = self.paint(network, mean, levels)
        z = torch.randn(32, mean.shape[1], generator=self.generator).to(mean)
        drawn = self.paint(network, z, self.random_levels(32, network))
        self.generator.set_state(state)
        return contact_sheet(torch.cat([target, again, drawn]).clamp(-1, 1), 8, enlarge=2)

    def metrics(self) -> dict[str, float]:
        return {}

    @torch.no_grad()
    def measure(self, count: int = 2048) -> None:
        """Set the average generator's mean code and the prior of the centres."""
        network, encoder = (self.averages[name].module for name in ("generator", "encoder"))
        z = torch.randn(8192, (self.recipe.spatial or self.recipe.plain).z_dim, generator=self.generator)
        if not isinstance(network, SpatialGAN):
            network.measure_mean(8192, torch.Generator().manual_seed(0))
            return
        network.w_mean.copy_(network.mapping(z.to(network.w_mean)).mean(0))
        offsets = torch.cat([self.encode(encoder, *self.draw(64))[2] for _ in range(count // 64)])
        network.points_mean.copy_(offsets.mean(0))
        jitter = 1e-8 * torch.eye(offsets.shape[1]).to(offsets)
        network.points_factor.copy_(torch.linalg.cholesky(torch.cov(offsets.T) + jitter))


class CatsAdversarialTask(CatsTask):
    """Stage 2; a `Task` for the loop."""

    def __init__(self, recipe: CatsRecipe, photos: Tensor, segmenter: Segmenter | None) -> None:
        super().__init__(recipe, photos, segmenter)
        self.adversary = Adversary(recipe.adversary, recipe.resolution)
        self.modules["discriminator"] = self.adversary.network
        self.optimisers["discriminator"] = self.adversary.optimiser

    def start_from(self, first: CatsTask) -> None:
        """Go on from the averaged weights of stage 1."""
        first.measure()
        for name in ("generator", "encoder"):
            state = first.averages[name].module.state_dict()
            self.modules[name].load_state_dict(state)
            self.averages[name].module.load_state_dict(state)

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        recipe, half = self.recipe, self.batch // 2
        self.set_rate(recipe.adversarial_rate, progress, images)
        network = self.modules["generator"]
        painted, _, loss, levels, parts = self.reconstruct(half)
        drawn = self.random_levels(half, network)
        z_dim = (recipe.spatial or recipe.plain).z_dim
        z = torch.randn(half, z_dim, generator=self.generator).to(painted)
        fake = torch.cat([painted, self.paint(network, z, drawn)])
        real = self.draw(self.batch)[1]
        maps = None
        if levels is not None and drawn is not None and recipe.align:
            maps = [torch.cat([a.draw(recipe.resolution), b.draw(recipe.resolution)]) for a, b in zip(levels, drawn, strict=True)]
        adversarial, critic, aligned = self.round(real, fake, maps, images)
        loss = loss + recipe.weight * adversarial + recipe.align * aligned
        optimiser = self.optimisers["autoencoder"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss, critic):
            optimiser.step()
            self.adversary.step()
        parts |= {"generator": adversarial.detach(), "discriminator": critic, "align": aligned.detach()}
        return {"loss": loss.detach(), **parts}

    def round(self, real: Tensor, fake: Tensor, maps: list[Tensor] | None, images: int) -> tuple[Tensor, Tensor, Tensor]:
        """As `Adversary.round`, on recoloured pictures and with the alignment loss."""
        adversary, recipe = self.adversary, self.adversary.recipe
        batch = len(real)
        penal = (images // batch) % recipe.lazy == 0
        real, fake = recoloured(real, self.generator), recoloured(fake, self.generator)
        held = fake.detach()
        if penal:
            real, held = real.clone().requires_grad_(True), held.clone().requires_grad_(True)
        both = adversary.logits(torch.cat([real, held]))
        critic = relativistic(both[:batch], both[batch:])
        total = critic
        if penal:
            gamma = gamma_schedule(images, recipe.gamma_start, recipe.gamma_end, recipe.burn_in)
            total = total + gradient_penalty(both, [real, held]) * (gamma / 2 * recipe.lazy)
        adversary.optimiser.zero_grad(set_to_none=True)
        total.backward()
        set_trainable(adversary.network, False)
        if maps is None:
            logits, aligned = adversary.logits(fake), fake.new_zeros(())
        else:
            seen = alignment(adversary.network, fake.to(adversary.dtype, memory_format=torch.channels_last), maps)
            logits, aligned = seen.logits.float(), seen.loss.float()
        generator = relativistic(logits, both[:batch].detach())
        set_trainable(adversary.network, True)
        return generator, critic.detach(), aligned
