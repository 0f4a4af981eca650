"""Dragging points of a scene's picture (edits/drag): what a browser or a program asks for is checked here,
and which scenes can be dragged is said here.

A drag ends with a scene whose latent comes from no seed: it is kept in the store, as a parsed photo is, and
becomes one step of the history (`Session.keep_drag`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.edits.drag import DragError, DragOptions, DragStep, drag
from spatial_edit.generators.contract import Generator
from spatial_edit.generators.dragging import Draggable
from spatial_edit.layouts import Scene
from spatial_edit.layouts.guard_codec import mask_from_text
from spatial_edit.layouts.points import MAX_PAIRS, Points
from spatial_edit.layouts.strict_json import JsonError, integer, number, record, show

MOST_STEPS = 300
SAME_PLACE = 1e-4  # fractions of the side: a twentieth of a pixel of 512
MODES, SPACES = ("auto", "latent", "joint", "coarse"), ("w", "w+")
# What a request may set, and between which limits; see DragOptions for what they mean.
RANGES: Mapping[str, tuple[float, float]] = {
    "learning_rate": (1e-5, 0.2),
    "layout_rate": (1e-5, 0.2),
    "mask_weight": (0.0, 1000.0),
    "motion_radius": (0.002, 0.1),
    "tracking_radius": (0.004, 0.25),
    "arrived": (0.001, 0.25),
    "reach": (0.0, 1.0),
    "share": (0.0, 1.5),
}
OPTIONS = ("mode", "space", "steps", "picture_every", *RANGES)
_PLACES = ("x", "y", "to_x", "to_y")


@dataclass(frozen=True, eq=False)
class DragAsked:
    """A checked request. mask: (GUARD_SIDE, GUARD_SIDE) bool, True where the picture may change, None for
    everywhere."""

    points: Points
    mask: Tensor | None
    options: DragOptions


def read_drag(points: object, mask: object = None, options: object = None) -> DragAsked:
    """A request from outside. points: a list of 1 to MAX_PAIRS objects {"x", "y", "to_x", "to_y"}, fractions
    of the side, and perhaps "id". mask: as the edit `protect` takes it, None or "" for none. options: an
    object with some of OPTIONS. ValueError with one sentence for anything else."""
    return DragAsked(_points(points), _mask(mask), _options(options))


def drag_refusal(generator: Generator, scene: Scene) -> str:
    """Why points of this scene cannot be dragged, in one sentence; "" when they can."""
    if not isinstance(generator, Draggable):
        return (
            f"points cannot be dragged with {generator.spec.name}: it has no spatial features to hold on to"
        )
    if scene.guard is not None:
        return "a part of this picture is protected: lift that first; a drag has a mask of its own"
    return ""


def drag_steps(
    generator: Generator, scene: Scene, asked: DragAsked, keep_going: Callable[[], bool] | None = None
) -> Iterator[DragStep]:
    """The steps of a drag; the last one has the scene. keep_going returning False ends it where it is.
    ValueError with one sentence for what cannot be dragged."""
    refused = drag_refusal(generator, scene)
    if refused or not isinstance(generator, Draggable):
        raise DragError(refused)
    return _told(drag(generator, scene, asked.points, asked.mask, asked.options, keep_going))


def _told(steps: Iterator[DragStep]) -> Iterator[DragStep]:
    """The same steps; DragError for a drag that has nothing to do."""
    for step in steps:
        if step.number == 0 and step.state == "arrived":
            raise DragError("every point is where it should be already: move a target")
        yield step


def drag_scene(
    generator: Generator,
    scene: Scene,
    asked: DragAsked,
    watch: Callable[[DragStep], None] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> DragStep:
    """The last step of a drag, which has the scene; `watch` is told every step."""
    last = None
    for last in drag_steps(generator, scene, asked, keep_going):
        if watch is not None:
            watch(last)
    if last is None or last.scene is None:
        raise DragError("the drag made no step: move the targets away from their handles")
    return last


def _points(value: object) -> Points:
    if not isinstance(value, list):
        raise JsonError(f"the points must be a list of pairs, not {show(value)}")
    if not value:
        raise JsonError("there is no point to drag: set a handle and where it is to go")
    if len(value) > MAX_PAIRS:
        raise JsonError(f"these are {len(value)} points, a drag takes at most {MAX_PAIRS}: remove some")
    pairs = [_pair(item, place + 1) for place, item in enumerate(value)]
    ids = tuple(number for number, _ in pairs)
    if len(set(ids)) != len(ids):
        raise JsonError("two points have the same id: give each its own")
    places = torch.tensor([place for _, place in pairs], dtype=torch.float32)  # (K, 4)
    free = (False,) * len(ids)
    return Points(places[:, :2], places[:, 2:], ids, free, free)


def _pair(item: object, place: int) -> tuple[int, list[float]]:
    """Its number and x, y, to_x, to_y; `place` is what it is called without a number of its own."""
    given = record(item, f"point {place}", (), ("id", *_PLACES))
    own = integer(given["id"], f"the id of point {place}", 0, 255) if "id" in given else place
    what = f"point {own}"
    for names, told in ((_PLACES[:2], "has no handle: give x and y"), (_PLACES[2:], "has no target")):
        if any(given.get(name) is None for name in names):
            raise JsonError(f"{what} {told}{'' if 'give' in told else ': say where its handle is to go'}")
    places = [_inside(given[name], name, what) for name in _PLACES]
    if max(abs(places[0] - places[2]), abs(places[1] - places[3])) < SAME_PLACE:
        raise JsonError(
            f"the handle of {what} is at its target already: move the target, or remove the point"
        )
    return own, places


def _inside(value: object, name: str, what: str) -> float:
    place = number(value, f"the place {name} of {what}", -1e9, 1e9)
    if not 0.0 <= place <= 1.0:
        end = "target" if name.startswith("to") else "handle"
        raise JsonError(
            f"the {end} of {what} lies outside the picture: {name} is {place:.3g}, between 0 and 1 is inside"
        )
    return place


def _mask(value: object) -> Tensor | None:
    if value is None or value == "":
        return None
    mask = mask_from_text(value, "the mask")
    if not mask.any():
        raise JsonError("the mask lets nothing change: paint where the picture may change, or clear it")
    return None if mask.all() else mask


def _options(value: object) -> DragOptions:
    given = record({} if value is None else value, "the drag's options", (), OPTIONS)
    read: dict[str, object] = {
        name: number(given[name], f"the option {name}", *limits)
        for name, limits in RANGES.items()
        if name in given
    }
    for name, names in (("mode", MODES), ("space", SPACES)):
        if name in given:
            if given[name] not in names:
                raise JsonError(f"the option {name} is {show(given[name])}: use one of {', '.join(names)}")
            read[name] = given[name]
    for name, most in (("steps", MOST_STEPS), ("picture_every", 50)):
        if name in given:
            read[name] = integer(given[name], f"the option {name}", 1, most)
    return DragOptions(**read)  # type: ignore[arg-type]
