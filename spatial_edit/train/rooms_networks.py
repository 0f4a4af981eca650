"""Train the two rooms networks: the segmenter (losses only) and the judge (metrics only).

Pixel-wise cross-entropy on rendered rooms with their semantic maps. The two see different scenes and have
different seeds. `build` does everything, from the pool to the checkpoint folder with its model card:

    python -c "from spatial_edit.train.rooms_networks import build; build('segmenter', (6,))"
"""

from __future__ import annotations

import datetime
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from spatial_edit.checkpoints import save
from spatial_edit.data.rooms import SEMANTIC, render, sample_rooms
from spatial_edit.nn.judge import Judge
from spatial_edit.nn.segmenter import Segmenter

BATCH = 32
HELD_OUT = 512  # the first rooms of the pool, never trained on
SHARD = 512  # rooms drawn together; shard k of a pool has the seed of the pool + 512 k
FIRST_RATE, LATER_RATE = 3e-3, 2e-3
POOLS = {"segmenter": (8192, 100_000), "judge": (6144, 500_000)}  # rooms and seed
USES = {
    "segmenter": "Losses and perceptual distances of the rooms models. It measures nothing: the judge does.",
    "judge": "All metrics on rooms. It is in no loss and chooses no checkpoint.",
}
NETWORKS: dict[str, Callable[[], nn.Module]] = {"segmenter": Segmenter, "judge": Judge}


def build(
    which: str, minutes: tuple[float, ...], seed: int = 1, threads: int = 1, folder: Path | None = None
) -> None:
    """Render the pool, train, and write the checkpoint folder (default: the bundled one).

    minutes: one run each; a later run goes on from the earlier one's weights with its own cosine, the next
    seed and a lower learning rate.
    """
    from spatial_edit.metrics.evaluate import hardware

    pool = render_pool(*POOLS[which])
    weights: dict[str, Tensor] | None = None
    images, spent = 0, 0.0
    for run, part in enumerate(minutes):
        network, report = train_room_network(
            which,
            pool,
            part,
            seed + run,
            threads,
            classes=SEMANTIC,
            learning_rate=FIRST_RATE if run == 0 else LATER_RATE,
            start_from=weights,
        )
        weights = network.state_dict()
        images, spent = images + int(report["images_seen"]), spent + float(report["minutes"])
    report |= {"rooms": POOLS[which][0], "images_seen": images, "minutes": round(spent, 2), "seed": seed}
    report |= {"hardware": hardware(), "command": command(which, minutes, seed)}
    ship(folder or Path(__file__).parents[2] / "checkpoints" / f"rooms-{which}", which, network, report)


def command(which: str, minutes: tuple[float, ...], seed: int) -> str:
    """The shell command that trains and writes this network."""
    times = ", ".join(f"{part:g}" for part in minutes) + ("," if len(minutes) == 1 else "")
    call = f"build('{which}', ({times}), seed={seed})"
    return f'python -c "from spatial_edit.train.rooms_networks import build; {call}"'


def render_pool(count: int, seed: int, resolution: int = 64) -> tuple[Tensor, Tensor]:
    """rgb (count, 3, R, R) and semantic (count, R, R), both uint8, of the rooms of a seed; about 60 a second
    and core.
    """
    shards = [
        render(sample_rooms(SHARD, seed + start)[: min(SHARD, count - start)], resolution)
        for start in range(0, count, SHARD)
    ]
    return torch.cat([s.rgb for s in shards]), torch.cat([s.semantic for s in shards])


def ship(folder: Path, which: str, network: nn.Module, report: dict[str, float | int | str]) -> None:
    """Checkpoint in half precision, metrics.json and model card."""
    report = {"date": datetime.date.today().isoformat(), **report}
    save(folder, network, dict(network.config))  # type: ignore[arg-type]
    (folder / "metrics.json").write_text(json.dumps(report, indent=1) + "\n")
    classes = "\n".join(
        f"| {name.removeprefix('iou_')} | {value:.2f} |"
        for name, value in report.items()
        if name.startswith("iou_")
    )
    (folder / "README.md").write_text(CARD.format(which=which, use=USES[which], table=classes, **report))


CARD = """---
license: mit
---
# rooms-{which}

{use}

Names the 20 classes of the procedural rooms in every pixel. Trained by this project on its own renders, from
scratch; {parameters:,} parameters, half precision on disk, {resolution} px.

On 512 rendered rooms that it was not trained on: **pixel accuracy {accuracy:.1%}, mean IoU {miou:.3f}**
({rooms:,} rooms in the pool, {images_seen:,} images shown, {minutes:g} minutes on {hardware}, {date}).

    {command}

| class | IoU |
|---|---|
{table}

Limits: rooms of `spatial_edit.data.rooms` only. Labels are taken from one of each pixel's four rays, so edges
carry about half a pixel of noise, which bounds the accuracy. It has never seen a photo.
"""


def train_room_network(
    which: str,
    pool: tuple[Tensor, Tensor],
    minutes: float,
    seed: int = 0,
    threads: int = 1,
    *,
    classes: Sequence[str] = (),
    held_out: int = HELD_OUT,
    learning_rate: float = FIRST_RATE,
    start_from: dict[str, Tensor] | None = None,
    say: Callable[[str], None] = print,
) -> tuple[nn.Module, dict[str, float | int | str]]:
    """Train `which` ("segmenter" or "judge") for `minutes` of wall-clock time; the learning rate falls as a
    cosine of it.

    pool: rgb (N, 3, H, W) uint8 and semantic (N, H, W) integer class numbers. classes: the classes' names,
    for the report. start_from: weights to go on from instead of fresh ones. Returns the network in eval mode
    and a flat report: accuracy and mean IoU on the held-out rooms, `iou_<class>`, images seen, minutes.
    ValueError for an unknown name or a pool of the wrong shape.
    """
    rgb, semantic = pool
    if which not in NETWORKS:
        raise ValueError(f"there is no rooms network {which!r}: choose segmenter or judge")
    _check_pool(rgb, semantic, held_out)
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    network = NETWORKS[which]()
    if start_from is not None:
        network.load_state_dict(start_from)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=1e-3)

    start = time.monotonic()
    steps = 0
    for steps, (share, loss) in enumerate(
        _fit(network, optimiser, rgb[held_out:], semantic[held_out:], seed, minutes), 1
    ):
        if steps % 200 == 0:
            rate = steps * BATCH / (time.monotonic() - start)
            say(f"{which} step {steps}: loss {loss:.3f}, {rate:.0f} images/s, {share:.0%} of the time")

    network.eval()
    report: dict[str, float | int | str] = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "images_seen": steps * BATCH,
        "resolution": rgb.shape[-1],
        "minutes": round((time.monotonic() - start) / 60, 2),
        **score(network, rgb[:held_out], semantic[:held_out], classes),
    }
    return network, report


def _fit(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    rgb: Tensor,
    semantic: Tensor,
    seed: int,
    minutes: float,
) -> Iterator[tuple[float, float]]:
    """One optimiser step at a time until the minutes are over: (share of the time gone, loss)."""
    random = torch.Generator().manual_seed(seed)
    highest = [group["lr"] for group in optimiser.param_groups]
    start = time.monotonic()
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        for group, rate in zip(optimiser.param_groups, highest, strict=True):
            group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * share)) + 1e-5
        loss = _loss(network, *draw(rgb, semantic, random))
        if not math.isfinite(value := loss.item()):
            raise FloatingPointError(f"the loss became {value}: lower the learning rate")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield share, value


def draw(rgb: Tensor, semantic: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch: images (32, 3, H, W) in about [-1, 1], flipped half of the time, brightness, contrast and
    noise changed.
    """
    index = torch.randint(len(rgb), (BATCH,), generator=random)
    images = rgb[index].float() / 127.5 - 1
    labels = semantic[index].long()
    if float(torch.rand((), generator=random)) < 0.5:
        images, labels = images.flip(3), labels.flip(2)

    contrast, brightness = torch.randn(2, BATCH, 1, 1, 1, generator=random)
    strength = torch.rand(BATCH, 1, 1, 1, generator=random)
    images = images * (1 + 0.15 * contrast) + 0.1 * brightness
    return images + 0.1 * strength * torch.randn(images.shape, generator=random), labels


@torch.no_grad()
def score(network: nn.Module, rgb: Tensor, semantic: Tensor, classes: Sequence[str] = ()) -> dict[str, float]:
    """Pixel accuracy and intersection over union on rgb (N, 3, H, W) uint8, at the network's own output size,
    in float32.

    `miou` averages the classes that occur in the labels or in the answer.
    """
    network.eval()
    answers, labels = [], []
    for chunk, label in zip(rgb.split(64), semantic.split(64), strict=True):
        logits = network((chunk.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last))
        answers.append(logits.argmax(1))
        labels.append(shrink(label.long(), logits.shape[-1]))
    answer, truth = torch.cat(answers), torch.cat(labels)

    result = {"accuracy": round(float((answer == truth).float().mean()), 4)}
    overlaps = []
    for c in range(logits.shape[1]):
        either = int(((answer == c) | (truth == c)).sum())
        if either:
            overlaps.append(int(((answer == c) & (truth == c)).sum()) / either)
            result[f"iou_{classes[c] if classes else c}"] = round(overlaps[-1], 4)
    return {**result, "miou": round(sum(overlaps) / len(overlaps), 4)}


def shrink(labels: Tensor, side: int) -> Tensor:
    """Labels (B, H, W) at a smaller side by taking every (H / side)-th pixel."""
    every = labels.shape[-1] // side
    return labels[:, ::every, ::every]


def _loss(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(images.contiguous(memory_format=torch.channels_last))
    return cross_entropy(logits.float(), shrink(labels, logits.shape[-1]))


def _check_pool(rgb: Tensor, semantic: Tensor, held_out: int) -> None:
    if rgb.ndim != 4 or rgb.dtype != torch.uint8 or semantic.shape != (len(rgb), *rgb.shape[2:]):
        raise ValueError(
            f"the pool must be rgb (N, 3, H, W) uint8 and semantic (N, H, W), got {tuple(rgb.shape)} "
            f"{rgb.dtype} and {tuple(semantic.shape)}"
        )
    if len(rgb) <= held_out:
        raise ValueError(f"the pool has {len(rgb)} rooms and {held_out} are held out: render more")
