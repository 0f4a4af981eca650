"""How many blobs a parsed scene has: add one where the picture is farthest from the photo, drop those
that draw nothing.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.blobgan.shape import PROFILE
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.parse.target import Target
from spatial_edit.parse.unknowns import blobs_of

NEW_SIZES = (0.06, 0.12, 0.2)  # radii tried for a new blob, fractions of the side
FIRST_CHOICES = 6  # slots that did best for the first new blob and are tried again for the next ones
GAIN = 0.015  # a new blob must lower the squared error by this share at once
LOSS = 0.0005  # a blob is dropped when the squared error rises by no more than this share without it
MOST_NEW = 3


@torch.no_grad()
def grow(generator: BlobGenerator, scene: Scene, target: Target, most: int = MOST_NEW) -> Scene:
    """The scene with up to `most` blobs more, each in front, in a slot that it does not use, with code 0.

    For the first one every unused slot is tried at the place that promises most, afterwards the best few of
    them at the two best places.
    """
    slots = sorted(set(range(len(scene.latent.rows))) - set(blobs_of(scene).rows))
    for number in range(min(most, len(slots), generator.spec.max_elements - len(blobs_of(scene)))):
        picture = _pictures(generator, [scene], target)
        here = float(target.squared_error(picture))
        tried = [(spot, slot) for spot in _spots(picture[0], target)[: 1 + (number > 0)] for slot in slots]
        if not tried:
            return scene
        trials = [_with_blob(scene, slot, *spot) for spot, slot in tried]
        errors = target.squared_error(_pictures(generator, trials, target))
        if float(errors.min()) > here * (1 - GAIN):
            return scene
        best = int(errors.argmin())
        scene, used = trials[best], tried[best][1]
        if number == 0:
            slots = [tried[i][1] for i in errors.argsort().tolist()[: FIRST_CHOICES + 1]]
        slots.remove(used)
    return scene


@torch.no_grad()
def drop_idle(generator: BlobGenerator, scene: Scene, target: Target) -> Scene:
    """The scene without the blobs whose removal changes nothing for the worse, tried from the farthest to
    the nearest.
    """
    layout = blobs_of(scene)
    kept = list(range(len(layout)))
    least = float(target.squared_error(_pictures(generator, [scene], target)))
    for k in range(len(layout)):
        rest = [i for i in kept if i != k]
        trial = replace(scene, layout=layout.select(rest))
        error = float(target.squared_error(_pictures(generator, [trial], target)))
        if error <= least * (1 + LOSS):
            kept, least = rest, min(error, least)
    chosen = layout.select(kept)
    return replace(scene, layout=replace(chosen, ids=tuple(range(len(chosen)))))


def _pictures(generator: BlobGenerator, scenes: list[Scene], target: Target) -> Tensor:
    return generator.render_batch(scenes).to(target.picture.device)


def _spots(picture: Tensor, target: Target) -> list[tuple[float, float, float, Tensor]]:
    """(x, y, size, colour) of the square of each size where a flat colour would help most, best first."""
    side = picture.shape[-1]
    difference = (target.picture - picture) * target.mask
    spots = []
    for size in NEW_SIZES:
        window = 2 * max(1, round(size * side * 0.85)) + 1
        if window >= side:
            continue
        pooled = avg_pool2d(difference[None], window, 1)[0]  # (3, R - w + 1, R - w + 1) centred at + w // 2
        promise = pooled.square().sum(0) * window**2
        row, column = divmod(int(promise.argmax()), promise.shape[1])
        colour = avg_pool2d(target.picture[None], window, 1)[0, :, row, column].cpu()
        place = ((column + window / 2) / side, (row + window / 2) / side, size, colour)
        spots.append((float(promise.max()), place))
    return [place for _, place in sorted(spots, key=lambda spot: -spot[0])]


def _with_blob(scene: Scene, slot: int, x: float, y: float, size: float, colour: Tensor) -> Scene:
    layout = blobs_of(scene)
    rows = scene.latent.rows.clone()
    rows[slot] = 0
    rows[slot, :PROFILE] = 1
    rows[slot, PROFILE : PROFILE + 3] = colour
    new = Blobs(
        torch.cat([layout.centres, torch.tensor([[x, y]])]),
        torch.cat([layout.sizes, torch.tensor([size])]),
        torch.cat([layout.aspects, torch.ones(1)]),
        torch.cat([layout.angles, torch.zeros(1)]),
        ids=(*layout.ids, max(layout.ids, default=-1) + 1),
        rows=(*layout.rows, slot),
    )
    return replace(scene, layout=new, latent=replace(scene.latent, rows=rows))
