"""What the elements of a layout look like: rows, slots and background, from a latent and the styles.

An element's row and its slot's embedding are mixed alike, so that nothing jumps on the way from one slot to
another:

    row = (1 - share) own + share other      slot weights = (1 - share) e_own + share e_other

and a literal colour then takes the place of the row's. The background is mixed in the same way, planes of the
room included, and the literal colours of surfaces take the place of its own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.generators.blobgan.compact import SURFACES
from spatial_edit.generators.blobgan.shape import PROFILE
from spatial_edit.layouts import Blobs, Colour, Latent, Source

COLOURS = slice(PROFILE, PROFILE + 3)  # of a row
SURFACE_COLOURS = 3 * SURFACES  # where they begin in a background, three numbers a surface


def rows_of(layout: Blobs, latent: Latent) -> Tensor:
    """(K, row) the row of every element. ValueError for a palette that the latent lacks."""
    rows = latent.rows[torch.tensor(layout.rows, dtype=torch.long)]
    for k, source in enumerate(layout.sources):
        if source is not None and source.share > 0:
            row = torch.lerp(rows[k], _row(latent, source), source.share)
            rows = torch.cat([rows[:k], row[None], rows[k + 1 :]])  # gradients flow
    for k, colour in enumerate(layout.colours):
        if colour is not None:
            rows = rows.clone()
            rows[k, COLOURS] = as_numbers(colour)
    return rows


def mixes(layout: Blobs) -> bool:
    """True when an element is between two slots."""
    return any(source is not None and source.share > 0 for source in layout.sources)


def slot_weights(layout: Blobs, latent: Latent, slots: int) -> Tensor:
    """(K, slots) how much every element is of every slot; rows sum to 1."""
    own = torch.tensor(layout.rows, dtype=torch.long) % len(latent.rows)
    weights = F.one_hot(own, slots).float()
    for k, source in enumerate(layout.sources):
        if source is not None and source.share > 0:
            other = F.one_hot(torch.tensor(source.row), slots).float()
            weights[k] = torch.lerp(weights[k], other, source.share)
    return weights


def background_of(layout: Blobs, latent: Latent) -> Tensor:
    """(background,) what is behind the elements. ValueError for a palette that the latent lacks."""
    background, source = latent.background, layout.backdrop
    if source is not None and source.seed is not None and source.share > 0:
        background = torch.lerp(background, latent.palette(source.seed).background, source.share)
    for k, colour in enumerate(layout.surfaces):
        if colour is not None:
            background = background.clone()
            start = SURFACE_COLOURS + 3 * k
            background[start : start + 3] = as_numbers(colour)
    return background


def paint_of(row: Tensor) -> Colour:
    """The colour that a row is painted in, 0 .. 255 each."""
    return as_colour(row[COLOURS])


def surface_paints(background: Tensor) -> tuple[Colour, ...]:
    """The colours of the five surfaces of a background."""
    colours = background[SURFACE_COLOURS : SURFACE_COLOURS + 3 * SURFACES].unflatten(0, (SURFACES, 3))
    return tuple(as_colour(colour) for colour in colours)


def as_numbers(colour: Colour) -> Tensor:
    """(3,) within [-1, 1]."""
    return torch.tensor(colour, dtype=torch.float32) * (2 / 255) - 1


def as_colour(numbers: Tensor) -> Colour:
    """The nearest colour of (3,) within [-1, 1]."""
    red, green, blue = ((numbers.detach().clamp(-1, 1) + 1) * 127.5).round().int().tolist()
    return red, green, blue


def _row(latent: Latent, source: Source) -> Tensor:
    rows = latent.rows if source.seed is None else latent.palette(source.seed).rows
    if source.row >= len(rows):
        raise ValueError(f"an element asks for appearance {source.row}, a scene has {len(rows)}")
    return rows[source.row]
