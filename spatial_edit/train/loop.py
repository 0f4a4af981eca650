"""The training loop that every recipe runs in: time-budgeted, resumable bit for bit, guarded against NaN.

A recipe is a `Task`: named modules, their optimisers, one torch.Generator, and a `step`. The loop owns time,
checkpoints, sample sheets and metrics lines. Learning-rate schedules follow `progress` in [0, 1]: images seen
/ images planned. With `images` given the plan is fixed and a resumed run equals an uninterrupted one bit for
bit; with `minutes` alone the plan is measured in the first seconds and corrected every minute, so that the
schedule ends when the time does."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from spatial_edit.train.ema import Ema

REPLAN_SECONDS = 60.0
CHECKPOINT_SECONDS = 120.0
NAN_LIMIT = 20  # skipped steps in a row before the run gives up


class Task(Protocol):
    """What a recipe offers to the loop."""

    batch: int
    modules: dict[str, nn.Module]
    averages: dict[str, Ema]
    optimisers: dict[str, torch.optim.Optimizer]
    generator: torch.Generator

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        """One update of all modules; returns the losses to log (detached scalars)."""
        ...

    def sheet(self) -> Tensor | None:
        """(3, H, W) in [-1, 1]: a picture worth looking at, or None."""
        ...

    def metrics(self) -> dict[str, float]:
        """Validation numbers."""
        ...


@dataclass(frozen=True)
class Plan:
    """How long, where to, how often. Either `minutes` or `images` ends the run."""

    out: Path
    minutes: float = 1.0
    images: int | None = None
    resume: bool = False
    report_seconds: float = 240.0
    quiet: bool = False


@dataclass
class Progress:
    """What a checkpoint remembers beside tensors."""

    images: int = 0
    steps: int = 0
    seconds: float = 0.0
    planned: float = 0.0
    skipped: int = 0
    losses: dict[str, float] = field(default_factory=dict)


def save_state(task: Task, progress: Progress, path: Path) -> None:
    """Everything needed to go on, written to a temporary file first."""
    state: dict[str, Any] = {
        "modules": {k: m.state_dict() for k, m in task.modules.items()},
        "averages": {k: e.module.state_dict() for k, e in task.averages.items()},
        "optimisers": {k: o.state_dict() for k, o in task.optimisers.items()},
        "generator": task.generator.get_state(),
        "progress": vars(progress),
    }
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    os.replace(temporary, path)


def load_state(task: Task, path: Path) -> Progress:
    """Continue from `save_state`'s file; tensors only, nothing in the file is executed."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, module in task.modules.items():
        module.load_state_dict(state["modules"][name])
    for name, average in task.averages.items():
        average.module.load_state_dict(state["averages"][name])
    for name, optimiser in task.optimisers.items():
        optimiser.load_state_dict(state["optimisers"][name])
    task.generator.set_state(state["generator"])
    return Progress(**state["progress"])


def run(task: Task, plan: Plan) -> Progress:
    """Train until the plan ends; returns what was reached. The last state is in `plan.out / state.pt`."""
    from tqdm import tqdm

    plan.out.mkdir(parents=True, exist_ok=True)
    state_file = plan.out / "state.pt"
    progress = load_state(task, state_file) if plan.resume and state_file.exists() else Progress()
    clock = _Clock(plan, progress)
    bar = tqdm(total=None, disable=plan.quiet, unit="img", mininterval=5.0)
    bad = 0
    while not clock.finished(progress):
        losses = task.step(clock.fraction(progress), progress.images)
        values = {name: float(value) for name, value in losses.items()}
        progress.images += task.batch
        progress.steps += 1
        if all(math.isfinite(v) for v in values.values()):
            bad = 0
            progress.losses = {k: 0.98 * progress.losses.get(k, v) + 0.02 * v for k, v in values.items()}
        else:
            bad += 1
            progress.skipped += 1
            if bad >= NAN_LIMIT:
                raise FloatingPointError(
                    f"the loss was not finite for {bad} steps in a row: lower the learning rate"
                )
        for name, average in task.averages.items():
            average.update(task.modules[name], task.batch, progress.images)
        bar.update(task.batch)
        clock.tick(progress)
        if clock.due("checkpoint", CHECKPOINT_SECONDS):
            save_state(task, progress, state_file)
        if clock.due("report", plan.report_seconds):
            report(task, progress, plan)
    bar.close()
    save_state(task, progress, state_file)
    report(task, progress, plan)
    return progress


def report(task: Task, progress: Progress, plan: Plan) -> dict[str, float]:
    """One metrics line in `metrics.jsonl` and one sample sheet."""
    rate = progress.images / max(progress.seconds, 1e-9)
    line = {
        "images": progress.images,
        "minutes": round(progress.seconds / 60, 2),
        "images_per_second": round(rate, 1),
        **{k: round(v, 5) for k, v in progress.losses.items()},
        **{k: round(v, 5) for k, v in task.metrics().items()},
    }
    with (plan.out / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps(line) + "\n")
    if not plan.quiet:
        print(json.dumps(line), flush=True)
    picture = task.sheet()
    if picture is not None:
        from PIL import Image

        pixels = ((picture.clamp(-1, 1) + 1) * 127.5 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        Image.fromarray(pixels).save(plan.out / f"sheet_{progress.images:08d}.png")
    return line


class _Clock:
    """Decides what is due and how far along the plan is."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan = plan
        self.start = self.last = time.monotonic()
        self.before = progress.seconds
        self.first_images = progress.images
        self.marks: dict[str, float] = {}
        if plan.images is not None:
            progress.planned = float(plan.images)
        self.replanned = self.start

    def tick(self, progress: Progress) -> None:
        now = time.monotonic()
        progress.seconds = self.before + now - self.start
        if self.plan.images is None and (progress.planned == 0 or now - self.replanned > REPLAN_SECONDS):
            spent = now - self.start
            if spent > 2:
                rate = (progress.images - self.first_images) / spent
                left = max(self.plan.minutes * 60 - spent, 0)
                progress.planned = progress.images + rate * left
                self.replanned = now

    def fraction(self, progress: Progress) -> float:
        return min(progress.images / progress.planned, 1.0) if progress.planned else 0.0

    def finished(self, progress: Progress) -> bool:
        if self.plan.images is not None:
            return progress.images >= self.plan.images
        return time.monotonic() - self.start >= self.plan.minutes * 60

    def due(self, name: str, seconds: float) -> bool:
        now = time.monotonic()
        if now - self.marks.setdefault(name, self.start) < seconds:
            return False
        self.marks[name] = now
        return True
