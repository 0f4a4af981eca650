"""Styles: what an element's appearance is taken from when it is not its own row alone.

An element's appearance is the row of `Latent.rows` that `Blobs.rows` names, mixed with a second row (a
`Source`) and then given a literal colour, where the model allows one. A source may lie in the scene of
another seed; the rows of that seed are a `Palette` of the latent.
"""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]  # 0 .. 255 each
SHARE_STEPS = 100  # shares and opacities are whole hundredths: a code gives them back exactly


@dataclass(frozen=True)
class Source:
    """A second appearance and how much of it: (1 - share) * own + share * this one.

    seed: the scene whose row it is, 0 .. 2**32 - 1; None: a row of this very scene. row: 0 .. 255 (0 for a
    backdrop, which has no rows). share: 0 .. 1 in hundredths.
    """

    seed: int | None
    row: int
    share: float
