"""What the tests of the canvas share: where things are on the screen, drags with mouse and finger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Point = tuple[float, float]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def elements(page: Any) -> dict[int, dict[str, Any]]:
    return {item["id"]: item for item in page.evaluate("() => spatialEdit.elements")}


def order(page: Any) -> list[int]:
    """The elements' numbers, farthest first."""
    return page.evaluate("() => spatialEdit.elements.map((item) => item.id)")


def picked(page: Any) -> list[int]:
    return sorted(page.evaluate("() => spatialEdit.picked"))


def status(page: Any) -> str:
    return page.locator(".se-status").inner_text()


def settle(page: Any) -> None:
    page.wait_for_function("() => spatialEdit.idle")


def committed(page: Any) -> None:
    """Waits for the first edit's answer."""
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")


def at(page: Any, x: float, y: float) -> Point:
    """A place of the picture, in fractions of its side, on the screen."""
    box = page.locator(".se-svg").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def spot(page: Any, number: int) -> Point:
    item = elements(page)[number]
    return at(page, item["x"], item["y"])


def middle(page: Any, selector: str) -> Point:
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Any, start: Point, by: Point, steps: int = 8, button: str = "left") -> None:
    page.mouse.move(*start)
    page.mouse.down(button=button)
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=steps)
    page.mouse.up(button=button)
    settle(page)


def pick(page: Any, *numbers: int) -> None:
    """Selects by the list: a click, then Shift and clicks."""
    for place, number in enumerate(numbers):
        page.locator(f'[data-pick="{number}"]').click(modifiers=["Shift"] if place else [])


class Fingers:
    """Touches, as a phone sends them."""

    def __init__(self, page: Any) -> None:
        self.page, self.device = page, page.context.new_cdp_session(page)

    def send(self, name: str, points: Iterable[Point]) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self.device.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": touches})

    def drag(self, start: Point, by: Point, steps: int = 6) -> None:
        self.send("touchStart", [start])
        for step in range(1, steps + 1):
            self.send("touchMove", [(start[0] + by[0] * step / steps, start[1] + by[1] * step / steps)])
        self.send("touchEnd", [])

    def tap(self, place: Point, times: int = 1) -> None:
        for _ in range(times):
            self.send("touchStart", [place])
            self.send("touchEnd", [])

    def pinch(self, centre: Point, apart: tuple[float, float], steps: int = 6) -> None:
        """Two fingers, left and right of a place, go from one distance to another."""
        for step in range(steps + 1):
            half = (apart[0] + (apart[1] - apart[0]) * step / steps) / 2
            self.send(
                "touchMove" if step else "touchStart",
                [(centre[0] - half, centre[1]), (centre[0] + half, centre[1])],
            )
        self.send("touchEnd", [])
