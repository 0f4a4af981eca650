"""Edits of what elements and what is behind them look like.

An element's own appearance is its row; `restyle` adds a second one (`layouts.style.Source`) and `mix` says
how much of it there is. Shares and opacities are kept in hundredths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from spatial_edit.edits.blob_op import Edit, OfElement, find
from spatial_edit.edits.blob_values import hundredths, put
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Blobs, Colour, Source
from spatial_edit.layouts.blobs import SURFACES


@dataclass(frozen=True)
class Opacity(OfElement):
    """How much of it is seen: 0 = nothing, 1 = all."""

    op: ClassVar[str] = "opacity"
    value: float

    def run(self, layout: Blobs) -> Blobs:
        value = hundredths(self.value, f"the opacity of element {self.target}")
        return replace(layout, opacities=put(layout.opacities, self.index(layout), value))


@dataclass(frozen=True)
class Restyle(OfElement):
    """A second appearance: a row of this scene, or of the scene of another seed."""

    op: ClassVar[str] = "restyle"
    row: int
    seed: int | None = None
    share: float = 1.0

    def run(self, layout: Blobs) -> Blobs:
        source = Source(self.seed, self.row, hundredths(self.share, "the share"))
        return replace(layout, sources=put(layout.sources, self.index(layout), source))


@dataclass(frozen=True)
class Mix(OfElement):
    """How much of the second appearance it shows."""

    op: ClassVar[str] = "mix"
    share: float

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        source = layout.sources[index]
        if source is None:
            raise EditError(f"element {self.target} has no second appearance to mix in: restyle it first")
        source = replace(source, share=hundredths(self.share, "the share"))
        return replace(layout, sources=put(layout.sources, index, source))


@dataclass(frozen=True)
class Unstyle(OfElement):
    """Back to its own appearance and colour."""

    op: ClassVar[str] = "unstyle"

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        return replace(
            layout, sources=put(layout.sources, index, None), colours=put(layout.colours, index, None)
        )


@dataclass(frozen=True)
class Recolour(OfElement):
    """A literal colour; None: its own again."""

    op: ClassVar[str] = "recolour"
    colour: Colour | None

    def run(self, layout: Blobs) -> Blobs:
        return replace(layout, colours=put(layout.colours, self.index(layout), self.colour))


@dataclass(frozen=True)
class Swap(OfElement):
    """Two elements exchange their appearance: rows, second appearances and colours."""

    op: ClassVar[str] = "swap"
    with_: int

    def check(self) -> None:
        if self.with_ == self.target:
            raise EditError(f"element {self.target} cannot swap with itself: name another one")

    def run(self, layout: Blobs) -> Blobs:
        self.check()
        one, two = self.index(layout), find(layout, self.with_, self.op)
        order = list(range(len(layout)))
        order[one], order[two] = two, one
        return replace(
            layout,
            rows=tuple(layout.rows[i] for i in order),
            sources=tuple(layout.sources[i] for i in order),
            colours=tuple(layout.colours[i] for i in order),
        )


@dataclass(frozen=True)
class Background(Edit):
    """What is behind the elements, from the scene of another seed; without a seed its own again."""

    op: ClassVar[str] = "background"
    seed: int | None = None
    share: float = 1.0

    def run(self, layout: Blobs) -> Blobs:
        return replace(layout, backdrop=_backdrop(self.seed, hundredths(self.share, "the share")))


@dataclass(frozen=True)
class Surface(Edit):
    """A literal colour of a surface of the room behind; None: its own again."""

    op: ClassVar[str] = "surface"
    surface: str
    colour: Colour | None

    def run(self, layout: Blobs) -> Blobs:
        if self.surface not in SURFACES:
            raise EditError(f"there is no surface {self.surface[:20]!a}: use one of {', '.join(SURFACES)}")
        return replace(layout, surfaces=put(layout.surfaces, SURFACES.index(self.surface), self.colour))


@dataclass(frozen=True)
class Appearance(Edit):
    """The same layout with another seed's appearance: every unlocked element takes its row from that seed's
    scene, and so does what is behind; without a seed all are their own again."""

    op: ClassVar[str] = "appearance"
    seed: int | None = None
    share: float = 1.0

    def run(self, layout: Blobs) -> Blobs:
        share = hundredths(self.share, "the share")
        sources = tuple(
            source if locked else None if self.seed is None else Source(self.seed, row, share)
            for source, row, locked in zip(layout.sources, layout.rows, layout.locked, strict=True)
        )
        return replace(layout, sources=sources, backdrop=_backdrop(self.seed, share))


def _backdrop(seed: int | None, share: float) -> Source | None:
    return None if seed is None else Source(seed, 0, share)
