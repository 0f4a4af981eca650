"""The paper's training of BlobGAN, unchanged (Epstein et al. 2022, section 3.3 and appendix E).

    G:  softplus(-D(G(z)))                                        every step
    D:  softplus(-D(x)) + softplus(D(G(z')))                      every step, fresh z'
        + 16 * 50 * mean ||d D(x) / d x||^2                       every 16th step (R1)

No reconstruction, diversity or layout loss of any kind. One AdamW (weight decay 0, eps 1e-5) for layout
network and decoder, lr 0.002, betas (0, 0.99); one for D with the lazy ratio 16/17 on lr and betas. fp32.
Average: 0.5^(32 / 10000) a step whatever the batch. Blobs are jittered in every generator call by
(0.04, 0.5, 0.1 rad); ours turns them by the drawn angle, the released code mirrored half of them. Also
different: the average is taken after the step, and R1 counts steps from the start of the run, not of the
epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.checkpoints import save as save_checkpoint
from spatial_edit.data.photos import Photos
from spatial_edit.generators.blobgan.jitter import Jitter
from spatial_edit.generators.blobgan.published import PublishedBlobGAN, PublishedConfig, discriminator_widths
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.train.ema import Ema, FixedEma
from spatial_edit.train.loop import Plan, run
from spatial_edit.train.losses import gradient_penalty, set_trainable
from spatial_edit.train.parallel import all_finite, device_of, is_main, process_count
from spatial_edit.train.scenes import as_float, contact_sheet, team_pool


class Source(Protocol):
    """Pictures by number."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int] | Tensor) -> Tensor:
        """(B, 3, R, R) uint8."""
        ...


class Rooms:
    """A pool's pictures as a source."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, indices: Sequence[int] | Tensor) -> Tensor:
        return self.pictures[torch.as_tensor(indices)]


@dataclass(frozen=True)
class PublishedRecipe:
    """A complete configuration. photos: a folder or a zip; when empty, `pool_size` rooms are rendered."""

    config: PublishedConfig = field(default_factory=PublishedConfig.official_256)
    channels: tuple[tuple[int, int], ...] = tuple(discriminator_widths().items())
    batch: int = 24  # a process
    learning_rate: float = 0.002
    eps: float = 1e-5
    r1: float = 50.0
    lazy: int = 16
    decay: float = 0.5 ** (32 / 10_000)
    jitter: bool = True
    released_jitter: bool = False  # the released code's mirrored angles, for comparison alone
    seed: int = 0
    photos: str = ""
    pool_size: int = 0
    pool_seed: int = 100_000
    images: int | None = None
    quiet: bool = False


class PublishedTask:
    """Adversarial training of layout network and decoder; a `Task` for the loop."""

    def __init__(self, recipe: PublishedRecipe, source: Source) -> None:
        self.recipe, self.source, self.batch = recipe, source, recipe.batch
        torch.manual_seed(recipe.seed)
        model = PublishedBlobGAN(recipe.config)
        judge = Discriminator(recipe.config.resolution, dict(recipe.channels))
        self.modules: dict[str, nn.Module] = {"generator": model, "discriminator": judge}
        self.averages: dict[str, Ema] = {"generator": FixedEma(model, recipe.decay)}
        ratio = recipe.lazy / (recipe.lazy + 1)
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "generator": self.adamw(model.parameters(), 1.0),
            "discriminator": self.adamw(judge.parameters(), ratio),
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)

    def adamw(self, weights: object, ratio: float) -> torch.optim.AdamW:
        """The published optimiser; ratio: lr * ratio, betas ** ratio (Karras et al. 2020, appendix B)."""
        recipe = self.recipe
        return torch.optim.AdamW(
            weights,  # type: ignore[arg-type]
            recipe.learning_rate * ratio,
            (0.0, 0.99**ratio),
            eps=recipe.eps,
            weight_decay=0.0,
        )

    @property
    def device(self) -> torch.device:
        return device_of(self.modules["generator"])

    def draw_real(self) -> Tensor:
        """(batch, 3, R, R) in [-1, 1], each picture mirrored with probability 1/2."""
        index = torch.randint(len(self.source), (self.batch,), generator=self.generator)
        mirrored = torch.rand(self.batch, 1, 1, 1, generator=self.generator) < 0.5
        pictures = as_float(self.source.batch(index))
        return torch.where(mirrored, pictures.flip(3), pictures).to(self.device)

    def draw_fake(self, network: nn.Module, count: int, jittered: bool = True) -> Tensor:
        """Pictures from fresh z, jitter and noise."""
        assert isinstance(network, PublishedBlobGAN)
        config = network.config
        z = torch.randn(count, config.noise_dim, generator=self.generator).to(self.device)
        jitter = self.draw_jitter(count) if jittered and self.recipe.jitter else None
        return network(z, self.draw_noise(network, count), jitter=jitter)

    def draw_jitter(self, count: int) -> Jitter:
        """On the modules' device, from the task's own generator."""
        drawn = Jitter.draw(count, self.recipe.config.blobs, self.generator)
        x, y, angle, score = (t.to(self.device) for t in (drawn.x, drawn.y, drawn.angle, drawn.score))
        return Jitter(x, y, angle, score, released_jitter=self.recipe.released_jitter)

    def draw_noise(self, network: PublishedBlobGAN, count: int) -> list[Tensor]:
        sides = network.generator.noise_sides
        return [torch.randn(count, 1, r, r, generator=self.generator).to(self.device) for r in sides]

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        real = self.draw_real()
        generator_losses = self.step_generator(real)
        return {**generator_losses, **self.step_discriminator(real, images)}

    def step_generator(self, real: Tensor) -> dict[str, Tensor]:
        """G's and F's update; `real` is not looked at here."""
        judge = self.modules["discriminator"]
        set_trainable(judge, False)
        loss = F.softplus(-judge(self.draw_fake(self.modules["generator"], self.batch))).mean()
        self.update("generator", loss)
        set_trainable(judge, True)
        return {"generator": loss.detach()}

    def step_discriminator(self, real: Tensor, images: int) -> dict[str, Tensor]:
        """D's update on the same real pictures and new fakes."""
        judge, recipe = self.modules["discriminator"], self.recipe
        penal = images // (self.batch * process_count()) % recipe.lazy == 0
        with torch.no_grad():
            fake = self.draw_fake(self.modules["generator"], self.batch)
        real = real.detach().requires_grad_(penal)
        logits = judge(real)
        loss = F.softplus(-logits).mean() + F.softplus(judge(fake)).mean()
        total = loss
        if penal:
            total = loss + recipe.r1 * recipe.lazy * gradient_penalty(logits, [real])
        self.update("discriminator", total)
        return {"discriminator": loss.detach()}

    def update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()

    @torch.no_grad()
    def sheet(self) -> Tensor:
        state = self.generator.get_state()
        self.generator.manual_seed(1)
        pictures = self.draw_fake(self.averages["generator"].module, 16, jittered=False)
        self.generator.set_state(state)
        return contact_sheet(pictures, 8)

    def metrics(self) -> dict[str, float]:
        return {}


def source_of(recipe: PublishedRecipe, out: Path, say: Callable[[str], None]) -> Source:
    """The recipe's pictures. ValueError when it names none."""
    side = recipe.config.resolution
    if recipe.photos:
        return Photos(recipe.photos, side)
    if not recipe.pool_size:
        raise ValueError("this recipe trains on your photos: --set photos=FOLDER (or a zip)")
    return Rooms(team_pool(out / "pool", recipe.pool_size, recipe.pool_seed, side, say).pictures)


def train_published(
    recipe: PublishedRecipe, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Train and save the averaged generator to `out / model`."""
    return finish(PublishedTask(recipe, source_of(recipe, out, say)), minutes, out, resume)


def finish(task: PublishedTask, minutes: float, out: Path, resume: bool) -> dict[str, float]:
    """Run the loop and write the checkpoint."""
    recipe = task.recipe
    progress = run(task, Plan(out / "training", minutes, recipe.images, resume, quiet=recipe.quiet))
    if is_main():
        network = task.averages["generator"].module
        save_checkpoint(out / "model", network, {"kind": "blobgan-published", **asdict(recipe.config)})
    figures = {"images": float(progress.images), "minutes": progress.seconds / 60}
    return {**figures, **progress.losses, **task.metrics()}
