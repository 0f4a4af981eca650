"""Photos into a StyleGAN2: a code for every layer (w+), found by optimisation.

There is no encoder, so the first code is the nearest of the mean and a few seeds. From there Adam moves all
layers' codes together, then each on its own (Abdal et al. 2019, "Image2StyleGAN"; Karras et al. 2020, section
5), held near the mean and near each other (Tov et al. 2021, section 4: codes of one picture that differ less
can be edited better). The noise is that of seed 0 and stays. `tune_code` then adapts the finest layers
(Roich et al. 2021): pictures of codes nearby, at a fixed distance towards random ones, are held as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call

from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes, coloured
from spatial_edit.layouts import Latent, Layout, Scene
from spatial_edit.layouts.scene import Provenance
from spatial_edit.parse.descent import descend
from spatial_edit.parse.refine import Clock, Refined
from spatial_edit.parse.target import Target
from spatial_edit.parse.tune import State, Tuned, adapt
from spatial_edit.seeds import normals

CANDIDATES = {64: 64, 128: 32, 256: 12}  # seeds tried at first, by side; a larger side takes the last
SHARED_UNTIL = 0.1  # share of the budget in which all layers move together
RATE = 0.08
BETAS = (0.9, 0.99)
MEAN_WEIGHT = 0.002  # of the squared distance of the codes from the mean
SPREAD_WEIGHT = 0.01  # of the squared distance of the layers' codes from their own mean
ANCHOR_WEIGHT = 1.0
ANCHOR_DISTANCE = 0.3  # of an anchor from the scene's code, as a share of the way to a random code


@torch.no_grad()
def first_code(generator: StyleGAN2Scenes, target: Target, sha256: str = "") -> Scene:
    """The scene whose code, the same for every layer, draws the nearest picture: of the mean and
    of seeds 0, 1, ..."""
    count = next((n for side, n in CANDIDATES.items() if generator.spec.resolution <= side), 8)
    target = target.to(generator.device)
    mean = generator.mean_code()[None]  # (1, w_dim)
    z = torch.cat([normals(seed, [(1, generator.z_dim)])[0] for seed in range(count)])
    codes = torch.cat([mean, torch.lerp(generator.mapped(z, 0.0, range(count)), mean, 0.3)])
    errors = [float(target.squared_error(generator.paint(generator.repeated(code[None])))) for code in codes]
    best = codes[min(range(len(errors)), key=errors.__getitem__)]
    scene = _scene(generator, generator.repeated(best[None])[0])
    return replace(scene, provenance=Provenance("photo", sha256, "encode"))


def project(
    generator: StyleGAN2Scenes,
    scene: Scene,
    target: Target,
    *,
    seconds: float,
    steps: int | None = None,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Refined:
    """The scene with codes that draw the target better; the best seen, which may be the one that it began
    with. Arguments as for `refine`."""
    target, clock = target.to(generator.device), Clock(seconds, steps)
    start = generator.codes_of(scene).detach()  # (1, L, w_dim)
    mean = generator.mean_code()
    shared = start.mean(1, keepdim=True).clone().requires_grad_()
    own = (start - shared.detach()).clone().requires_grad_()
    groups = [{"params": [values], "lr": RATE, "full": RATE} for values in (shared, own)]

    def codes(used: float) -> Tensor:
        return shared + (own if used >= SHARED_UNTIL else own.detach())

    def pull() -> Tensor:
        return MEAN_WEIGHT * (shared - mean).square().mean() + SPREAD_WEIGHT * own.square().mean()

    best, stopped = descend(
        target, clock, torch.optim.Adam(groups, betas=BETAS),
        draw=lambda used: generator.paint(codes(used)), pull=pull,
        kept=lambda: codes(1.0).detach()[0] if clock.taken else start[0],
        progress=progress, keep_going=keep_going,
    )  # fmt: skip
    found = replace(_scene(generator, best), provenance=scene.provenance)
    return Refined(found, clock.taken, stopped)


@torch.enable_grad()
def tune_code(
    generator: StyleGAN2Scenes,
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
    codes, original = generator.codes_of(scene), generator.render(scene).to(generator.device)
    noise = generator.noise_of(scene)

    def loss(state: State, taken: int) -> Tensor:
        z = normals(taken, [(1, generator.z_dim)])[0]
        with torch.no_grad():
            anchor = torch.lerp(codes, generator.repeated(generator.mapped(z)), ANCHOR_DISTANCE)
            goal = generator.paint(anchor)
        both = torch.cat([codes, anchor])
        pictures = coloured(functional_call(generator.model.synthesis, state, (both, noise)))
        held = (pictures[1:] - goal).abs().mean()
        return target.loss(pictures[:1]) + ANCHOR_WEIGHT * held

    return adapt(generator, scene, target, original, loss, Clock(seconds, steps), progress, keep_going)


def _scene(generator: StyleGAN2Scenes, codes: Tensor) -> Scene:
    """A parsed scene of codes (L, w_dim): seed 0, truncation 0, for it came from no z."""
    latent = Latent(0, 0.0, codes.detach().float().cpu(), torch.zeros(0))
    return Scene(generator.spec.name, generator.weights, Layout(), latent, Provenance("photo", "", "refine"))
