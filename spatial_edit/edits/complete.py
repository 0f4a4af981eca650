"""Auto-complete (Epstein et al. 2022, section 4, figure 8): some elements are kept, the layout network lays
out the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from spatial_edit.edits.blob_values import next_number
from spatial_edit.edits.errors import EditError
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.layouts import Blobs, Scene, Source
from spatial_edit.layouts.blobs import joined

CANDIDATES = 512


@torch.no_grad()
def complete(generator: BlobGenerator, scene: Scene, keep: Sequence[int], seed: int) -> Blobs:
    """The scene's layout with the elements numbered in `keep`, and locked ones, bit for bit as they are, and
    the rest laid out anew. EditError for a number that is not there or given twice."""
    layout = scene.layout
    assert isinstance(layout, Blobs)
    kept = _kept(layout, keep)
    seeds = np.random.RandomState(seed).randint(0, 2**32, CANDIDATES, dtype=np.uint64).tolist()
    candidates = generator.sample_batch(seeds)
    wanted = layout.select(kept)
    costs = [_cost(wanted, candidate.layout) for candidate in candidates]
    best = int(np.argmin(costs))
    found = generator.sample(seeds[best], scene.latent.truncation).layout
    assert isinstance(found, Blobs)
    parts, numbered = [], wanted
    for k in range(len(found)):
        if found.rows[k] in wanted.rows:
            continue
        one = found.select([k])
        one = replace(one, ids=(next_number(numbered),), sources=(Source(seeds[best], found.rows[k], 1.0),))
        numbered = joined([numbered, one])
        parts.append(one)
    whole = joined([*parts, wanted])
    return replace(whole, backdrop=layout.backdrop, surfaces=layout.surfaces)


def _kept(layout: Blobs, keep: Sequence[int]) -> list[int]:
    """Positions of the elements that stay, farthest first."""
    for number in keep:
        if number not in layout.ids:
            raise EditError(f"there is no element {number} to keep: this layout has {list(layout.ids)}")
    if len(set(keep)) != len(keep):
        raise EditError("an element to keep is named twice: name each once")
    return [k for k in range(len(layout)) if layout.ids[k] in keep or layout.locked[k]]


def _cost(wanted: Blobs, layout: object) -> float:
    assert isinstance(layout, Blobs)
    total = 0.0
    for k, row in enumerate(wanted.rows):
        if row not in layout.rows:
            total += 1.0
            continue
        j = layout.rows.index(row)
        total += float((layout.centres[j] - wanted.centres[k]).norm())
    return total
