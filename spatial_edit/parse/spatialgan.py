"""Photos into a SpatialGAN: a heatmap and a code for every layer (w+).

The first scene is what the model's own encoder reads, where it has one (`generators.spatialgan.encoder`): z,
the centres, and how wide they are. Nothing says how a photo was framed, so it goes in as it is. Without an
encoder it is the nearest of some seeds' scenes, and of their appearances under the usual centres of an
aligned photo.

From there Adam moves the frame (one shift and one zoom for all centres of a hierarchy), then every centre and
every layer's code (Abdal et al. 2019), held near where they were and near each other (Tov et al. 2021,
section 4). The noise is that of seed 0 and stays. `tune_heat` adapts the finest layers (Roich et al. 2021);
what it holds are other codes under this heatmap, and this code under a moved one, so that edits go on
working.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call

from spatial_edit.checkpoints import load
from spatial_edit.generators.spatialgan.encoder import FOLDER_NAME, PhotoEncoder, build_encoder
from spatial_edit.generators.spatialgan.levels import Centres, Levels, stacked
from spatial_edit.generators.spatialgan.prior import Framed
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes, to_layout
from spatial_edit.layouts import Latent, Scene
from spatial_edit.layouts.heatmaps import CENTRE_RANGE, SIGMA_RANGE, Heatmaps
from spatial_edit.layouts.scene import Provenance
from spatial_edit.parse.descent import descend
from spatial_edit.parse.refine import Clock, Refined
from spatial_edit.parse.target import Target
from spatial_edit.parse.tune import State, Tuned, adapt

CANDIDATES = 48  # seeds tried without an encoder
BETAS = (0.9, 0.99)
CODE_RATE, FRAME_RATE, CENTRE_RATE = 0.06, 0.01, 0.004
SHARED_UNTIL = 0.15  # share of the budget in which the layers' codes and the centres move together
MEAN_WEIGHT = 0.002  # of the codes' squared distance from where they began
SPREAD_WEIGHT = 0.01  # of the squared distance of the layers' codes from their own mean
CENTRE_WEIGHT = 2.0  # of the squared distances of the centres from their places in the frame
ANCHOR_WEIGHT, ANCHOR_DISTANCE = 1.0, 0.3
FARTHEST = 0.1  # of an anchor's heatmap, fractions of the side


@torch.no_grad()
def read_photo(generator: SpatialGANScenes, target: Target, sha256: str = "") -> Scene:
    """The scene that the encoder reads in a photo, or the nearest one that is tried. CheckpointError for a
    damaged encoder, ValueError for one that is not of this model."""
    target = target.to(generator.device)
    encoder = own_encoder(generator)
    if encoder is None:
        return replace(_nearest(generator, target), provenance=Provenance("photo", sha256, "encode"))
    read = encoder(target.filled[None].to(generator.device))
    levels = _levels(generator, read.centres, read.zoom)
    codes = generator.model.codes(read.z, levels)
    if not torch.isfinite(codes).all():
        raise ValueError(f"the encoder of '{generator.spec.name}' gave no finite code: get its weights again")
    scene = _scene(generator, _repeated(generator, codes)[0], to_layout(levels))
    return replace(scene, provenance=Provenance("photo", sha256, "encode"))


def refine_heat(
    generator: SpatialGANScenes,
    scene: Scene,
    target: Target,
    *,
    seconds: float,
    steps: int | None = None,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Refined:
    """The scene with codes and centres that draw the target better; the best seen, which may be the one that
    it began with. Arguments as for `refine`."""
    target, clock = target.to(generator.device), Clock(seconds, steps)
    search = _Search(generator, scene)
    found, stopped = descend(
        target, clock, torch.optim.Adam(search.groups(), betas=BETAS),
        draw=search.draw, pull=search.pull, kept=lambda: search.scene() if clock.taken else scene,
        progress=progress, keep_going=keep_going,
    )  # fmt: skip
    return Refined(replace(found, provenance=scene.provenance), clock.taken, stopped)


@torch.enable_grad()
def tune_heat(
    generator: SpatialGANScenes,
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
    with torch.no_grad():
        codes, levels, noise, objects = generator.inputs([scene])
        original = generator.render(scene).to(generator.device)
    network = generator.model.synthesis

    def loss(state: State, taken: int) -> Tensor:
        with torch.no_grad():
            other = generator.inputs([generator.sample(taken)]).codes
            near = torch.lerp(codes, other, ANCHOR_DISTANCE if taken % 2 else 0.0)
            heat = levels if taken % 2 else _moved(levels, taken)
            goal = network(near, heat, noise, objects).float()
        both = None if objects is None else torch.cat([objects, objects])
        arguments = (torch.cat([codes, near]), stacked([levels, heat]), noise, both)
        pictures = functional_call(network, state, arguments)
        return target.loss(pictures[:1]) + ANCHOR_WEIGHT * (pictures[1:] - goal).abs().mean()

    return adapt(generator, scene, target, original, loss, Clock(seconds, steps), progress, keep_going)


def own_encoder(generator: SpatialGANScenes) -> PhotoEncoder | None:
    """The encoder in the model's folder; None without one. Errors as `read_photo`."""
    spec, config = generator.spec, generator.model.config
    folder = encoder_folder(generator)
    if folder is None:
        return None
    encoder, _, _ = load(folder, build_encoder, str(generator.device))
    assert isinstance(encoder, PhotoEncoder)
    own = encoder.config
    if (own.z_dim, own.centres, own.resolution) != (config.z_dim, sum(config.centres), config.resolution):
        raise ValueError(f"the encoder in the folder of '{spec.name}' belongs to another model: get it again")
    return encoder


def encoder_folder(generator: SpatialGANScenes) -> Path | None:
    """Where the model's encoder lies; None without one."""
    own = generator.spec.folder
    folder = None if own is None else own / FOLDER_NAME
    return folder if folder is not None and (folder / "config.json").is_file() else None


class _Search:
    """What refining changes: codes, objects' codes, the frame, and the centres within it."""

    def __init__(self, generator: SpatialGANScenes, scene: Scene) -> None:
        self.generator, self.given = generator, scene
        with torch.no_grad():
            start, _, self.noise, objects = generator.inputs([scene])
        assert isinstance(scene.layout, Heatmaps)
        self.layout = scene.layout
        self.start = start.mean(1, keepdim=True)
        self.shared = self.start.clone().requires_grad_()
        self.own = (start - self.start).clone().requires_grad_()
        self.objects = None if objects is None else objects.clone().requires_grad_()
        self.frame = torch.zeros(3).requires_grad_()  # shift x, y; the zoom's logarithm
        self.offsets = torch.zeros_like(self.layout.centres).requires_grad_()
        self.middle = self.layout.centres.mean(0)
        self.late = 1.0

    def groups(self) -> list[dict]:
        """Parameter groups, each with its full rate."""
        codes = [self.shared, self.own] + ([] if self.objects is None else [self.objects])
        rated = [(codes, CODE_RATE), ([self.offsets], CENTRE_RATE)]
        if not self.generator.model.config.indoor:
            rated.append(([self.frame], FRAME_RATE))
        return [{"params": values, "lr": rate, "full": rate} for values, rate in rated]

    def heat(self) -> Heatmaps:
        """The layout of now, with gradients."""
        zoom = self.frame[2].exp()
        centres = self.middle + self.frame[:2] + (self.layout.centres - self.middle) * zoom
        offsets = self.offsets if self.late else self.offsets.detach()
        sigmas = (self.layout.sigmas * zoom).clamp(*SIGMA_RANGE)
        return replace(self.layout, centres=(centres + offsets).clamp(*CENTRE_RANGE), sigmas=sigmas)

    def codes(self) -> Tensor:
        return self.shared + (self.own if self.late else self.own.detach())

    def draw(self, used: float) -> Tensor:
        self.late = float(used >= SHARED_UNTIL)
        levels = self.generator.levels_of(replace(self.given, layout=self.heat()))
        return self.generator.model.synthesis(self.codes(), levels, self.noise, self.objects)

    def pull(self) -> Tensor:
        spread = SPREAD_WEIGHT * self.own.square().mean()
        held = MEAN_WEIGHT * (self.shared - self.start).square().mean()
        return spread + held + CENTRE_WEIGHT * self.offsets.square().sum(1).mean()

    @torch.no_grad()
    def scene(self) -> Scene:
        rows = self.codes()[0]
        if self.objects is not None:
            rows = torch.cat([rows, self.objects[0]])
        layout = self.heat()
        return _scene(self.generator, rows, layout)


def _nearest(generator: SpatialGANScenes, target: Target) -> Scene:
    """Of the scenes of seeds 0, 1, .., and of their codes under the usual centres, the one whose picture is
    nearest."""
    best: Scene | None = None
    least = float("inf")
    for seed in range(CANDIDATES):
        inputs = generator.inputs([generator.sample(seed)])
        tried = [inputs.levels]
        if isinstance(generator.model.config.prior, Framed):
            tried.append(_levels(generator, None, torch.ones(1)))
        rows = inputs.codes[0] if inputs.objects is None else torch.cat([inputs.codes[0], inputs.objects[0]])
        for levels in tried:
            scene = _scene(generator, rows, to_layout(levels))
            picture = generator.render_batch([scene]).to(generator.device)
            error = float(target.squared_error(picture))
            if error < least:
                best, least = scene, error
    assert best is not None
    return best


def _levels(generator: SpatialGANScenes, centres: Tensor | None, zoom: Tensor) -> Levels:
    """The heatmap of centres (1, n, 2), of all levels after each other (None: where they usually are), with
    the sigmas of a zoom (1,)."""
    config = generator.model.config
    prior = config.prior
    usual = prior.sigmas if isinstance(prior, Framed) else (0.25, 0.1, 0.1)
    if centres is None:
        assert isinstance(prior, Framed)
        centres = torch.tensor([point for level in prior.points for point in level])[None]
    result: list[Centres] = []
    for part, sigma in zip(centres.split(list(config.centres), 1), usual, strict=False):
        sigmas = (sigma * zoom.to(part))[:, None].expand(-1, part.shape[1]).clamp(*SIGMA_RANGE)
        result.append(Centres(part.clamp(*CENTRE_RANGE), sigmas, torch.ones_like(sigmas)))
    return tuple(result)


def _moved(levels: Levels, seed: int) -> Levels:
    """The heatmap elsewhere: all of it by one vector."""
    random = torch.Generator().manual_seed(seed)
    step = (FARTHEST * (2 * torch.rand(2, generator=random) - 1)).to(levels[0].centres)
    return tuple(Centres(level.centres + step, level.sigmas, level.heights) for level in levels)


def _repeated(generator: SpatialGANScenes, codes: Tensor) -> Tensor:
    return codes[:, None].expand(-1, generator.model.synthesis.num_codes, -1)


def _scene(generator: SpatialGANScenes, rows: Tensor, layout: Heatmaps) -> Scene:
    """A parsed scene: seed 0, truncation 0, for it came from no z."""
    layout = replace(layout, centres=layout.centres.detach().cpu(), sigmas=layout.sigmas.detach().cpu())
    latent = Latent(0, 0.0, rows.detach().float().cpu().clone(), torch.zeros(0))
    return Scene(generator.spec.name, generator.weights, layout, latent, Provenance("photo", "", "refine"))
