"""Stage (ii) of the rooms model: from z to blobs and codes.

The trained encoder turns the pool into scene vectors; these are standardised, weighted and projected on their
principal components (`prepare`), and there either a rectified flow learns the map from noise (`FlowTask`,
what the bundled model uses) or the published eight-layer network is trained adversarially (`LayoutGanTask`,
the comparison)."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.data.rooms.blob_truth import flip
from spatial_edit.data.rooms.pool import Pool
from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.encoder import CodeEncoder
from spatial_edit.generators.blobgan.flow import FlowConfig, LayoutFlow
from spatial_edit.generators.blobgan.shape import PROFILE
from spatial_edit.generators.blobgan.vector import GEOMETRY, pack, slot_width, vector_length
from spatial_edit.metrics.truth import encode_truth
from spatial_edit.train.ema import Ema
from spatial_edit.train.parallel import all_finite, device_of, is_main
from spatial_edit.train.scenes import as_float, held_out

WEIGHTS = {
    "presence": 2.0,
    "geometry": 2.5,
    "profile": 1.0,
    "colour": 1.5,
    "code": 0.5,
    "planes": 2.0,
    "surface": 3.0,
}


def encode_pool(codes: CodeEncoder, pool: Pool, half_precision: bool = True) -> tuple[Tensor, Tensor]:
    """Scene vectors (2N, V) and masks of the pool's training part and its mirror image."""
    dtype = torch.bfloat16 if half_precision else torch.float32
    held = held_out(len(pool))
    parts = []
    for start in range(held, len(pool), 128):
        pictures, truth = as_float(pool.pictures[start : start + 128]), pool.truth[start : start + 128]
        parts.append(pack(encode_truth(codes, pictures, truth, dtype)))
        parts.append(pack(encode_truth(codes, pictures.flip(3), flip(truth), dtype)))
    vectors, masks = zip(*parts, strict=True)
    return torch.cat(vectors).cpu(), torch.cat(masks).cpu()


def entry_weights(config: CompactConfig) -> Tensor:
    """(V,) how much each entry of a scene vector matters in the principal components."""
    slot = torch.full((slot_width(config),), WEIGHTS["code"])
    slot[0] = WEIGHTS["presence"]
    slot[1:GEOMETRY] = WEIGHTS["geometry"]
    slot[GEOMETRY : GEOMETRY + PROFILE] = WEIGHTS["profile"]
    slot[GEOMETRY + PROFILE : GEOMETRY + PROFILE + 3] = WEIGHTS["colour"]
    background = torch.full((config.background,), WEIGHTS["code"] * 2)
    background[:15], background[15:30] = WEIGHTS["planes"], WEIGHTS["surface"]
    return torch.cat([slot.repeat(config.slots), background])


@torch.no_grad()
def prepare(flow: LayoutFlow, config: CompactConfig, vectors: Tensor, masks: Tensor, seed: int = 0) -> Tensor:
    """Set the flow's standardisation and components from data; returns the data's whitened coefficients (N,
    R)."""
    count = masks.sum(0).clamp(min=1)
    mean = (vectors * masks).sum(0) / count
    spread = (((vectors - mean).square() * masks).sum(0) / count).sqrt().clamp(min=1e-3)
    presence = torch.arange(config.slots) * slot_width(config)
    mean[presence], spread[presence] = 0.0, 1.0
    flow.mean.copy_(mean)
    flow.spread.copy_(spread / entry_weights(config))
    standard = (vectors - flow.mean) / flow.spread * masks
    flow.offset.copy_(standard.mean(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _, _, basis = torch.pca_lowrank(standard - flow.offset, flow.config.components, center=False, niter=3)
    flow.basis.copy_(basis)
    coefficients = (standard - flow.offset) @ basis
    flow.scale.copy_(coefficients.std(0))
    kept = coefficients.square().sum() / (standard - flow.offset).square().sum()
    if is_main():
        said = f"{flow.config.components} components keep {100 * float(kept):.1f} % of the weighted variance"
        print(said, file=sys.stderr)
    return coefficients / flow.scale


@dataclass(frozen=True)
class LayoutRecipe:
    """Rates of stage (ii)."""

    flow: FlowConfig = FlowConfig()
    batch: int = 512
    learning_rate: float = 1.5e-3
    seed: int = 0


class FlowSteps:
    """One step of a rectified flow on whitened coefficients `data` (N, R), for any recipe with a batch and a
    learning rate; what `FlowTask` and Box3D's sampler share."""

    recipe: Any
    batch: int
    data: Tensor
    importance: Tensor
    modules: dict[str, nn.Module]
    averages: dict[str, Ema]
    optimisers: dict[str, torch.optim.Optimizer]
    generator: torch.Generator

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        warm = min(1.0, images / (200 * self.batch) + 0.01)
        for group in self.optimisers["flow"].param_groups:
            group["lr"] = self.recipe.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * progress)) + 1e-5
        data = self.data[torch.randint(len(self.data), (self.batch,), generator=self.generator)]
        noise = torch.randn(data.shape, generator=self.generator)
        t = torch.sigmoid(torch.randn(self.batch, generator=self.generator))
        flow = self.modules["flow"]
        assert isinstance(flow, LayoutFlow)
        device = device_of(flow)
        data, noise, t = data.to(device), noise.to(device), t.to(device)
        with torch.autocast(device.type, torch.bfloat16):
            velocity = flow.velocity(noise + t[:, None] * (data - noise), t)
        loss = ((velocity.float() - (data - noise)).square() * self.importance.to(device)).mean()
        optimiser = self.optimisers["flow"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
        return {"flow": loss.detach()}


class FlowTask(FlowSteps):
    """Rectified flow on whitened coefficients; a `Task` for the loop."""

    def __init__(self, recipe: LayoutRecipe, config: CompactConfig, vectors: Tensor, masks: Tensor) -> None:
        self.recipe, self.batch = recipe, recipe.batch
        torch.manual_seed(recipe.seed)
        flow = LayoutFlow(recipe.flow, vector_length(config))
        self.data = prepare(flow, config, vectors, masks, recipe.seed)
        importance = (flow.scale / flow.scale[0]).sqrt()
        self.importance = importance / importance.mean()
        self.modules: dict[str, nn.Module] = {"flow": flow}
        self.averages = {"flow": Ema(flow, half_life=70 * recipe.batch, ramp=0.2)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "flow": torch.optim.AdamW(
                flow.velocity.parameters(), recipe.learning_rate, (0.9, 0.99), weight_decay=0.02
            )
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)

    def sheet(self) -> Tensor | None:
        return None

    def metrics(self) -> dict[str, float]:
        return {}


class PublishedLayout(nn.Module):
    """The published layout network's shape (pixel norm, eight linear layers) from z to whitened
    coefficients."""

    def __init__(self, components: int, hidden: int = 320, layers: int = 8) -> None:
        super().__init__()
        sizes = [components] + [hidden] * (layers - 1) + [components]
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(sizes)])

    def forward(self, z: Tensor) -> Tensor:
        x = z * (z.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.2) * math.sqrt(2)
        return self.layers[-1](x)


class LayoutGanTask:
    """The comparison: the published layout network trained adversarially on the same coefficients."""

    def __init__(self, recipe: LayoutRecipe, data: Tensor) -> None:
        self.recipe, self.batch, self.data = recipe, recipe.batch, data
        torch.manual_seed(recipe.seed)
        components = data.shape[1]
        layout = PublishedLayout(components)
        critic = nn.Sequential(
            nn.Linear(components, 512),
            nn.LeakyReLU(0.2),
            nn.Linear(512, 512),
            nn.LeakyReLU(0.2),
            nn.Linear(512, 1),
        )
        self.modules: dict[str, nn.Module] = {"layout": layout, "critic": critic}
        self.averages = {"layout": Ema(layout, half_life=70 * recipe.batch, ramp=0.2)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam(module.parameters(), 1e-3 if name == "critic" else 5e-4, (0.0, 0.99))
            for name, module in self.modules.items()
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        layout, critic = self.modules["layout"], self.modules["critic"]
        real = self.data[torch.randint(len(self.data), (self.batch,), generator=self.generator)]
        real = real.to(device_of(layout), copy=True).requires_grad_(True)
        fake = layout(torch.randn(self.batch, real.shape[1], generator=self.generator).to(real.device))
        held = fake.detach().requires_grad_(True)
        ahead, behind = critic(real), critic(held)
        slopes = torch.autograd.grad(ahead.sum() + behind.sum(), [real, held], create_graph=True)
        penalty = torch.stack([s.square().sum(1).mean() for s in slopes]).sum()
        loss = F.softplus(-(ahead - behind)).mean() + 0.1 * penalty
        self.optimisers["critic"].zero_grad(set_to_none=True)
        loss.backward()
        wanted = F.softplus(-(critic(fake) - ahead.detach())).mean()
        self.optimisers["layout"].zero_grad(set_to_none=True)
        gradients = torch.autograd.grad(wanted, list(layout.parameters()))
        for parameter, gradient in zip(layout.parameters(), gradients, strict=True):
            parameter.grad = gradient
        if all_finite(wanted, loss):
            self.optimisers["layout"].step()
            self.optimisers["critic"].step()
        return {"layout": wanted.detach(), "critic": loss.detach()}

    def sheet(self) -> Tensor | None:
        return None

    def metrics(self) -> dict[str, float]:
        return {}
