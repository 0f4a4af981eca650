"""Where the centres of a seed lie: four priors, drawn from NumPy's frozen RandomState.

Order of draws; everything is computed in float64 and rounded to float32 at the end.

    Framed   uniform: zoom, shift x, shift y · normal: angle · normals: one an entry of the learned offsets.
             The usual points of an aligned set, plus offsets (mean + factor @ normals), through the frame.
    Spread   a level after the other: two normals a centre, two more as often as the centre lies outside
             the picture (finer levels of a hierarchy are not drawn again) · uniforms: one a sigma. As the
             paper has it: a first centre N(1/2, 1/3), finer ones around it with 1/6 (Wang et al. 2023,
             section 3.1); for several objects N(1/2, 1/2).
    Table    integer: the row · normals: two a centre · normals: one a sigma. A row is the layout of a
             training picture, which says for each object whether it is there, x, y and sigma; it is moved by
             a little noise. So centres start from ground truth.
    Joint    normals: one vector v = mean + factor @ normals for z, layout and objects' latents together (they
             are correlated: a bed lies in front of its wall). z, then for each object: is it there (above
             0), x, y, the logarithm of sigma, its latent.

What is learned lies in the network's buffers, the rest in its configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from spatial_edit.generators.spatialgan.levels import Centres, Levels
from spatial_edit.layouts.frames import FrameRecipe, frames_of

Point = tuple[float, float]
SIGMAS = (0.01, 1.0)  # what a layout may hold
FRAME = FrameRecipe()


class Learned(NamedTuple):
    """The buffers of a network that a prior draws with."""

    mean: Tensor  # (P,) of the offsets
    factor: Tensor  # (P, P), of their covariance
    table: Tensor | None = None  # (N, n, 4): presence, x, y, sigma
    joint_mean: Tensor | None = None  # (J,), J = z_dim + n (4 + object_dim)
    joint_factor: Tensor | None = None  # (J, J)


@dataclass(frozen=True)
class Framed:
    """Points of an aligned set of photos. points: of each level. sigmas: of each level, at zoom 1."""

    points: tuple[tuple[Point, ...], ...]
    sigmas: tuple[float, ...]
    frame: FrameRecipe = FRAME

    @property
    def offsets(self) -> int:
        """Numbers in a vector of offsets."""
        return 2 * sum(len(level) for level in self.points)

    def draw(self, state: np.random.RandomState, counts: tuple[int, ...], learned: Learned) -> Levels:
        """The levels of one picture (B = 1)."""
        uniforms = torch.from_numpy(state.uniform(size=(1, 3)))
        frames = frames_of(uniforms, torch.from_numpy(state.standard_normal(1)), self.frame)
        normals = torch.from_numpy(state.standard_normal(len(learned.mean)))
        offsets = (learned.mean.double().cpu() + learned.factor.double().cpu() @ normals)[None]
        result, start = [], 0
        for points, sigma in zip(self.points, self.sigmas, strict=True):
            own = offsets[:, start : start + 2 * len(points)].unflatten(1, (-1, 2))
            start += 2 * len(points)
            usual = torch.tensor(points, dtype=torch.float64)
            sigmas = (sigma * frames.zoom)[:, None].expand(-1, len(points)).float()
            result.append(Centres(frames.place(usual + own).float(), sigmas, torch.ones_like(sigmas)))
        return tuple(result)


@dataclass(frozen=True)
class Spread:
    """Normal centres. first: standard deviation of the first level. around: of finer levels around the first
    centre, None: every level is drawn as the first one. sigmas: range of each level, the last for the
    rest."""

    first: float = 1 / 3
    around: float | None = 1 / 6
    sigmas: tuple[tuple[float, float], ...] = ((0.2, 0.3), (0.06, 0.12), (0.06, 0.12))

    def draw(self, state: np.random.RandomState, counts: tuple[int, ...], learned: Learned) -> Levels:
        """The levels of one picture (B = 1)."""
        result: list[Centres] = []
        root = np.full(2, 0.5)
        for level, count in enumerate(counts):
            if level and self.around is not None:
                centres = root + self.around * state.standard_normal((count, 2))
            else:
                centres = np.array([self._inside(state) for _ in range(count)])
            root = root if level else centres[0]
            low, high = self.sigmas[min(level, len(self.sigmas) - 1)]
            sigmas = low + (high - low) * state.uniform(size=(1, count))
            result.append(_level(centres[None], sigmas, np.ones((1, count))))
        return tuple(result)

    def _inside(self, state: np.random.RandomState) -> np.ndarray:
        while True:
            centre = 0.5 + self.first * state.standard_normal(2)
            if (np.abs(centre - 0.5) <= 0.5).all():
                return centre


@dataclass(frozen=True)
class Table:
    """Layouts of training pictures. rows: how many. place, sigma: standard deviations of the noise on the
    centres, in fractions of the side, and on the logarithm of sigma."""

    rows: int
    place: float = 0.02
    sigma: float = 0.1

    def draw(self, state: np.random.RandomState, counts: tuple[int, ...], learned: Learned) -> Levels:
        """The level of one picture (B = 1); an object that is not there has height 0."""
        if learned.table is None:
            raise ValueError("this network has no table of layouts to draw from")
        row = learned.table[int(state.randint(self.rows))].double().cpu().numpy()  # (n, 4)
        centres = row[:, 1:3] + self.place * state.standard_normal((len(row), 2))
        sigmas = row[:, 3] * np.exp(self.sigma * state.standard_normal(len(row)))
        there = (row[:, 0] > 0.5).astype(np.float64)
        return (_level(centres[None], sigmas.clip(*SIGMAS)[None], there[None]),)


@dataclass(frozen=True)
class Joint:
    """One normal distribution of z, the layout and the objects' latents."""

    def draw_all(
        self, state: np.random.RandomState, count: int, z_dim: int, learned: Learned
    ) -> tuple[Tensor, Levels, Tensor]:
        """z (1, z_dim), the level of one picture (B = 1), the latents (count, object_dim)."""
        if learned.joint_mean is None or learned.joint_factor is None:
            raise ValueError("this network has no joint distribution to draw from")
        normals = torch.from_numpy(state.standard_normal(len(learned.joint_mean)))
        drawn = learned.joint_mean.double().cpu() + learned.joint_factor.double().cpu() @ normals
        objects = drawn[z_dim:].unflatten(0, (count, -1)).numpy()  # (n, 4 + object_dim)
        there = (objects[:, 0] > 0).astype(np.float64)
        sigmas = np.exp(objects[:, 3].clip(*np.log(SIGMAS)))
        level = _level(objects[None, :, 1:3], sigmas[None], there[None])
        return drawn[None, :z_dim].float(), (level,), torch.from_numpy(objects[:, 4:].copy()).float()


Prior = Framed | Spread | Table | Joint


def _level(centres: np.ndarray, sigmas: np.ndarray, heights: np.ndarray) -> Centres:
    return Centres(*(torch.from_numpy(values).float() for values in (centres, sigmas, heights)))
