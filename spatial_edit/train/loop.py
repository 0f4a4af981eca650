"""The training loop that every recipe runs in: time-budgeted, resumable bit for bit, guarded against NaN.

A recipe is a `Task`: named modules, their optimisers, one torch.Generator, and a `step`. The loop owns time,
state files, sample sheets and metrics lines. Learning-rate schedules follow `progress` in [0, 1]: images seen
/ images planned. With `images` given the plan is fixed and a resumed run equals an uninterrupted one bit for
bit; with `minutes` alone the plan is measured in the first seconds and corrected every minute, so that the
schedule ends when the time does.

accelerate decides the device and, under torchrun, the processes (`parallel`): each draws its own batches
(seed + rank), gradients are averaged, the main process keeps the time and writes the files. `images` counts
the pictures of all processes."""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spatial_edit.train.parallel import GradientHook, accelerator, shared, start_equal
from spatial_edit.train.state import Progress, Task, load_state, save_state

REPLAN_SECONDS = 60.0
CHECKPOINT_SECONDS = 120.0
FORECAST_SECONDS = 60.0  # when the run says how far it will get; a quarter of the budget when that is sooner
NAN_LIMIT = 20  # skipped steps in a row before the run gives up

__all__ = ["Diverged", "Plan", "Progress", "Task", "load_state", "report", "run", "save_state"]


class Diverged(ValueError, FloatingPointError):
    """The loss or its gradient was not finite for too many steps in a row."""


@dataclass(frozen=True)
class Plan:
    """How long, where to, how often. Either `minutes` or `images` ends the run. cpu: no GPU even where there
    is one."""

    out: Path
    minutes: float = 1.0
    images: int | None = None
    resume: bool = False
    report_seconds: float = 240.0
    quiet: bool = False
    cpu: bool = False


def run(task: Task, plan: Plan) -> Progress:
    """Train until the plan ends; returns what was reached. The last state is in `plan.out / state.pt`.

    Raises ValueError for a state file that does not fit, Diverged for a loss that stays NaN, OSError when the
    state cannot be written; the weights and the last state file are then whole."""
    from tqdm import tqdm

    team = accelerator(plan.cpu)
    plan.out.mkdir(parents=True, exist_ok=True)
    progress = _begin(task, plan, team)
    clock = _Clock(plan, progress)
    quiet = plan.quiet or not team.is_main_process
    bar = tqdm(total=plan.images, initial=progress.images, disable=quiet, unit="img", mininterval=5.0)
    hook = GradientHook(task.optimisers.values(), team)
    bad = 0
    try:
        while True:
            finished, fraction = shared([clock.finished(progress), clock.fraction(progress)], team.device)
            if finished:
                break
            losses = task.step(fraction, progress.images)
            bad = _count(task, progress, losses, hook.reset(), bad, team.num_processes)
            bar.update(task.batch * team.num_processes)
            clock.tick(progress)
            if progress.planned:
                bar.total = int(progress.planned)
            if (forecast := clock.forecast(progress)) and not quiet:
                bar.write(forecast, file=sys.stderr)
            saving, reporting = shared(
                [clock.due("checkpoint", CHECKPOINT_SECONDS), clock.due("report", plan.report_seconds)],
                team.device,
            )
            if saving:
                _save(task, progress, plan, team)
            if reporting:
                report(task, progress, plan, team.is_main_process)
    finally:
        hook.close()
        bar.close()
    _save(task, progress, plan, team)
    report(task, progress, plan, team.is_main_process)
    team.wait_for_everyone()
    return progress


def _begin(task: Task, plan: Plan, team: Any) -> Progress:
    """Modules on their device, equal in all processes; the generator of each process; the resumed state."""
    frozen = getattr(task, "frozen", {}).values()
    for module in [*task.modules.values(), *(e.module for e in task.averages.values()), *frozen]:
        module.to(team.device)
    state_file = plan.out / "state.pt"
    if plan.resume and state_file.exists():
        return load_state(task, state_file, team.process_index)
    start_equal([*task.modules.values(), *(e.module for e in task.averages.values())])
    if team.process_index:
        task.generator.manual_seed(task.generator.initial_seed() + team.process_index)
    return Progress()


def _count(
    task: Task, progress: Progress, losses: dict[str, Tensor], dropped: bool, bad: int, processes: int
) -> int:
    """Book-keeping after a step; returns how many steps in a row were skipped. Raises Diverged."""
    values = {name: float(value) for name, value in losses.items()}
    progress.images += task.batch * processes
    progress.steps += 1
    if not dropped and all(math.isfinite(v) for v in values.values()):
        bad = 0
        progress.losses = {k: 0.98 * progress.losses.get(k, v) + 0.02 * v for k, v in values.items()}
    else:
        bad += 1
        progress.skipped += 1
        if bad >= NAN_LIMIT:
            raise Diverged(f"the loss was not finite for {bad} steps in a row: lower the learning rate")
    for name, average in task.averages.items():
        average.update(task.modules[name], task.batch * processes, progress.images)
    return bad


def _save(task: Task, progress: Progress, plan: Plan, team: Any) -> None:
    """Collect the processes' generators; the main process writes."""
    generators: list[Tensor] = []
    if team.num_processes > 1:
        from accelerate.utils import gather_object

        generators = gather_object([task.generator.get_state()])
    if team.is_main_process:
        save_state(task, progress, plan.out / "state.pt", generators)


def report(task: Task, progress: Progress, plan: Plan, main: bool = True) -> dict[str, float]:
    """One metrics line in `metrics.jsonl` and one sample sheet. Every process measures, `main` writes."""
    rate = progress.images / max(progress.seconds, 1e-9)
    line = {
        "images": progress.images,
        "minutes": round(progress.seconds / 60, 2),
        "images_per_second": round(rate, 1),
        **{k: round(v, 5) for k, v in progress.losses.items()},
        **{k: round(v, 5) for k, v in task.metrics().items()},
    }
    if not main:
        return line
    with (plan.out / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps(line) + "\n")
    if not plan.quiet:
        print(json.dumps(line), file=sys.stderr, flush=True)  # standard output is the caller's
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
        self.start = time.monotonic()
        self.before = progress.seconds
        self.first_images = progress.images
        self.marks: dict[str, float] = {}
        self.forecasts = 0
        if plan.images is not None:
            progress.planned = float(plan.images)
        self.replanned = self.start

    def tick(self, progress: Progress) -> None:
        now = time.monotonic()
        progress.seconds = self.before + now - self.start
        if self.plan.images is None and (progress.planned == 0 or now - self.replanned > REPLAN_SECONDS):
            spent = now - self.start
            if spent > 2:
                left = max(self.plan.minutes * 60 - spent, 0)
                progress.planned = progress.images + self.rate(progress) * left
                self.replanned = now

    def rate(self, progress: Progress) -> float:
        """Images a second since this start."""
        return (progress.images - self.first_images) / max(time.monotonic() - self.start, 1e-9)

    def forecast(self, progress: Progress) -> str:
        """Once, after a minute: how fast it goes and how far it will get; empty otherwise."""
        spent, rate = time.monotonic() - self.start, self.rate(progress)
        wait = FORECAST_SECONDS
        if self.plan.images is None:
            wait = min(wait, self.plan.minutes * 15)
        if self.forecasts or spent < wait or not progress.planned:
            return ""
        self.forecasts += 1
        left = self.plan.minutes - spent / 60
        if self.plan.images is not None:
            left = (progress.planned - progress.images) / max(rate, 1e-9) / 60
        return (
            f"{rate:.1f} img/s: {progress.images:,} images so far, about {progress.planned:,.0f} in total, "
            f"{max(left, 0):.1f} minutes to go"
        )

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
