"""Blocks: a grid of noise seeds, as in Spatially Stochastic Networks (Hong et al. 2020), section 2.

Each block of the picture has a latent of its own: drawing it again changes that block and little else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spatial_edit.layouts.layout import Elements

MAX_SIDE = 8  # blocks a side


@dataclass(frozen=True, eq=False)
class Blocks(Elements):
    """rows x columns blocks, numbered row by row from the top left."""

    kind: ClassVar[str] = "blocks"

    rows: int
    columns: int
    seeds: tuple[int, ...]  # 0 .. 2**32 - 1: what each block's latent is drawn from
    ids: tuple[int, ...] = ()  # 0 .. rows * columns - 1
    hidden: tuple[bool, ...] = ()
    locked: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if not self.ids:
            object.__setattr__(self, "ids", tuple(range(self.rows * self.columns)))
        super().__post_init__()

    def select(self, keep: list[int]) -> Blocks:
        """The grid itself: none of its blocks can be left out."""
        if keep != list(range(len(self))):
            raise ValueError("blocks make up the whole picture: none can be left out or moved in order")
        return self

    def place(self, index: int) -> tuple[float, float, float, float]:
        """Left, top, width and height of a block."""
        row, column = divmod(index, self.columns)
        return column / self.columns, row / self.rows, 1 / self.columns, 1 / self.rows
