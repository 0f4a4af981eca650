"""Maps over the stage: what a scene's code (or two of them) looks like as differences, opacities or depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image
from torch import Tensor

from spatial_edit.layouts import Blobs, Boxes3D, Scene
from spatial_edit.session import resolve
from spatial_edit.session.maps import depth_map, opacity_map
from spatial_edit.ui.pictures import DISPLAY_SIDE, data_url
from spatial_edit.ui.seeing.areas import edited_area
from spatial_edit.ui.seeing.differences import HOTTEST, difference, heat_picture, percent
from spatial_edit.ui.seeing.ramps import GROUND, HEAT, to_picture, with_legend

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context

MAPS = ("difference", "opacity", "depth")
MOST_CODE = 4200  # characters


@dataclass(frozen=True, eq=False)
class SeenMap:
    """A map's picture, what it shows in words, and the meaning of its ramp's two ends."""

    picture: Image.Image
    ramp: str
    title: str
    low: str
    high: str
    sentence: str

    def answer(self) -> dict[str, object]:
        """For the browser."""
        return {
            "image": data_url(self.picture, quality=92),
            "ramp": "heat" if self.ramp == HEAT else "ground",
            "title": self.title,
            "low": self.low,
            "high": self.high,
            "sentence": self.sentence,
        }

    def file(self) -> Image.Image:
        """To take along: with its legend."""
        return with_legend(self.picture, self.ramp, f"{self.title}. {self.sentence}", self.low, self.high)


def seen_map(context: Context, payload: Any) -> SeenMap:
    """The map of `{"what": difference, opacity or depth, "code", "before": code, "target": number or null}`;
    ValueError when it cannot be made."""
    if not isinstance(payload, dict) or payload.get("what") not in MAPS:
        raise ValueError(f"a map request needs what ({', '.join(MAPS)}) and code: reload the page")
    code = a_code(payload.get("code"))
    if payload["what"] == "difference":
        return _difference(context, a_code(payload.get("before")), code)
    scene, generator = resolve(context.lookup, context.store, code, names=context.model_of_number)
    if payload["what"] == "depth":
        return _depth(depth_map(generator, scene, DISPLAY_SIDE), scene)
    target = payload.get("target")
    if target is not None and (isinstance(target, bool) or not isinstance(target, int)):
        raise ValueError("the element of a map must be a number: reload the page")
    covered = opacity_map(generator, scene, DISPLAY_SIDE, target)
    who = f"Opacity of {_named(context, scene, target)}" if target is not None else "Opacity of all"
    sentence = f"It covers {percent(float(covered.mean()))} of the picture."
    return SeenMap(to_picture(covered, GROUND), GROUND, who, "0 %", "100 %", sentence)


def a_code(value: object) -> str:
    """A code from the browser; ValueError for anything else."""
    if not isinstance(value, str) or not 0 < len(value) <= MOST_CODE:
        raise ValueError("the request names no scene: reload the page")
    return value


def _difference(context: Context, before: str, after: str) -> SeenMap:
    session = context.new_session()
    old, new = session.open(before), session.open(after)
    found = difference(old.scene, new.scene, old.image, new.image)
    outline = edited_area(old.scene, new.scene, DISPLAY_SIDE).mask
    picture = heat_picture(found, new.image, outline)
    return SeenMap(picture, HEAT, "Colour distance", "0", f"{HOTTEST:.0f}", found.sentence)


def _depth(depth: Tensor, scene: Scene) -> SeenMap:
    if isinstance(scene.layout, Boxes3D):
        near, far = float(depth.min()), float(depth.max())
        values = (far - depth) / max(far - near, 1e-6)
        sentence = f"{near:.1f} to {far:.1f} metres along the camera's axis."
        return SeenMap(to_picture(values, GROUND), GROUND, "Depth", f"{far:.1f} m", f"{near:.1f} m", sentence)
    count = len(scene.layout.visible()) if isinstance(scene.layout, Blobs) else 0
    sentence = f"{count} elements, weighted by what is seen of each."
    return SeenMap(to_picture(depth, GROUND), GROUND, "Depth order", "behind all", "nearest", sentence)


def _named(context: Context, scene: Scene, target: int) -> str:
    layout = scene.layout
    position = layout.index_of(target)  # type: ignore[attr-defined]  # opacity_map has found it
    if isinstance(layout, Boxes3D):
        word = layout.classes[position]
    else:
        word = context.row_names(scene.model)(layout.rows[position])  # type: ignore[attr-defined]
    return f"{target} {word}".strip()
