"""One step of a drag, ours against the usual one (`drag_reference`), on a StyleGAN2 of 256 px (channels
16384 / side, at most 512; codes of 512; 24.8 million parameters; random weights).

The 3 x 3 kernels are partly averaged, so that features are smooth in space, as those of trained weights are.
Both drag the same point of the same picture with the same radii; a test holds them to the same points and
losses. bfloat16 counts only if drags in it end as near to their targets as in float32.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from spatial_edit.bench.drag_reference import ReferenceDrag
from spatial_edit.bench.paired import in_turn, ratio, threads
from spatial_edit.bench.sel_cost import BASE, RESOLUTION, widths
from spatial_edit.edits.drag import DragOptions, DragStep, drag
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes
from spatial_edit.layouts import Points, Scene

ROUNDS = 15
DRAGS, DRAG_STEPS = 8, 30  # that bfloat16 is judged by
LENGTH = 30 / 256
SMOOTH = 0.7  # share of a 3 x 3 kernel's mean
RATE = 0.002
HANDLE, TARGET = (0.37, 0.41), (0.63, 0.43)
Figures = dict[str, float | int | str]


def random_model(resolution: int = RESOLUTION, base: int = BASE, seed: int = 0) -> StyleGAN2Scenes:
    """The StyleGAN2 that is timed, behind the generator contract."""
    channels = widths(resolution, base)
    code = channels[4]
    config = StyleGAN2Config(resolution, channels, z_dim=code, w_dim=code, mapping_layers=8)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = StyleGAN2Generator(config)
        for layer in model.synthesis.layers:
            weight = layer.conv.weight  # type: ignore[union-attr]
            weight.copy_(torch.lerp(weight, weight.mean((2, 3), keepdim=True), SMOOTH))  # type: ignore
    spec = ModelSpec(
        name="stylegan2-random",
        number=249,
        family="stylegan2",
        title="Random weights (for timing)",
        kind="",
        resolution=resolution,
        licence="MIT",
        training_data="none: random weights",
        folder=None,
    )
    return StyleGAN2Scenes(model, spec, f"{seed:016x}")


def reference(generator: StyleGAN2Scenes, scene: Scene, points: Points) -> ReferenceDrag:
    """The usual drag of a scene's picture; points as edits take them, fractions of the side."""
    side = generator.spec.resolution
    handles, targets = ((places * side - 0.5).flip(1) for places in (points.handles, points.targets))
    codes, noise = generator.codes_of(scene).detach(), generator.noise_of(scene)
    return ReferenceDrag(generator.model.synthesis, codes, noise, handles, targets, RATE)


def options(steps: int, arrived: float = 0.0) -> DragOptions:
    """Ours with the reference's settings: the first rows of w+, the published grid, no picture between."""
    return DragOptions(
        mode="latent",
        steps=steps,
        learning_rate=RATE,
        arrived=arrived,
        stretched=True,
        picture_every=0,
        watch=False,
    )


def step_speedup(
    rounds: int = ROUNDS, resolution: int = RESOLUTION, base: int = BASE, count: int = 2, drags: int = DRAGS
) -> Figures:
    """`step_speedup`, `step_speedup_fp32`, `step_speedup_bf16` (medians over the rounds), what bfloat16 was
    judged by, and the median seconds of a step. count: of threads."""
    generator = random_model(resolution, base)
    scene, points = generator.sample(0), pixels([HANDLE], [TARGET], resolution)
    usual = reference(generator, scene, points)
    calls: dict[str, Callable[[], object]] = {
        "reference": usual.step,
        "float32": Steps(generator, scene, points).step,
        "bfloat16": Steps(generator, scene, points, half=True).step,
    }
    with threads(count):
        times = in_turn(calls, rounds)
        full, half = (mean_distance(generator, drags, resolution, half=half) for half in (False, True))
    float32, bfloat16 = ratio(times, "reference", "float32"), ratio(times, "reference", "bfloat16")
    allowed = half <= full
    return {
        "step_speedup": round(max(float32, bfloat16) if allowed else float32, 3),
        "step_speedup_fp32": round(float32, 3),
        "step_speedup_bf16": round(bfloat16, 3),
        "step_precision": "bfloat16" if allowed and bfloat16 > float32 else "float32",
        "step_distance_fp32": round(full, 5),
        "step_distance_bf16": round(half, 5),
        "step_seconds_reference": round(statistics.median(times["reference"]), 4),
        "step_seconds_fp32": round(statistics.median(times["float32"]), 4),
        "step_seconds_bf16": round(statistics.median(times["bfloat16"]), 4),
        "step_rounds": rounds,
        "step_threads": count,
    }


class Steps:
    """Our drag, step by step, begun anew when it ends. half: features in bfloat16."""

    def __init__(
        self, generator: StyleGAN2Scenes, scene: Scene, points: Points, half: bool = False, steps: int = 1000
    ) -> None:
        self.generator, self.scene, self.points, self.half = generator, scene, points, half
        self.settings = options(steps)
        self.steps: Iterator[DragStep] = iter(())
        self.last: DragStep | None = None

    def step(self) -> DragStep:
        """One more step. The first call opens the picture, and a drag that has ended is opened again."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            if self.last is None or self.last.state != "running":
                self.steps = drag(self.generator, self.scene, self.points, None, self.settings)
                next(self.steps)
            self.last = next(self.steps)
        return self.last


def mean_distance(
    generator: StyleGAN2Scenes, drags: int, resolution: int, *, half: bool, steps: int = DRAG_STEPS
) -> float:
    """The mean over some drags of the distance to the target after so many steps, a fraction of the side."""
    random = torch.Generator().manual_seed(0)
    total = 0.0
    for seed in range(drags):
        angle, *place = torch.rand(3, generator=random).tolist()
        way = torch.tensor([angle * 2 * torch.pi]).expand(2) - torch.tensor([0.0, torch.pi / 2])
        handle = 0.3 + 0.4 * torch.tensor(place)
        points = pixels([handle.tolist()], [(handle + LENGTH * way.cos()).tolist()], resolution)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            settings = replace(options(steps), arrived=2 / 512)
            *_, last = drag(generator, generator.sample(seed), points, None, settings)
        total += last.distance
    return total / drags


def pixels(handles: list, targets: list, side: int) -> Points:
    """Points at the centres of the pixels that the places fall in, as the reference wants them."""
    places = [(torch.tensor(given) * side).floor() for given in (handles, targets)]
    return Points((places[0] + 0.5) / side, (places[1] + 0.5) / side, ids=tuple(range(len(handles))))
