"""Looking closer, moving the picture, snapping, handles at the edge, strength of outlines."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.e2e.canvas import PHONE, Fingers, at, drag, elements, middle, pick, picked, settle, spot
from tests.e2e.hands import sets

pytestmark = pytest.mark.browser

LENS = "() => spatialEdit.lens"


def boxes(page: Any) -> list[dict[str, float]]:
    return [page.locator(f".se-{name}").bounding_box() for name in ("img", "svg", "stage")]


def test_wheel_zooms_about_the_pointer_and_the_picture_stays_aligned(open_page: Any) -> None:
    page = open_page()
    plate = page.locator(".se-tag .se-plate").first.bounding_box()["height"]
    place = (round(spot(page, 9)[0]), round(spot(page, 9)[1]))  # a mouse has whole pixels
    was = spot(page, 9)
    page.mouse.move(*place)
    page.keyboard.down("Control")
    for _ in range(3):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function("() => spatialEdit.lens.zoom > 3")
    picture, drawing, frame = boxes(page)
    assert picture == drawing and picture["width"] > 3 * frame["width"]
    zoom = page.evaluate(LENS)["zoom"]
    still = [place[i] + (was[i] - place[i]) * zoom for i in (0, 1)]  # what is under the pointer stays there
    assert spot(page, 9) == pytest.approx(still, abs=1.5)
    shape = middle(page, '.se-shape[data-id="9"] .se-ellipse')
    assert shape == pytest.approx(still, abs=4)
    assert page.locator(".se-tag .se-plate").first.bounding_box()["height"] == pytest.approx(plate, abs=1)

    before = elements(page)[9]
    drag(page, place, (60, 0))  # dragging works in the enlarged picture
    assert elements(page)[9]["x"] - before["x"] == pytest.approx(60 / drawing["width"], abs=3e-3)
    page.keyboard.press("0")
    assert page.evaluate(LENS) == {"zoom": 1, "x": 0, "y": 0}
    assert page.locator("[data-zoom=out]").is_disabled()
    for _ in range(6):
        page.locator("[data-zoom=in]").click()
    assert page.evaluate(LENS)["zoom"] == 8 and page.locator("[data-zoom=in]").is_disabled()


def test_space_and_the_middle_button_move_the_picture(open_page: Any) -> None:
    page = open_page()
    for _ in range(2):
        page.locator("[data-zoom=in]").click()
    before, centre, all_before = page.evaluate(LENS), middle(page, ".se-stage"), elements(page)
    drag(page, centre, (-40, 30), button="middle")
    moved = page.evaluate(LENS)
    assert (moved["x"], moved["y"]) == pytest.approx((before["x"] - 40, before["y"] + 30), abs=1)
    page.mouse.move(*centre)
    page.keyboard.down(" ")
    drag(page, centre, (25, -20))
    page.keyboard.up(" ")
    back = page.evaluate(LENS)
    assert (back["x"], back["y"]) == pytest.approx((moved["x"] + 25, moved["y"] - 20), abs=1)
    drag(page, centre, (5000, 5000), button="middle")  # never beyond the picture's border
    assert (page.evaluate(LENS)["x"], page.evaluate(LENS)["y"]) == (0, 0)
    assert elements(page) == all_before and not page.evaluate("() => spatialEdit.scene.can_undo")


def test_pinch_double_tap_and_scrolling_on_a_phone(open_page: Any) -> None:
    page = open_page(**PHONE)
    fingers = Fingers(page)
    page.locator(".se-stage").scroll_into_view_if_needed()
    before, centre = elements(page), middle(page, ".se-stage")
    fingers.pinch(centre, (80, 200))
    page.wait_for_function("() => spatialEdit.lens.zoom > 1.8")
    picture, drawing, _ = boxes(page)
    assert picture == drawing and elements(page) == before
    fingers.tap(centre, times=2)
    page.wait_for_function("() => spatialEdit.lens.zoom === 1")
    empty = at(page, 0.05, 0.05)
    top = page.evaluate("() => scrollY")
    fingers.drag(empty, (0, -160), steps=10)  # a finger on an empty place scrolls the page
    page.wait_for_function(f"() => scrollY > {top} + 60")
    assert elements(page) == before


def test_snapping_holds_to_centres_and_alt_turns_it_off(open_page: Any) -> None:
    page = open_page()
    line = at(page, 0.5, 0.5)[0]

    def creep(offset: float, alt: bool) -> float:
        start = spot(page, 3)
        page.mouse.move(*start)
        page.mouse.down()
        if alt:
            page.keyboard.down("Alt")
        page.mouse.move(line + offset - 12, start[1], steps=4)
        page.mouse.move(line + offset, start[1], steps=8)
        guides = page.locator(".se-guides line").count()
        page.mouse.up()
        if alt:
            page.keyboard.up("Alt")
        settle(page)
        assert page.locator(".se-guides line").count() == 0
        return elements(page)[3]["x"] if guides or alt else -1.0

    assert creep(3, alt=False) == pytest.approx(0.5, abs=5e-4)
    side = page.locator(".se-svg").bounding_box()["width"]
    assert creep(3, alt=True) == pytest.approx(0.5 + 3 / side, abs=2e-3)


def test_shift_keeps_to_an_axis_and_angles_to_fifteen_degrees(open_page: Any) -> None:
    page = open_page()
    pick(page, 3)
    before = elements(page)[3]
    page.keyboard.down("Shift")
    drag(page, spot(page, 3), (-80, 25))
    moved = elements(page)[3]
    assert moved["y"] == before["y"] and moved["x"] < before["x"] - 0.1
    drag(page, middle(page, ".se-handle.rotate .se-dot"), (40, 30))
    page.keyboard.up("Shift")
    turned = elements(page)[3]["angle"] * 180 / 3.14159265
    assert abs(turned - moved["angle"] * 180 / 3.14159265) > 5
    assert abs((turned + 7.5) % 15 - 7.5) < 0.8


def test_handles_are_large_enough_and_never_cut_off(open_page: Any) -> None:
    for options, least in (({}, 24), (PHONE, 44)):
        page = open_page(**options)
        pick(page, 0)
        frame = page.locator(".se-stage").bounding_box()
        for box in page.locator(".se-handles .se-hit").all():
            hit = box.bounding_box()
            assert hit["width"] >= least - 0.5 and hit["height"] >= least - 0.5
            x, y = hit["x"] + hit["width"] / 2, hit["y"] + hit["height"] / 2
            assert frame["x"] + 10 < x < frame["x"] + frame["width"] - 10
            assert frame["y"] + 10 < y < frame["y"] + frame["height"] - 10
        for _ in range(3):
            page.locator("[data-zoom=in]").click()
        for dot in page.locator(".se-handles .se-dot").all():
            box = dot.bounding_box()
            assert frame["x"] <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
            assert box["width"] < 24  # they keep their size


def test_a_click_in_the_enlarged_picture_picks_what_is_there(open_page: Any) -> None:
    page = open_page()
    page.mouse.dblclick(*at(page, 0.06, 0.06))  # an empty place: closer, and back
    assert page.evaluate(LENS)["zoom"] == 2.5
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    page.locator("[data-zoom=in]").click()
    page.mouse.click(*spot(page, 7))
    assert picked(page) == [7]


def test_the_outlines_strength_is_remembered(open_page: Any) -> None:
    page = open_page()
    page.locator("[data-leaf=show]").click()
    page.locator("[data-overlay] input").fill("30")
    strength = "() => getComputedStyle(document.querySelector('.se-shapes')).opacity"
    assert float(page.evaluate(strength)) == pytest.approx(0.3)
    page.reload()
    page.wait_for_function("() => window.spatialEdit && spatialEdit.elements.length > 0 && spatialEdit.idle")
    assert float(page.evaluate(strength)) == pytest.approx(0.3)


def test_the_label_of_a_small_element_leaves_its_handles_free(open_page: Any) -> None:
    """In the middle, at the bottom, at the top: the name's plate covers none of the three dots."""
    page = open_page()
    pick(page, 9)
    sets(page, "[data-dial=size] input", math.log(0.02))
    for percent in (50, 97, 4):
        sets(page, "[data-dial=y] input", percent)
        page.wait_for_timeout(600)  # the slider's burst is over
        settle(page)
        plate = page.locator(".se-tag.on .se-plate").bounding_box()
        assert plate["width"] > 54  # its name would reach the dot beside it
        for name in ("along", "across", "rotate"):
            x, y = middle(page, f'[data-handle="{name}"] .se-dot')
            beside = x + 6 <= plate["x"] or x - 6 >= plate["x"] + plate["width"]
            assert beside or y + 6 <= plate["y"] or y - 6 >= plate["y"] + plate["height"], (name, percent)


# The longest transition or animation of any part of the canvas, in seconds.
MOTION = """() => Math.max(...[...document.querySelectorAll('.se *')].flatMap((node) => {
  const style = getComputedStyle(node);
  return `${style.transitionDuration}, ${style.animationDuration}`.split(', ').map(parseFloat);
}))"""


def test_nothing_moves_for_those_who_ask_for_less_motion(open_page: Any) -> None:
    assert open_page().evaluate(MOTION) > 0.05
    assert open_page(reduced_motion="reduce").evaluate(MOTION) < 0.01
