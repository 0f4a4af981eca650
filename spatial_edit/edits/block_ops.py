"""Edits of blocks: what is drawn anew, and what changes places.

reseed targets seed · swap target with · lock, unlock target
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from spatial_edit.edits.blob_op import find, integers
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.plain_op import OfPlain, PlainEdit
from spatial_edit.layouts.blocks import Blocks


@dataclass(frozen=True)
class Reseed(PlainEdit):
    """Every one of the blocks draws its latent from this seed; none of them may be locked."""

    op: ClassVar[str] = "reseed"
    readers: ClassVar = {"seed": integers(0, 2**32 - 1)}
    targets: tuple[int, ...]
    seed: int

    def run(self, layout: Blocks) -> Blocks:
        if not 0 <= self.seed < 2**32:
            raise EditError(f"the seed is {self.seed}: it must lie in 0 to 4294967295")
        chosen = {find(layout, target, self.op) for target in self.targets}
        seeds = (self.seed if k in chosen else seed for k, seed in enumerate(layout.seeds))
        return replace(layout, seeds=tuple(seeds))


@dataclass(frozen=True)
class Swap(OfPlain):
    """Two blocks exchange their seeds."""

    op: ClassVar[str] = "swap"
    with_: int

    def check(self) -> None:
        if self.with_ == self.target:
            raise EditError(f"block {self.target} cannot swap with itself: name another one")

    def run(self, layout: Blocks) -> Blocks:
        self.check()
        one, two = self.index(layout), find(layout, self.with_, self.op)
        seeds = list(layout.seeds)
        seeds[one], seeds[two] = seeds[two], seeds[one]
        return replace(layout, seeds=tuple(seeds))


OPS = (Reseed, Swap)
