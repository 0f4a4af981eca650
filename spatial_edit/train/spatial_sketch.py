"""SpatialGAN at its smallest, for ablations: 32 px, drawn pictures whose looks and layout are known.

z holds the numbers that a picture is drawn from: its looks and its places. Where the network sees a heatmap,
the places in z are set to 0, so that the heatmap alone tells them; where it sees none, or noise instead,
they stay. Each step asks for the very picture back, 6 L1; the last steps add the adversarial and the
alignment loss. It says which way of giving a heatmap to a generator steers it, at a scale where it takes
seconds; it says nothing about photos.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from spatial_edit.data import drawn
from spatial_edit.generators.spatialgan.attention import SIDES, aligned, aligned_objects
from spatial_edit.generators.spatialgan.levels import Centres, Levels
from spatial_edit.generators.spatialgan.network import SpatialConfig, SpatialGAN
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.layouts.frames import FrameRecipe, frames_of
from spatial_edit.train.adversarial import Adversary, AdversaryRecipe, Verdict
from spatial_edit.train.augment import recoloured
from spatial_edit.train.ema import Ema
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import contact_sheet

HEATS = ("gaussian", "noise", "impulse")
PICTURES = ("faces", "things")
SIGMAS = (0.25, 0.07, 0.07, 0.09, 0.09, 0.09, 0.09)  # of a face's points at zoom 1
SPREAD = 0.6  # sigma of a thing, in its radii
IMPULSES = 0.05  # share of a map's pixels that impulse noise hits
PLACES = {"faces": 4 + 2 * len(drawn.POINTS), "things": 4 * drawn.THINGS}  # numbers that tell the layout
LOOKS = {"faces": drawn.FACE_LOOKS, "things": 1 + drawn.THING_LOOKS * drawn.THINGS}
Z_DIM = {kind: LOOKS[kind] + PLACES[kind] for kind in PICTURES}
WIDTHS = {4: 48, 8: 48, 16: 32, 32: 16}
PLAIN_WIDTHS = {4: 52, 8: 52, 16: 32, 32: 16}  # as many parameters without the encodings


@dataclass(frozen=True)
class SketchRecipe:
    """One row of the ablation. spatial None: a plain StyleGAN2. heat: what the network sees of the layout."""

    spatial: SpatialConfig | None = SpatialConfig(
        resolution=32, channels=WIDTHS, z_dim=Z_DIM["faces"], w_dim=48, mapping_layers=2, hidden=16
    )
    plain: StyleGAN2Config = StyleGAN2Config(
        resolution=32, channels=PLAIN_WIDTHS, z_dim=Z_DIM["faces"], w_dim=48, mapping_layers=2
    )
    adversary: AdversaryRecipe = AdversaryRecipe(
        channels=((4, 48), (8, 48), (16, 32), (32, 16)), burn_in=2_000, half_precision=False
    )
    pictures: str = "faces"
    heat: str = "gaussian"
    frames: FrameRecipe = FrameRecipe()
    batch: int = 16
    learning_rate: float = 1e-2
    mapping_rate: float = 10.0  # beside the slow rate that a mapping network has of itself
    l1: float = 6.0
    weight: float = 0.25  # of the adversarial loss
    align: float = 0.25
    images: int = 3_200
    alone: float = 0.7  # share of the images before the adversarial loss sets in
    samples: int = 256  # that the row is measured on
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pictures not in PICTURES or self.heat not in HEATS:
            raise ValueError(
                f"pictures '{self.pictures}', heat '{self.heat}': choose of {', '.join(PICTURES)} and of "
                f"{', '.join(HEATS)}"
            )

    @property
    def told(self) -> bool:
        """Whether the heatmap tells the network where things are."""
        return self.spatial is not None and self.heat != "noise"


@dataclass(frozen=True, eq=False)
class NoiseMaps(Centres):
    """White noise instead of Gaussians (Wang et al. 2023, table IV, "Gaussian noise")."""

    seed: int = 0

    def draw(self, side: int, *, slopes: bool = False) -> Tensor:
        """(B, n, side, side) normal numbers."""
        batch, count = self.sigmas.shape
        generator = torch.Generator().manual_seed(self.seed + side)
        return torch.randn(batch, count * (3 if slopes else 1), side, side, generator=generator).to(
            self.sigmas
        )


@dataclass(frozen=True, eq=False)
class ImpulseMaps(Centres):
    """Gaussians of whose pixels some are 0 or 1 instead (section 3.3 of the paper)."""

    seed: int = 0

    def draw(self, side: int, *, slopes: bool = False) -> Tensor:
        """(B, n, side, side)."""
        maps = super().draw(side, slopes=slopes)
        chance = torch.rand(maps.shape, generator=torch.Generator().manual_seed(self.seed + side)).to(maps)
        return torch.where(chance < IMPULSES, (chance < IMPULSES / 2).to(maps), maps)


class Sketch(NamedTuple):
    """Drawn pictures and what they are drawn from."""

    pictures: Tensor  # (B, 3, 32, 32)
    z: Tensor  # (B, z_dim) as the network gets it
    levels: Levels  # () for a network without a heatmap
    latents: Tensor | None  # (B, 3, THING_LOOKS) with `indoor`


class SketchTask:
    """A `Task` for the loop."""

    def __init__(self, recipe: SketchRecipe) -> None:
        self.recipe, self.batch = recipe, recipe.batch
        torch.manual_seed(recipe.seed)
        network = SpatialGAN(recipe.spatial) if recipe.spatial else StyleGAN2Generator(recipe.plain)
        self.adversary = Adversary(recipe.adversary, recipe.plain.resolution)
        self.modules: dict[str, nn.Module] = {"generator": network, "discriminator": self.adversary.network}
        self.averages = {"generator": Ema(network, ramp=0.1)}
        mapping = list(network.mapping.parameters())
        if isinstance(network, SpatialGAN) and network.object_mapping is not None:
            mapping += network.object_mapping.parameters()
        groups = [
            {"params": list(network.synthesis.parameters()), "times": 1.0},
            {"params": mapping, "times": recipe.mapping_rate},
        ]
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(groups, recipe.learning_rate, (0.0, 0.99)),
            "discriminator": self.adversary.optimiser,
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)

    def draw(self, count: int) -> Sketch:
        """Pictures at random; all of their numbers are normal."""
        kind, spatial = self.recipe.pictures, self.recipe.spatial
        z = torch.randn(count, Z_DIM[kind], generator=self.generator)
        make = _faces if kind == "faces" else _things
        pictures, level = make(z, self.recipe)
        z, latents = z.clone(), None
        if self.recipe.told:
            z[:, LOOKS[kind] :] = 0
        if spatial is not None and spatial.indoor:
            latents = z[:, 1 : LOOKS[kind]].unflatten(1, (drawn.THINGS, -1)).clone()
            z[:, 1 : LOOKS[kind]] = 0
        device = device_of(self.modules["generator"])
        levels = self._levels(level.to(device)) if spatial is not None else ()
        return Sketch(
            pictures.to(device), z.to(device), levels, None if latents is None else latents.to(device)
        )

    def _levels(self, level: Centres) -> Levels:
        """All of a picture's centres as the configuration's levels, noisy where the recipe says so."""
        assert self.recipe.spatial is not None
        parts, start = [], 0
        for count in self.recipe.spatial.centres:
            part = level[:, start : start + count]
            start += count
            kind = {"noise": NoiseMaps, "impulse": ImpulseMaps}.get(self.recipe.heat)
            if kind is not None:
                seed = int(torch.randint(2**31, (), generator=self.generator))
                part = kind(part.centres, part.sigmas, part.heights, seed)
            parts.append(part)
        return tuple(parts)

    def paint(self, network: nn.Module, sketch: Sketch, seed: int | None = None) -> Tensor:
        """(B, 3, R, R). seed: of the noise; None: the task's own generator."""
        generator = self.generator if seed is None else torch.Generator().manual_seed(seed)
        z, side = sketch.z, len(sketch.z)
        assert isinstance(network, SpatialGAN | StyleGAN2Generator)
        noise = [torch.randn(side, 1, r, r, generator=generator).to(z) for r in network.synthesis.noise_sides]
        if isinstance(network, SpatialGAN):
            return network(z, sketch.levels, noise, sketch.latents)
        return network(z, noise)

    def align(self, said: Verdict, levels: Levels) -> Tensor:
        """How far D looks away from the levels: several levels, each its own (equation 4);
        one level, the nearest of its centres' maps and their sum (equation 5)."""
        if not said.features:
            return said.generator.new_zeros(())
        maps = [level.draw(self.recipe.plain.resolution) for level in levels]
        if len(maps) == 1:
            return aligned_objects(said.logits, said.features[1:], maps[0]).loss
        return aligned(said.logits, said.features[: len(maps)], maps).loss

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        recipe, optimiser = self.recipe, self.optimisers["generator"]
        rate = recipe.learning_rate * min(1.0, (images + self.batch) / 320) * (1 - 0.9 * progress)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["times"]
        sketch = self.draw(self.batch)
        fake = self.paint(self.modules["generator"], sketch)
        l1 = (fake - sketch.pictures).abs().mean()
        loss, parts = recipe.l1 * l1, {"l1": l1.detach()}
        critical = images >= recipe.alone * recipe.images
        if critical:
            real = recoloured(self.draw(self.batch).pictures, self.generator)
            sides = SIDES if sketch.levels and recipe.align else ()
            said = self.adversary.verdict(real, recoloured(fake, self.generator), images, sides)
            align = self.align(said, sketch.levels)
            loss = loss + recipe.weight * said.generator + recipe.align * align
            parts |= {"generator": said.generator.detach(), "discriminator": said.critic}
            parts["aligned"] = align.detach()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
            if critical:
                self.adversary.step()
        return {"loss": loss.detach(), **parts}

    @torch.no_grad()
    def sheet(self) -> Tensor:
        """Drawn pictures above painted ones."""
        state = self.generator.get_state()
        self.generator.manual_seed(1)
        sketch = self.draw(16)
        painted = self.paint(self.averages["generator"].module, sketch)
        self.generator.set_state(state)
        return contact_sheet(torch.cat([sketch.pictures, painted]).clamp(-1, 1), 16, enlarge=2)

    def metrics(self) -> dict[str, float]:
        return {}


def moved(levels: Levels, shift: Tensor) -> Levels:
    """The centres of all levels (B, n, 2) moved by (B, 2), or each its own way by (B, n, 2)."""
    own = shift if shift.dim() == 3 else shift[:, None]
    return tuple(replace(level, centres=level.centres + own) for level in levels)


def _uniform(normals: Tensor) -> Tensor:
    """Uniform numbers in [0, 1) of normal ones."""
    return torch.special.ndtr(normals).clamp(max=1 - 1e-6)


def _faces(z: Tensor, recipe: SketchRecipe) -> tuple[Tensor, Centres]:
    """Faces and all of their centres, coarse to fine."""
    looks, places = z[:, : LOOKS["faces"]], z[:, LOOKS["faces"] :]
    frames = frames_of(_uniform(places[:, :3]), places[:, 3], recipe.frames)
    unframed = torch.tensor(drawn.POINTS) + drawn.JITTER * places[:, 4:].unflatten(1, (-1, 2))
    points = frames.place(unframed)
    pictures = drawn.draw_faces(_uniform(looks), points, recipe.plain.resolution, frames.zoom)
    sigmas = torch.tensor(SIGMAS) * frames.zoom[:, None]
    return pictures, Centres(points, sigmas, torch.ones_like(sigmas))


def _things(z: Tensor, recipe: SketchRecipe) -> tuple[Tensor, Centres]:
    """Three things and their centres."""
    numbers = _uniform(z)
    looks = numbers[:, 1 : LOOKS["things"]].unflatten(1, (drawn.THINGS, -1))
    places = numbers[:, LOOKS["things"] :].unflatten(1, (drawn.THINGS, 4))
    present = (places[..., 3] > 1 / 7).float()  # one in seven is absent
    things = drawn.Things(0.15 + 0.7 * places[..., :2], 0.13 + 0.05 * places[..., 2], present)
    pictures = drawn.draw_things(numbers[:, 0], looks, things, recipe.plain.resolution)
    return pictures, Centres(things.centres, SPREAD * things.radii, present)
