"""The baseline: a plain StyleGAN2 with as many parameters as the rooms model's generator, shown as many
pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.checkpoints import save as save_checkpoint
from spatial_edit.data.rooms.pool import Pool
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.train.adversarial import Adversary, AdversaryRecipe
from spatial_edit.train.ema import Ema
from spatial_edit.train.loop import Plan, run
from spatial_edit.train.parallel import all_finite, device_of, is_main
from spatial_edit.train.scenes import as_float, contact_sheet, held_out, team_pool


def _equal_size() -> StyleGAN2Config:
    return StyleGAN2Config(resolution=64, channels={4: 192, 8: 192, 16: 128, 32: 64, 64: 32})


@dataclass(frozen=True)
class StyleGAN2Recipe:
    """Rates of the baseline."""

    config: StyleGAN2Config = field(default_factory=_equal_size)
    adversary: AdversaryRecipe = AdversaryRecipe()
    batch: int = 16
    learning_rate: float = 2e-3
    half_precision: bool = True
    seed: int = 0
    pool_size: int = 12_288
    pool_seed: int = 100_000
    images: int | None = None


class StyleGAN2Task:
    """Adversarial training from nothing; a `Task` for the loop."""

    def __init__(self, recipe: StyleGAN2Recipe, pool: Pool) -> None:
        self.recipe, self.pool, self.batch = recipe, pool, recipe.batch
        torch.manual_seed(recipe.seed)
        generator = StyleGAN2Generator(recipe.config)
        self.adversary = Adversary(recipe.adversary, recipe.config.resolution)
        self.modules: dict[str, nn.Module] = {"generator": generator, "discriminator": self.adversary.network}
        self.averages = {"generator": Ema(generator)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(generator.parameters(), recipe.learning_rate, (0.0, 0.99)),
            "discriminator": self.adversary.optimiser,
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.dtype = torch.bfloat16 if recipe.half_precision else torch.float32

    def draw(self) -> Tensor:
        held = held_out(len(self.pool))
        index = torch.randint(held, len(self.pool), (self.batch,), generator=self.generator)
        pictures = as_float(self.pool.pictures[index]).to(device_of(self.modules["generator"]))
        return pictures.flip(3) if torch.rand((), generator=self.generator) < 0.5 else pictures

    def paint(self, network: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(network, StyleGAN2Generator)
        device = device_of(network)
        sides = network.synthesis.noise_sides
        noise = [torch.randn(len(z), 1, r, r, generator=self.generator).to(device) for r in sides]
        with torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.half_precision):
            return network(z.to(device), noise).float()

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        z = torch.randn(self.batch, self.recipe.config.z_dim, generator=self.generator)
        fake = self.paint(self.modules["generator"], z)
        loss, critic = self.adversary.round(self.draw(), fake, images)
        optimiser = self.optimisers["generator"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss, critic):
            optimiser.step()
            self.adversary.step()
        return {"generator": loss.detach(), "discriminator": critic}

    @torch.no_grad()
    def sheet(self) -> Tensor:
        z = torch.randn(32, self.recipe.config.z_dim, generator=torch.Generator().manual_seed(1))
        state = self.generator.get_state()
        pictures = self.paint(self.averages["generator"].module, z)
        self.generator.set_state(state)
        return contact_sheet(pictures, 8, enlarge=2)

    def metrics(self) -> dict[str, float]:
        return {}


def train_stylegan2(
    recipe: StyleGAN2Recipe, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Render the pool, train, save to `out / model`."""
    pool = team_pool(out / "pool", recipe.pool_size, recipe.pool_seed, recipe.config.resolution, say)
    task = StyleGAN2Task(recipe, pool)
    progress = run(task, Plan(out / "training", minutes, recipe.images, resume))
    network = task.averages["generator"].module
    assert isinstance(network, StyleGAN2Generator)
    network.measure_mean(10_000, torch.Generator().manual_seed(0))
    if is_main():
        save_checkpoint(out / "model", network, {"kind": "stylegan2", **config_dict(recipe.config)})
    return {"images": float(progress.images), "minutes": progress.seconds / 60, **progress.losses}


def config_dict(config: StyleGAN2Config) -> dict[str, object]:
    """For config.json; widths as pairs, because JSON's keys are strings."""
    values = asdict(config)
    values["channels"] = [[side, width] for side, width in config.channels.items()]
    return values
