"""Edits of true rooms, class by class: is what is moved, removed or recoloured seen to be?

Rooms are held out of training; the judge reads the soft mass of a class, the sum of its probabilities.
Counted are rooms with one object of the class, at least 40 pixels of it in sight and at least 6 read.

* `co_move_median_<class>`: the object goes by 0.12 of the side along the camera's right vector, both ways;
  the displacement of the centroid of its class's mass as a share of that of its visible mask, across. Moves
  whose mask goes by less than 0.05, or changes its area by more than a factor of 1.6, are left out.
  Collisions are not looked at.
* `removal_<class>`: 1 - mass after / mass before.
* `recolour_<class>`: the object's colour gets more red and less blue; the change of (R - B) / 2 inside its
  visible mask as a share of the renderer's own change for the same new colour.

All three are medians, with the means of the classes' medians as `co_move_median`, `removal`, `recolour`.
The first two also as the judge reads them off the renderer's own pictures of the same edits (`_ceiling`)."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.data.rooms.vocabulary import SEMANTIC, SEMANTIC_ID
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.perspective import directions, project
from spatial_edit.metrics.box_masks import group_of, owners, share
from spatial_edit.metrics.box_rooms import BATCH, TrueRoom, draw_rooms, for_judge, furnished
from spatial_edit.metrics.features import quantise
from spatial_edit.nn.judge import Judge

EDITED = ("bed", "window", "painting", "wardrobe", "dresser", "plant", "rug", "chair")
STEP = 0.12  # of the side
IN_SIGHT, READ = 40, 6.0  # pixels of a picture of 64
SHORTEST, GROWTH = 0.05, 1.6
DYE = (0.4, 0.0, -0.4)
SEEN_DYE = 0.02  # smallest change of the renderer's (R - B) / 2, on [-1, 1], that counts

Figures = dict[str, float | int | str]


class Edited:
    """A true room with the object of one class in sight, and what is known of it before any edit."""

    def __init__(
        self, true: TrueRoom, index: int, name: str, picture: Tensor, mass: Tensor, owner: Tensor
    ) -> None:
        layout = true.scene.layout
        assert isinstance(layout, Boxes3D)
        self.true, self.layout, self.index, self.name = true, layout, index, name
        self.moving = group_of(layout, index)
        self.picture, self.mass, self.mask = picture, mass, share(owner, [index])

    def moved(self, step: float) -> Boxes3D:
        """Shifted by `step` of the side along the camera's right vector."""
        camera = self.layout.camera
        centre = self.layout.centres[self.index]
        across = directions(torch.tensor([[1.0, 0.5], [0.0, 0.5]]), camera)
        centres = self.layout.centres.clone()
        centres[self.moving] += (across[0] - across[1]) * float(project(centre, camera)[1]) * step
        return replace(self.layout, centres=centres)

    def without(self) -> Boxes3D:
        """The object and what it carries gone."""
        kept = [i for i in range(len(self.layout)) if i not in self.moving]
        return self.layout.select(kept)

    def dyed(self) -> Boxes3D:
        """More red, less blue."""
        colours = self.layout.colours.clone()
        colours[self.index] = (colours[self.index] + torch.tensor(DYE)).clamp(0, 1)
        return replace(self.layout, colours=colours)

    def scene(self, layout: Boxes3D) -> Scene:
        return replace(self.true.scene, layout=layout)


@torch.no_grad()
def measure_edits(
    generator: Box3DGenerator,
    judge: Judge,
    rooms: Sequence[TrueRoom],
    progress: Callable[[int], None] | None = None,
) -> Figures:
    """The figures named above, and how many trials each rests on. `progress` is told how many rooms are
    done."""
    found: dict[tuple[str, str], list[float]] = {}
    for start in range(0, len(rooms), BATCH):
        chunk = list(rooms[start : start + BATCH])
        for edited in in_sight(generator, judge, chunk):
            for kind, values in _trials(generator, judge, edited).items():
                found.setdefault((kind, edited.name), []).extend(values)
        if progress is not None:
            progress(start + len(chunk))
    return _figures(found)


def in_sight(generator: Box3DGenerator, judge: Judge, rooms: list[TrueRoom]) -> list[Edited]:
    """The objects of the rooms that count."""
    pictures = for_judge(generator.render_batch([true.scene for true in rooms]))
    masses = class_mass(judge, pictures)
    least = (pictures.shape[-1] / 64) ** 2
    result = []
    for true, picture, mass in zip(rooms, pictures, masses, strict=True):
        layout = true.scene.layout
        assert isinstance(layout, Boxes3D)
        owner = owners(generator, true.scene, pictures.shape[-1])
        for name in EDITED:
            if layout.classes.count(name) == 1:
                index = layout.classes.index(name)
                edited = Edited(true, index, name, picture, mass[SEMANTIC_ID[name]], owner)
                if edited.mask.sum() > IN_SIGHT * least and edited.mass.sum() > READ * least:
                    result.append(edited)
    return result


def class_mass(judge: Judge, pictures: Tensor) -> Tensor:
    """(B, classes, H, W) the judge's probabilities."""
    pictures = quantise(pictures).contiguous(memory_format=torch.channels_last)
    mass = judge.logits(pictures, judge.maps(pictures)).softmax(1)
    assert mass.shape[1] == len(SEMANTIC)
    return mass


def _trials(generator: Box3DGenerator, judge: Judge, edited: Edited) -> dict[str, list[float]]:
    layouts = [edited.moved(-STEP), edited.moved(STEP), edited.without(), edited.dyed()]
    pictures = for_judge(generator.render_batch([edited.scene(layout) for layout in layouts]))
    side, label = pictures.shape[-1], SEMANTIC_ID[edited.name]
    masses = class_mass(judge, pictures)[:, label]
    real = draw_rooms([edited.true.room, *(furnished(edited.true, layout) for layout in layouts)], side)
    real_masses = class_mass(judge, real)[:, label]

    ways = {}
    for i, layout in enumerate(layouts[:2]):
        mask = share(owners(generator, edited.scene(layout), side), [edited.index])
        way = float(across(mask) - across(edited.mask))
        if abs(way) > SHORTEST and 1 / GROWTH < float(mask.sum() / edited.mask.sum()) < GROWTH:
            ways[i] = way

    def followed(before: Tensor, after: Tensor) -> list[float]:
        return [float((across(after[i]) - across(before)) / way) for i, way in ways.items()]

    result = {"co_move_median": followed(edited.mass, masses), "removal": _removed(edited.mass, masses[2])}
    if real_masses[0].sum() > READ * (side / 64) ** 2:
        result["co_move_median_ceiling"] = followed(real_masses[0], real_masses[1:])
        result["removal_ceiling"] = _removed(real_masses[0], real_masses[3])
    wanted = _redder(real[4] - real[0], edited.mask)
    if abs(wanted) > SEEN_DYE:
        result["recolour"] = [_redder(pictures[3] - edited.picture, edited.mask) / wanted]
    return result


def _removed(before: Tensor, after: Tensor) -> list[float]:
    return [1 - float(after.sum() / before.sum())]


def across(mass: Tensor) -> Tensor:
    """The centroid of a mass (H, W) from left to right, a fraction of the side."""
    axis = (torch.arange(mass.shape[-1]) + 0.5) / mass.shape[-1]
    return (mass.sum(0) * axis).sum() / mass.sum().clamp(min=1e-3)


def _redder(change: Tensor, mask: Tensor) -> float:
    return float((((change[0] - change[2]) / 2) * mask).sum() / mask.sum().clamp(min=1))


def _figures(found: dict[tuple[str, str], list[float]]) -> Figures:
    result: Figures = {}
    for kind in ("co_move_median", "co_move_median_ceiling", "removal", "removal_ceiling", "recolour"):
        medians = []
        for name in EDITED:
            values = found.get((kind, name), [])
            if values:
                medians.append(statistics.median(values))
                result[f"{kind}_{name}"] = round(medians[-1], 4)
                result[f"{kind}_{name}_n"] = len(values)
        if medians:
            result[kind] = round(sum(medians) / len(medians), 4)
    return result
