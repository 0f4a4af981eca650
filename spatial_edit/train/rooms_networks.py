"""Train the two rooms networks: the segmenter (losses only) and the judge (metrics only).

Pixel-wise cross-entropy on rendered rooms with their semantic maps. The two must see different scenes and
have different seeds: the caller brings the pool. Measured on one core of an AMD EPYC shared with other work,
see the model cards in `checkpoints/rooms-segmenter` and `checkpoints/rooms-judge`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from spatial_edit.nn.judge import Judge
from spatial_edit.nn.segmenter import Segmenter

BATCH = 32
HELD_OUT = 512  # the first rooms of the pool, never trained on
NETWORKS: dict[str, Callable[[], nn.Module]] = {"segmenter": Segmenter, "judge": Judge}


def train_room_network(
    which: str,
    pool: tuple[Tensor, Tensor],
    minutes: float,
    seed: int = 0,
    threads: int = 1,
    *,
    classes: Sequence[str] = (),
    held_out: int = HELD_OUT,
    learning_rate: float = 3e-3,
    say: Callable[[str], None] = print,
) -> tuple[nn.Module, dict[str, float | int | str]]:
    """Train `which` ("segmenter" or "judge") for `minutes` of wall-clock time; the learning rate falls as a
    cosine of it.

    pool: rgb (N, 3, H, W) uint8 and semantic (N, H, W) integer class numbers. classes: the classes' names,
    for the report. Returns the network in eval mode and a flat report: accuracy and mean IoU on the held-out
    rooms, `iou_<class>`, images seen, minutes. ValueError for an unknown name or a pool of the wrong shape.
    """
    rgb, semantic = pool
    if which not in NETWORKS:
        raise ValueError(f"there is no rooms network {which!r}: choose segmenter or judge")
    _check_pool(rgb, semantic, held_out)
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    network = NETWORKS[which]().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    random = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=1e-3)

    start, step = time.monotonic(), 0
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * (0.5 + 0.5 * math.cos(math.pi * share)) + 1e-5
        images, labels = draw(rgb[held_out:], semantic[held_out:], random)
        loss = _loss(network, images, labels)
        if not math.isfinite(value := loss.item()):
            raise FloatingPointError(f"the loss of the {which} became {value} at step {step}")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 200 == 0:
            rate = step * BATCH / (time.monotonic() - start)
            say(f"{which} step {step}: loss {value:.3f}, {rate:.0f} images/s, {share:.0%} of the time")

    network.eval()
    report: dict[str, float | int | str] = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "images_seen": step * BATCH,
        "resolution": rgb.shape[-1],
        "minutes": round((time.monotonic() - start) / 60, 2),
        **score(network, rgb[:held_out], semantic[:held_out], classes),
    }
    return network, report


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
