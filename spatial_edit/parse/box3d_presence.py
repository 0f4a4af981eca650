"""Presence: which of a room's 26 slots hold something, decided by the picture where the reader doubts.

Slots that it half believes in are tried with the box it read for them, elements are tried left out; a trial
stays when picture and labels together are explained better. What carries others goes together with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from spatial_edit.generators.box3d.reader import RoomReader
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.box3d.snap import SUPPORT, snap
from spatial_edit.generators.box3d.vector import SLOT_NAMES, SLOT_VECTOR, SLOTS, unpack
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.parse.box3d_appearance import match_colours
from spatial_edit.parse.box3d_encode import scene_of_reading
from spatial_edit.parse.box3d_geometry import Evidence
from spatial_edit.parse.box3d_pose import Pose
from spatial_edit.parse.target import Target

DOUBT = 0.12  # a slot is tried when its chance to be there is at least this
SURE = 0.97  # and an element is not tried without when it is more than this
PICTURE = 0.5  # weight of the logarithm of the squared error beside the labels' score
GAIN = 0.004  # what a trial must bring
WORSE = 0.03  # a trial whose labels are so much worse is not drawn
EMPTY = 9.0  # labels' score of a room without furniture: worse than any


@torch.no_grad()
def settle_presence(
    generator: Box3DGenerator,
    reader: RoomReader,
    scene: Scene,
    target: Target,
    evidence: Evidence,
    goes_on: Callable[[], bool],
) -> Scene:
    """The scene with the slots that explain the picture best; `scene` is what the reader alone said."""
    vectors = reader.vectors(target.filled[None])
    said = vectors[0, : SLOTS * SLOT_VECTOR : SLOT_VECTOR].clone()  # (26,) -1..1
    present = (said > 0).clone()
    best, told = scene, _labels(generator, scene, evidence)
    least = told + _picture(generator, scene, target)
    for slots, there in _trials((said + 1) / 2, present):
        if not goes_on():
            break
        if not there and not any(present[slot] for slot in slots):
            continue
        trial = present.clone()
        trial[slots] = there
        candidate = _scene_with(generator, vectors, trial, scene)
        labels = _labels(generator, candidate, evidence)
        if labels > told + WORSE:  # not worth a picture
            continue
        candidate = match_colours(generator, candidate, target)
        score = labels + _picture(generator, candidate, target)
        if score < least - GAIN:
            best, least, told, present = candidate, score, labels, trial
    return best


def _trials(chances: Tensor, present: Tensor) -> Iterator[tuple[list[int], bool]]:
    """Slots to fill, likeliest first, then slots to empty, least likely first."""
    order = chances.argsort(descending=True).tolist()
    for slot in order:
        if not present[slot] and chances[slot] >= DOUBT:
            carrier = SUPPORT.get(SLOT_NAMES[slot])
            yield [slot] if carrier is None else [slot, SLOT_NAMES.index(carrier)], True
    for slot in reversed(order):
        if chances[slot] <= SURE:
            carried = [SLOT_NAMES.index(n) for n, under in SUPPORT.items() if under == SLOT_NAMES[slot]]
            yield [slot, *carried], False


def _scene_with(generator: Box3DGenerator, vectors: Tensor, present: Tensor, scene: Scene) -> Scene:
    chosen = vectors.clone()
    chosen[0, : SLOTS * SLOT_VECTOR : SLOT_VECTOR] = torch.where(present, 1.0, -1.0)
    return scene_of_reading(generator, snap(unpack(chosen)), scene.provenance.photo)


def _labels(generator: Box3DGenerator, scene: Scene, evidence: Evidence) -> float:
    assert isinstance(scene.layout, Boxes3D)
    if not len(scene.layout):
        return EMPTY
    pose = Pose(generator, scene)
    return float(evidence.score(pose, pose.start[None]))


def _picture(generator: Box3DGenerator, scene: Scene, target: Target) -> float:
    error = float(target.squared_error(generator.render(scene)[None].to(target.picture.device)))
    return PICTURE * math.log(max(error, 1e-9))
