"""Which centre of a layout each channel of a heatmap network draws.

Centres are numbered level after level, and each keeps its own channel while others come and go; a centre with
another number takes a free channel of its level.
"""

from __future__ import annotations

from spatial_edit.layouts.heatmaps import Heatmaps


def channels(layout: Heatmaps, counts: tuple[int, ...]) -> list[list[int | None]]:
    """For each level, and each of its channels, the position in the layout of the centre that it draws.

    ValueError for more centres on a level than it has channels, and for a level that the network lacks."""
    places, first = [], 0
    for level, count in enumerate(counts):
        places.append(_of_level(layout, level, first, count))
        first += count
    if max(layout.levels, default=0) >= len(counts):
        raise ValueError(f"the layout has a level {max(layout.levels)}, this model has {len(counts)} levels")
    return places


def check_one_look(layout: Heatmaps, name: str) -> None:
    """ValueError for a layout with looks of single centres, which a network without objects cannot show."""
    if any(seed is not None for seed in layout.looks):
        raise ValueError(f"'{name}' has one look for the whole picture: give it another appearance instead")


def _of_level(layout: Heatmaps, level: int, first: int, count: int) -> list[int | None]:
    mine = [at for at, number in enumerate(layout.levels) if number == level]
    if len(mine) > count:
        raise ValueError(
            f"the layout has {len(mine)} centres on level {level}, this model takes {count}: remove one or "
            "put it on another level"
        )
    places: list[int | None] = [None] * count
    for at in mine:
        if first <= layout.ids[at] < first + count:
            places[layout.ids[at] - first] = at
    for at in mine:
        if at not in places:
            places[places.index(None)] = at
    return places
