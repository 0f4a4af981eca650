"""A published BlobGAN behind the generator contract: seeds to scenes of blobs, scenes to pictures.

Rows of a latent are the blobs' own vectors, [structure feature phi | style psi] of blob k in row k, and the
background is [phi_0 | psi_0]. Where a blob is, is in the layout alone (`geometry`): the picture of an
unedited scene is the published one to rounding. A row's blob that the network has put away has no element;
`add` makes one of it.

Random numbers of a seed, in this order: z, then the noise of every layer from the smallest side on. Opacity,
which the paper does not have, is a factor of a blob's opacity map before compositing."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from kernels.splat import composite, opacity, pyramid, splat
from spatial_edit.generators.blobgan.appearance import background_of, rows_of
from spatial_edit.generators.blobgan.dragging import PublishedDragging
from spatial_edit.generators.blobgan.geometry import from_blobs, to_blobs
from spatial_edit.generators.blobgan.layout_network import RawLayout
from spatial_edit.generators.blobgan.published import PublishedConfig
from spatial_edit.generators.blobgan.published_files import (
    MeanedBlobGAN,
    built_encoder,
    built_model,
    check_encoder_fits,
    model_config,
)
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.delta import paint_adapted
from spatial_edit.generators.dragging import Space
from spatial_edit.layouts import Blobs, Latent, Scene
from spatial_edit.seeds import check_seed, normal, normals

EDITS = (
    "opacity", "restyle", "mix", "unstyle", "swap", "add", "background", "appearance",
    "relayout", "morph", "truncate",
)  # fmt: skip
ENCODER_FOLDER = "encoder"  # of a model's folder: its inversion encoder
TINY = PublishedConfig(
    resolution=32,
    blobs=5,
    noise_dim=16,
    feature_dim=16,
    style_dim=8,
    hidden_dim=32,
    mlp_layers=4,
    size_in=8,
    c_model=2,
)


class PublishedScenes:
    """A `Generator` of blob scenes. encoder: the folder of its inversion encoder, read when it is first asked
    for."""

    def __init__(
        self,
        model: MeanedBlobGAN,
        spec: ModelSpec,
        weights: str,
        device: str = "cpu",
        encoder: Path | None = None,
    ) -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.spec, self.weights, self.device = spec, weights, torch.device(device)
        self.encoder_folder, self._lock = encoder, threading.Lock()
        self._encoder: nn.Module | None = None

    @classmethod
    def tiny(cls, seed: int = 0) -> PublishedScenes:
        """Random weights, 32 px, five blobs, fewer than 50,000 parameters: for tests."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = MeanedBlobGAN(TINY)
            _imitate_statistics(model)
        model.mean.copy_(model.mean_latent(500, torch.Generator().manual_seed(seed)))
        spec = ModelSpec(
            name="published-tiny",
            number=247,
            family="blobgan-published",
            title="Random published blobs (for tests)",
            kind="blobs",
            resolution=TINY.resolution,
            licence="MIT",
            training_data="none: random weights",
            folder=None,
            edits=EDITS,
        )
        return cls(model, spec, f"{seed:016x}")

    @torch.no_grad()
    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        """The scene of a seed; z is the first draw of np.random.RandomState(seed)."""
        seed = check_seed(seed)
        if not 0.0 <= truncation <= 1.0:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        net = self.model.layout_net
        z = normal(seed, (1, self.model.config.noise_dim)).to(self.device)
        return self.scene_of(net.parse(net(z, truncation, self.model.mean)), seed, truncation)

    def scene_of(self, raw: RawLayout, seed: int, truncation: float) -> Scene:
        """The first picture of a raw layout as a Scene on the CPU, farthest blob first."""
        centres = torch.stack([raw.xs[0], raw.ys[0]], -1)
        given = [t.detach().float().cpu() for t in (centres, raw.scores[0, 1:], raw.shapes[0])]
        config = self.model.config
        layout = to_blobs(given[0], given[1], given[2], config.resolution, ab_norm=_area(config))
        vectors = torch.cat([raw.features[0], raw.styles[0]], -1).detach().float().cpu()  # (K + 1, phi + psi)
        return Scene(self.spec.name, self.weights, layout, Latent(seed, truncation, vectors[1:], vectors[0]))

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        """(3, H, W) float32 in [-1, 1] on the CPU; `preview` in bfloat16, in half the time (differences of
        about 1/255)."""
        return self._paint([scene], torch.bfloat16 if preview else torch.float32)[0]

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W); the scenes must share one delta (or have none)."""
        return self._paint(scenes, torch.float32)

    @torch.no_grad()
    def _paint(self, scenes: list[Scene], dtype: torch.dtype) -> Tensor:
        return paint_adapted(self.model.generator, scenes, self.inputs(scenes, dtype))

    def inputs(
        self, scenes: list[Scene], dtype: torch.dtype = torch.float32
    ) -> tuple[Tensor, dict[int, Tensor], Tensor, list[Tensor]]:
        """The decoder's inputs for scenes: structure grid, alphas at every side, styles, noise. Hidden
        elements are left out. Differentiable in layouts and appearances."""
        layouts = [self.checked(scene) for scene in scenes]
        count = max(len(layout) for layout in layouts)
        latents = [scene.latent for scene in scenes]
        covers = torch.stack([self._covers(layout, count) for layout in layouts])  # (B, K, R, R)
        vectors = torch.stack(
            [_vectors(layout, latent, count) for layout, latent in zip(layouts, latents, strict=True)]
        )  # (B, K + 1, phi + psi)

        levels = pyramid(composite(covers), self.model.config.size_in)
        features, styles = vectors.to(self.device).split(
            [self.model.config.feature_dim, self.model.config.style_dim], -1
        )
        grid = splat(levels[self.model.config.size_in], features)
        sides = self.model.generator.noise_sides
        drawn = [_noise(latent.seed, self.model.config.noise_dim, sides) for latent in latents]
        noise = [torch.cat(maps).to(self.device) for maps in zip(*drawn, strict=True)]
        return grid.to(dtype), {s: a.to(dtype) for s, a in levels.items()}, styles.to(dtype), noise

    def dragging(self, scene: Scene, space: Space = "w+") -> PublishedDragging:
        """The scene, open to be dragged by its points (`generators.dragging`)."""
        return PublishedDragging(self, scene)

    def _covers(self, layout: Blobs, count: int, side: int | None = None) -> Tensor:
        """(count, R, R) the opacity of each element, nothing in front of them where there are fewer."""
        config = self.model.config
        side = side or config.resolution
        shape = from_blobs(layout, config.resolution, ab_norm=_area(config), eps=config.cov_eps)
        centres, covariances, scores = (t.to(self.device)[None] for t in shape)
        # pixel centres of any side; of the model's own that is the published grid, sample i at i / S
        offset = 0.5 - 0.5 * side / config.resolution
        maps = opacity(centres, covariances, scores, side, offset=offset)[0]
        maps = maps * torch.tensor(layout.opacities, dtype=maps.dtype, device=maps.device)[:, None, None]
        return torch.cat([maps.new_zeros(count - len(layout), side, side), maps])

    def checked(self, scene: Scene) -> Blobs:
        """The scene's visible layout; ValueError when it does not belong to this model."""
        layout, latent, config = scene.layout, scene.latent, self.model.config
        if scene.model != self.spec.name or not isinstance(layout, Blobs):
            raise ValueError(f"this scene was made for the model '{scene.model}', not for '{self.spec.name}'")
        width = config.feature_dim + config.style_dim
        if latent.rows.shape[1:] != (width,) or latent.background.shape != (width,):
            raise ValueError(
                f"the scene's appearance does not fit '{self.spec.name}': it was made with other weights"
            )
        if layout.rows and max(layout.rows) >= len(latent.rows):
            raise ValueError(
                f"an element asks for appearance {max(layout.rows)}, the scene has {len(latent.rows)}"
            )
        if any(layout.colours) or any(layout.surfaces):
            raise ValueError(f"'{self.spec.name}' has no literal colours: give the elements their own again")
        return layout.visible()

    @torch.no_grad()
    def opacities(self, scenes: list[Scene], resolution: int) -> list[Tensor]:
        """For each scene (K, R, R): the opacity of each visible element in depth order, before
        compositing."""
        layouts = [self.checked(scene) for scene in scenes]
        return [self._covers(layout, len(layout), resolution).cpu() for layout in layouts]

    @property
    def has_encoder(self) -> bool:
        """Whether pictures can be turned into scenes in one pass."""
        return self.encoder_folder is not None

    @torch.no_grad()
    def encode(self, picture: Tensor) -> Scene:
        """The scene, of seed 0, of a picture (3, R, R) in [-1, 1]. ValueError without an encoder, and for
        one that gives NaN."""
        if self.encoder_folder is None:
            raise ValueError(
                f"the model '{self.spec.name}' has no encoder: import its ..._invert.ckpt with --onto "
                f"{self.spec.name}, or use the effort refine"
            )
        with self._lock:
            if self._encoder is None:
                self._encoder = self._read_encoder(self.encoder_folder)
        raw = self._encoder(picture[None].to(self.device))
        if not torch.isfinite(raw).all():
            raise ValueError(f"the encoder of '{self.spec.name}' gave no finite scene: get its weights again")
        return self.scene_of(self.model.layout_net.parse(raw), 0, 0.0)

    def _read_encoder(self, folder: Path) -> nn.Module:
        from spatial_edit.checkpoints import load

        network, config, _ = load(folder, built_encoder, self.device)
        check_encoder_fits(config, model_config(self.model.config))
        return network


def _vectors(layout: Blobs, latent: Latent, count: int) -> Tensor:
    """(count + 1, phi + psi) the background's vector, missing elements', then the elements'."""
    rows, background = rows_of(layout, latent), background_of(layout, latent)
    return torch.cat([background[None], rows.new_zeros(count - len(layout), rows.shape[1]), rows])


@lru_cache(maxsize=16)
def _noise(seed: int, skipped: int, sides: tuple[int, ...]) -> tuple[Tensor, ...]:
    """One (1, 1, r, r) a layer, drawn after z (`skipped` numbers)."""
    _, *maps = normals(seed, [(1, skipped), *[(1, 1, side, side) for side in sides]])
    return tuple(maps)


def _area(config: PublishedConfig) -> float:
    """c, which `published_files` has checked: without it a blob's area is free, which no layout can say."""
    assert config.ab_norm is not None
    return config.ab_norm


def _imitate_statistics(model: MeanedBlobGAN) -> None:
    """Give a random model blobs of middling size, spread over the picture."""
    config, last = model.config, model.layout_net.mlp[-1]
    assert isinstance(last.weight, Tensor) and isinstance(last.bias, Tensor)
    with torch.no_grad():
        last.bias[1 : config.blobs + 1] = torch.linspace(0.2, 2.5, config.blobs) / config.lr_mul
        last.weight[: config.blobs + 1] *= 0.5
        for noise in (model.generator.conv1.noise, *(conv.noise for conv in model.generator.convs)):
            assert isinstance(noise, nn.Module)
            noise.weight.fill_(0.1)  # type: ignore[operator, union-attr]


def load_published(spec: ModelSpec, device: str = "cpu") -> PublishedScenes:
    """From a checkpoint folder, after the strict check of `checkpoints.load`; the encoder in its sub-folder
    is read when it is first asked for."""
    from spatial_edit.checkpoints import load

    if spec.folder is None:
        raise ValueError(f"the model '{spec.name}' has no folder to load from")
    model, _, weights = load(spec.folder, built_model, device)
    assert isinstance(model, MeanedBlobGAN)
    folder = Path(spec.folder) / ENCODER_FOLDER
    return PublishedScenes(model, spec, weights, device, folder if folder.is_dir() else None)
