"""Photos into a published BlobGAN: its inversion encoder, then the scene's own numbers, by optimisation.

`encode` is one pass of the published encoder (Epstein et al. 2022, section 4.4), where the model has one.
Without it the other efforts begin with the nearest of the mean scene and a few seeds. `refine_blobs` moves
places, shapes and appearances down the loss of `target.py` through splat and decoder, with the noise of seed
0; which blobs there are, and their order in depth, stays. `tune_blobs` then adapts the decoder's finest
layers (Roich et al. 2021): pictures whose appearance is part of the way to a sample's are held as they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call

from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, SIZE_RANGE
from spatial_edit.layouts.scene import Provenance
from spatial_edit.parse.descent import descend
from spatial_edit.parse.refine import Clock, Refined
from spatial_edit.parse.target import Target
from spatial_edit.parse.tune import State, Tuned, adapt

CANDIDATES = {64: 32, 128: 12}  # seeds tried at first, by side; a larger side takes FEW
FEW = 4
TOWARDS_MEAN = 0.3  # truncation of those seeds
RATES = {  # Adam's step for each kind of number at full rate
    "centres": 0.004,
    "log_sizes": 0.015,
    "log_aspects": 0.015,
    "angles": 0.015,
    "rows": 0.03,
    "background": 0.03,
}
HOLD = {"rows": 0.02, "background": 0.02, "centres": 0.1, "log_sizes": 0.01, "log_aspects": 0.01}
BETAS = (0.9, 0.95)
ANCHOR_WEIGHT, ANCHOR_DISTANCE = 1.0, 0.3


@torch.no_grad()
def encode_blobs(generator: PublishedScenes, target: Target, sha256: str = "") -> Scene:
    """The encoder's scene of the target; ValueError where the model has no encoder."""
    return replace(generator.encode(target.filled), provenance=Provenance("photo", sha256, "encode"))


@torch.no_grad()
def first_blobs(generator: PublishedScenes, target: Target, sha256: str = "") -> Scene:
    """The scene that refinement begins with: the encoder's, or the nearest of the mean and seeds 0, 1, .."""
    if generator.has_encoder:
        return encode_blobs(generator, target, sha256)
    count = next((n for side, n in CANDIDATES.items() if generator.spec.resolution <= side), FEW)
    scenes = [generator.sample(0, 1.0), *(generator.sample(seed, TOWARDS_MEAN) for seed in range(count))]
    # seed 0 and no truncation: the latent came from no z, and the noise is that of seed 0
    scenes = [replace(s, latent=replace(s.latent, seed=0, truncation=0.0)) for s in scenes]
    errors = [float(target.squared_error(generator.render(scene)[None])) for scene in scenes]
    best = scenes[min(range(len(scenes)), key=errors.__getitem__)]
    return replace(best, provenance=Provenance("photo", sha256, "encode"))


class Unknowns:
    """Free tensors that start at a scene; `scene` puts them into it, within the ranges of a layout."""

    def __init__(self, start: Scene) -> None:
        assert isinstance(start.layout, Blobs)  # a generator of blobs has no other scenes
        self.start, self.layout = start, start.layout
        given = {
            "centres": start.layout.centres,
            "log_sizes": start.layout.sizes.log(),
            "log_aspects": start.layout.aspects.log(),
            "angles": start.layout.angles,
            "rows": start.latent.rows,
            "background": start.latent.background,
        }
        self.free = {name: value.detach().clone().requires_grad_() for name, value in given.items()}
        self.origin = {name: value.detach().clone() for name, value in given.items()}

    def groups(self) -> list[dict[str, object]]:
        """Adam's parameter groups; each keeps its full rate as `full`."""
        return [
            {"params": [value], "lr": RATES[name], "full": RATES[name]} for name, value in self.free.items()
        ]

    def scene(self) -> Scene:
        """The scene of the present values; gradients flow."""
        f = self.free
        layout = replace(
            self.layout,
            centres=f["centres"].clamp(*CENTRE_RANGE),
            sizes=f["log_sizes"].exp().clamp(*SIZE_RANGE),
            aspects=f["log_aspects"].exp().clamp(*ASPECT_RANGE),
            angles=f["angles"].remainder(math.pi),
        )
        latent = replace(self.start.latent, rows=f["rows"], background=f["background"])
        return replace(self.start, layout=layout, latent=latent)

    def detached(self) -> Scene:
        """The same without gradients."""
        with torch.no_grad():
            scene = self.scene()
        assert isinstance(scene.layout, Blobs)
        moved = {n: getattr(scene.layout, n).clone() for n in ("centres", "sizes", "aspects", "angles")}
        rows, background = (self.free[name].detach().clone() for name in ("rows", "background"))
        latent = replace(scene.latent, rows=rows, background=background)
        return replace(scene, layout=replace(scene.layout, **moved), latent=latent)

    def pull(self) -> Tensor:
        """Squared distance from the start, weighted: what the model was trained on is near there."""
        moved = {name: self.free[name] - self.origin[name] for name in HOLD if len(self.free[name])}
        return torch.stack([HOLD[name] * change.square().mean() for name, change in moved.items()]).sum()


def refine_blobs(
    generator: PublishedScenes,
    scene: Scene,
    target: Target,
    *,
    seconds: float,
    steps: int | None = None,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Refined:
    """The scene brought closer to the target: the best one seen, which may be the one it began with.
    Arguments as for `refine`."""
    target, clock = target.to(generator.device), Clock(seconds, steps)
    unknowns, decoder = Unknowns(scene), generator.model.generator
    optimiser = torch.optim.Adam(unknowns.groups(), betas=BETAS)
    best, stopped = descend(
        target, clock, optimiser,
        draw=lambda used: decoder(*generator.inputs([unknowns.scene()])),
        pull=unknowns.pull,
        kept=lambda: unknowns.detached() if clock.taken else scene,
        progress=progress, keep_going=keep_going,
    )  # fmt: skip
    return Refined(best, clock.taken, stopped)


@torch.enable_grad()
def tune_blobs(
    generator: PublishedScenes,
    scene: Scene,
    target: Target,
    *,
    seconds: float,
    steps: int | None = None,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Tuned:
    """The scene with a delta of at most 1 MB, or as it was when none brought it closer. Arguments as for
    `refine`."""
    target = target.to(generator.device)
    scene = replace(scene, delta=())
    original = generator.render(scene).to(generator.device)

    def loss(state: State, taken: int) -> Tensor:
        with torch.no_grad():
            other = generator.sample(taken).latent
            rows = torch.lerp(scene.latent.rows, other.rows, ANCHOR_DISTANCE)
            background = torch.lerp(scene.latent.background, other.background, ANCHOR_DISTANCE)
            anchor = replace(scene, latent=replace(scene.latent, rows=rows, background=background))
            goal = generator.render(anchor).to(generator.device)
            arguments = generator.inputs([scene, anchor])
        pictures = functional_call(generator.model.generator, state, arguments)
        held = (pictures[1] - goal).abs().mean()
        return target.loss(pictures[:1]) + ANCHOR_WEIGHT * held

    return adapt(generator, scene, target, original, loss, Clock(seconds, steps), progress, keep_going)
