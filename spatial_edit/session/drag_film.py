"""The film of a drag: its pictures, kept while it runs, with the handles' way drawn over them.

Bounded: at most MOST_FRAMES pictures of at most SIDE pixels, as JPEG; when there are more, every second one
is dropped and from then on only every second one is kept."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw
from torch import Tensor

from spatial_edit.films import FRAMES_A_SECOND, SIDES, Shot, film_file
from spatial_edit.images import enlarge, to_pil
from spatial_edit.layouts.points import Points

MOST_FRAMES = 64
SIDE = 512
SHORTEST = 2.5  # seconds of a film, if its pictures are few
HANDLE, TARGET, WAY = "#ef4444", "#3b82f6", "#ffffff"  # as on the stage


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture as JPEG, and where the handles were: (K, 2) as nested tuples, fractions of the side."""

    jpeg: bytes
    handles: tuple[tuple[float, float], ...]


class Frames:
    """The pictures of one drag, the first and the last one always among them."""

    def __init__(self, points: Points) -> None:
        self._targets = [tuple(place) for place in points.targets.tolist()]
        self._kept: list[Frame] = []
        self._last: Frame | None = None
        self._count, self._stride = 0, 1

    def __len__(self) -> int:
        return len(self._all())

    def add(self, picture: Tensor, handles: Tensor) -> None:
        """(3, H, W) in [-1, 1], and where the handles are in it (K, 2)."""
        image = to_pil(picture)
        buffer = io.BytesIO()
        (image if max(image.size) <= SIDE else enlarge(image, SIDE)).save(buffer, "JPEG", quality=92)
        frame = Frame(buffer.getvalue(), tuple((x, y) for x, y in handles.tolist()))
        if self._count % self._stride == 0:
            self._kept.append(frame)
        self._last, self._count = frame, self._count + 1
        if len(self._kept) > MOST_FRAMES:
            self._kept, self._stride = self._kept[::2], 2 * self._stride

    def file(self, kind: str, marks: bool) -> bytes:
        """The film as "gif", "mp4" or "webp"; `marks` draws handles, targets and the way so far. ValueError
        without two pictures, for another format, or where no encoder is installed."""
        frames = self._all()
        if len(frames) < 2:
            raise ValueError("this drag has too few pictures for a film: drag again")
        side = SIDES.get(kind, SIDES["webp"])
        each = max(1, min(6, round(SHORTEST * FRAMES_A_SECOND / len(frames))))
        shots = [Shot(self._drawn(frames, place, side, marks), each) for place in range(len(frames))]
        shots[0], shots[-1] = Shot(shots[0].picture, 8), Shot(shots[-1].picture, FRAMES_A_SECOND)
        return film_file(shots, kind, (HANDLE, TARGET, WAY) if marks else ())

    def _all(self) -> list[Frame]:
        kept, last = list(self._kept), self._last
        return kept if last is None or (kept and kept[-1] is last) else [*kept, last]

    def _drawn(self, frames: list[Frame], place: int, side: int, marks: bool) -> Image.Image:
        frame = frames[place]
        with Image.open(io.BytesIO(frame.jpeg)) as opened:
            picture = enlarge(opened.convert("RGB"), side)
        picture = picture.crop(
            (0, 0, picture.width // 2 * 2, picture.height // 2 * 2)
        )  # films want even sides
        if marks:
            ways = [
                [earlier.handles[k] for earlier in frames[: place + 1]] for k in range(len(self._targets))
            ]
            _mark(picture, ways, self._targets)
        return picture


def _mark(
    picture: Image.Image, ways: list[list[tuple[float, float]]], targets: list[tuple[float, ...]]
) -> None:
    """Every pair's way so far, what is left of it, its handle and its target."""
    pen, scale = ImageDraw.Draw(picture), picture.size
    radius = max(scale) / 55
    for way, target in zip(ways, targets, strict=True):
        points = [_pixel(place, scale) for place in way]
        goal = _pixel(target, scale)
        for colour, width in (("#14161c", 5), (WAY, 2)):
            pen.line([points[-1], goal], fill=colour, width=width)
        if len(points) > 1:
            pen.line(points, fill=HANDLE, width=3, joint="curve")
        for place, colour in ((goal, TARGET), (points[-1], HANDLE)):
            box = (place[0] - radius, place[1] - radius, place[0] + radius, place[1] + radius)
            pen.ellipse(box, fill=colour, outline="white", width=2)


def _pixel(place: tuple[float, ...], scale: tuple[int, int]) -> tuple[float, float]:
    return place[0] * scale[0], place[1] * scale[1]
