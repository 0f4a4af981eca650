"""Pictures of scenes, with what a protect mask keeps as it was.

With a guard the picture is base + m (new - base): base is the picture of the state that the guard
remembers, m the mask, 0 outside. The mask's edge is soft over `SOFT_EDGE` of the side, all of it inside the
mask, so that outside every pixel is the base's bit for bit. A pixel that is partly outside counts as outside.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit import share
from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Scene
from spatial_edit.session.appearances import seed_scene
from spatial_edit.share import SharedScene
from spatial_edit.store import Cache

SOFT_EDGE = 0.03  # fraction of the side over which a change fades in: 2 px of 64, 4 px of 128
GUARD_NOTE = f"outside the mask nothing changes; its edge is soft, {SOFT_EDGE:.0%} of the side inwards"
CACHED_BASES = 32

_bases: Cache[Tensor] = Cache(CACHED_BASES)


@torch.no_grad()
def draw(generator: Generator, scene: Scene, *, preview: bool = False) -> Tensor:
    """The picture (3, H, W) in [-1, 1] of a scene, its guard heeded."""
    picture = generator.render(scene, preview=preview)
    if scene.guard is None:
        return picture
    before = base_scene(generator, scene)
    base = _bases.get(
        (_fingerprint(generator, before), preview), lambda: generator.render(before, preview=preview)
    )
    part = soft_mask(scene.guard.mask, picture.shape[-1], picture.shape[-2])
    return torch.where(part == 0, base, torch.lerp(base, picture, part))


def base_scene(generator: Generator, scene: Scene) -> Scene:
    """The state of a guarded scene that is shown outside its mask; ValueError without a guard."""
    guard = scene.guard
    if guard is None:
        raise ValueError("nothing of this scene is protected: there is no state to go back to")
    if (guard.seed, guard.truncation) == (scene.latent.seed, scene.latent.truncation):
        return replace(scene, layout=guard.layout, guard=None)
    return seed_scene(generator, guard.seed, guard.truncation, guard.layout)


def soft_mask(mask: Tensor, side: int, height: int | None = None) -> Tensor:
    """(height or side, side) in 0..1: 0 outside `mask` (G, G) bool, rising to 1 over SOFT_EDGE of the side
    within it; at the picture's own border it does not fall."""
    inside = F.interpolate(mask[None, None].float(), (height or side, side), mode="area")
    inside = (inside > 0.999).float()
    steps = max(1, round(SOFT_EDGE * side))
    # a pixel d steps within the mask survives erosions by 0 .. d - 1 steps
    depth = sum((1 - F.max_pool2d(1 - inside, 2 * k + 1, 1, k) for k in range(1, steps + 1)), inside)
    part = depth[0, 0] / (steps + 1)
    return part * part * (3 - 2 * part)


def _fingerprint(generator: Generator, scene: Scene) -> str:
    """Equal for scenes that look alike: the weights, the layout and the appearances. A tuned scene's adapted
    weights come with rows of their own."""
    latent = scene.latent
    shared = SharedScene(
        generator.spec.number, generator.weights[:8], latent.seed, latent.truncation, scene.layout
    )
    digest = hashlib.sha256(share.encode_shared(shared).encode())
    for values in (latent.rows, latent.background):
        digest.update(values.contiguous().numpy().tobytes())
    return f"{generator.weights} {scene.provenance.photo} {len(scene.delta)} {digest.hexdigest()}"
