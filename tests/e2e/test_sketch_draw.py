"""Drawing a region on the picture: a new element, or the new form of the selected one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from spatial_edit import share

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CENTRE, LONG, SHORT, ANGLE = (0.45, 0.4), 0.2, 0.08, 0.5


def outline(count: int = 40, turns: float = 0.97) -> list[tuple[float, float]]:
    """Points of a turned ellipse, not quite closed, as a hand draws."""
    points = []
    for step in range(count):
        turn = 2 * math.pi * turns * step / (count - 1)
        u, v = LONG * math.cos(turn), SHORT * math.sin(turn)
        c, s = math.cos(ANGLE), math.sin(ANGLE)
        points.append((CENTRE[0] + u * c + v * s, CENTRE[1] - u * s + v * c))
    return points


def on_screen(page: Any, point: tuple[float, float]) -> tuple[float, float]:
    box = page.locator(".se-svg").bounding_box()
    return box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"]


def draw(page: Any, points: list[tuple[float, float]]) -> None:
    """A stroke with the mouse."""
    page.mouse.move(*on_screen(page, points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*on_screen(page, point))
    page.mouse.up()


def is_the_ellipse(item: dict[str, float]) -> None:
    assert (item["x"], item["y"]) == pytest.approx(CENTRE, abs=0.01)
    assert item["size"] == pytest.approx(math.sqrt(LONG * SHORT), rel=0.03)
    assert item["aspect"] == pytest.approx(LONG / SHORT, rel=0.08)
    assert item["angle"] % math.pi == pytest.approx(ANGLE, abs=0.05)


def settled(page: Any, count: int) -> None:
    page.wait_for_function(f"() => spatialEdit.elements.length === {count} && spatialEdit.idle")


def test_a_drawn_region_becomes_a_new_element(open_page: Any) -> None:
    page = open_page()
    page.locator("button[data-tool=draw]").click()
    draw(page, outline())
    guess = page.locator(".se-guess").last
    assert float(guess.get_attribute("rx")) > 2 * float(guess.get_attribute("ry"))  # the preview
    page.locator("[data-pop=row]").select_option(label="lamp")
    page.locator("[data-pop=add]").click()
    settled(page, 11)
    new = page.evaluate("() => spatialEdit.elements.find((item) => item.id === 10)")
    is_the_ellipse(new)
    assert new["name"] == "lamp" and page.evaluate("() => spatialEdit.selected") == 10
    assert page.locator("button[data-tool=select]").get_attribute("aria-pressed") == "true"
    code = page.evaluate("() => new URL(location.href).searchParams.get('e')")
    assert 10 in share.decode(code).layout.ids
    page.keyboard.press("Control+z")
    settled(page, 10)


def test_a_drawn_region_reshapes_the_selected_element(open_page: Any) -> None:
    page = open_page()
    page.locator('[data-pick="5"]').click()
    page.locator("button[data-tool=draw]").click()
    draw(page, outline())
    page.get_by_role("button", name="Reshape 5 bed").click()
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")
    is_the_ellipse(page.evaluate("() => spatialEdit.elements.find((item) => item.id === 5)"))
    assert len(page.evaluate("() => spatialEdit.elements")) == 10


def test_a_line_and_a_loop_are_regions_and_a_tap_is_none(open_page: Any) -> None:
    page = open_page()
    page.locator("button[data-tool=draw]").click()
    draw(page, [(0.5, 0.5)])
    assert page.locator(".se-pop").is_hidden()
    assert "around a region" in page.locator(".se-status").inner_text()
    draw(page, [(0.2, 0.3 + 0.02 * step) for step in range(20)])  # down: a thin upright element
    page.locator("[data-pop=add]").click()
    settled(page, 11)
    pole = page.evaluate("() => spatialEdit.elements.find((item) => item.id === 10)")
    assert pole["aspect"] > 3 and abs(abs(pole["angle"]) - math.pi / 2) < 0.1
    page.locator("button[data-tool=draw]").click()
    eight = [
        (0.6 + 0.12 * math.sin(t), 0.5 + 0.1 * math.sin(2 * t))
        for t in (2 * math.pi * k / 40 for k in range(40))
    ]
    draw(page, eight)
    page.locator("[data-pop=add]").click()
    settled(page, 12)
    loop = page.evaluate("() => spatialEdit.elements.find((item) => item.id === 11)")
    assert (loop["x"], loop["y"]) == pytest.approx((0.6, 0.5), abs=0.03)


def test_drawing_with_the_keyboard_alone_and_escape(open_page: Any) -> None:
    page = open_page()
    page.locator('.se-shape[data-id="2"]').focus()
    page.keyboard.press("d")
    assert page.locator("button[data-tool=draw]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Enter")
    page.locator(".se-pop").wait_for(state="visible")
    page.keyboard.press("Escape")
    assert page.locator(".se-pop").is_hidden() and len(page.evaluate("() => spatialEdit.elements")) == 10
    page.keyboard.press("Enter")
    page.keyboard.press("l")  # a letter chooses a word, and is no shortcut
    while page.evaluate("() => document.activeElement.dataset.pop") != "add":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settled(page, 11)
    new = page.evaluate("() => spatialEdit.elements.find((item) => item.id === 10)")
    assert (new["x"], new["y"]) == pytest.approx((0.5, 0.5), abs=0.01) and new["name"] == "lamp"


def test_drawing_with_a_finger_on_a_phone(open_page: Any) -> None:
    page = open_page(**PHONE)
    page.locator("button[data-tool=draw]").tap()
    page.locator(".se-stage").scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        places = [dict(zip("xy", on_screen(page, point), strict=True)) for point in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    drawn, top = outline(), page.evaluate("() => window.scrollY")
    send("touchStart", drawn[0])
    for point in drawn[1:]:
        send("touchMove", point)
    send("touchEnd")
    assert page.evaluate("() => window.scrollY") == top
    pop, stage = page.locator(".se-pop").bounding_box(), page.locator(".se-stage").bounding_box()
    assert pop["x"] >= stage["x"] and pop["x"] + pop["width"] <= stage["x"] + stage["width"]
    assert page.locator("[data-pop=add]").bounding_box()["height"] >= 44
    page.locator("[data-pop=add]").tap()
    settled(page, 11)
    is_the_ellipse(page.evaluate("() => spatialEdit.elements.find((item) => item.id === 10)"))


def test_boxes_have_no_drawing_but_a_mask(open_room: Any) -> None:
    page = open_room()
    assert page.locator("button[data-tool=draw]").is_hidden()
    assert page.locator("button[data-tool=protect]").is_visible()
    page.locator(".se-stage").focus()
    page.keyboard.press("d")
    assert page.locator("button[data-tool=select]").get_attribute("aria-pressed") == "true"
