"""Integer seed -> random numbers, the same ones in every release of torch.

Links outlive releases, so a scene's random numbers come from NumPy's `RandomState` (MT19937), whose streams
NumPy froze for good (NEP 19), and not from torch. Draw order: arrays one after the other in the order asked
for, each in row order (last axis fastest), in float64, then rounded to float32.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

MAX_SEED = 2**32 - 1


class SeedError(ValueError):
    """A seed that is not an integer in 0 .. 2**32 - 1."""


def check_seed(seed: object) -> int:
    """The seed as an int. SeedError for anything but an integer in 0 .. 2**32 - 1 (a float, bool or text)."""
    if isinstance(seed, bool):
        raise SeedError(f"seed is {seed}: use a whole number from 0 to {MAX_SEED}")
    try:
        number = operator.index(seed)  # type: ignore[arg-type]
    except TypeError as error:
        raise SeedError(f"seed is {str(seed)[:40]!r}: use a whole number from 0 to {MAX_SEED}") from error
    if not 0 <= number <= MAX_SEED:
        shown = str(number) if abs(number) < 10**20 else "far out of range"
        raise SeedError(f"seed is {shown}: use a whole number from 0 to {MAX_SEED}")
    return number


def random_state(seed: object) -> np.random.RandomState:
    """A fresh generator of a checked seed."""
    return np.random.RandomState(check_seed(seed))


def normals(seed: object, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Standard normal float32 tensors of the given shapes, drawn one after the other from one stream."""
    state = random_state(seed)
    return [torch.from_numpy(np.asarray(state.standard_normal(shape), dtype=np.float32)) for shape in shapes]


def normal(seed: object, shape: tuple[int, ...]) -> Tensor:
    """A standard normal float32 tensor: the first numbers of the seed's stream."""
    return normals(seed, [shape])[0]
