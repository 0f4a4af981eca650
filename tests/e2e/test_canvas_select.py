"""Several elements at once: Shift, marquee, the box round them, align, swap, clone, hide, lock."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.e2e.canvas import (
    PHONE,
    Fingers,
    at,
    committed,
    drag,
    elements,
    middle,
    pick,
    picked,
    settle,
    spot,
    status,
)

pytestmark = pytest.mark.browser


def mean(items: list[dict[str, Any]], axis: str) -> float:
    return sum(item[axis] for item in items) / len(items)


def test_shift_marquee_and_select_all(open_page: Any) -> None:
    page = open_page()
    page.mouse.click(*spot(page, 3))
    page.keyboard.down("Shift")
    page.mouse.click(*spot(page, 7))
    assert picked(page) == [3, 7] and page.evaluate("() => spatialEdit.selected") == 7
    page.mouse.click(*spot(page, 7))
    page.keyboard.up("Shift")
    assert picked(page) == [3]
    page.locator('[data-pick="9"]').click(modifiers=["Shift"])
    assert picked(page) == [3, 9] and "2 selected" in status(page)

    start = at(page, 0.03, 0.05)  # an empty place of the wall
    drag(page, start, (at(page, 0.42, 0.6)[0] - start[0], at(page, 0.42, 0.6)[1] - start[1]))
    inside = [n for n, item in elements(page).items() if 0.03 < item["x"] < 0.42 and 0.05 < item["y"] < 0.6]
    assert len(inside) > 1 and picked(page) == sorted(inside)
    assert page.locator(".se-shape.on").count() == len(inside)
    assert not page.evaluate("() => spatialEdit.scene.can_undo")  # a choice is no edit
    page.keyboard.press("Control+a")
    assert len(picked(page)) == 10
    page.keyboard.press("Escape")
    assert picked(page) == []
    page.mouse.click(*start)
    page.keyboard.press("f")  # the frame as a tool: it may start on an element
    drag(page, spot(page, 5), (40, 60))
    assert 5 not in picked(page) or len(picked(page)) > 1


def test_a_group_moves_grows_and_turns_as_one(open_page: Any) -> None:
    page = open_page()
    pick(page, 3, 7, 9)
    start = [elements(page)[n] for n in (3, 7, 9)]
    drag(page, spot(page, 7), (-60, 45))
    moved = [elements(page)[n] for n in (3, 7, 9)]
    side = page.locator(".se-svg").bounding_box()["width"]
    for before, after in zip(start, moved, strict=True):
        assert after["x"] - before["x"] == pytest.approx(-60 / side, abs=3e-3)
        assert after["y"] - before["y"] == pytest.approx(45 / side, abs=3e-3)
    assert page.evaluate("() => spatialEdit.frames") > 0  # pictures came while dragging
    assert picked(page) == [3, 7, 9]

    drag(page, middle(page, ".group-se .se-dot"), (50, 50))
    grown = [elements(page)[n] for n in (3, 7, 9)]
    factors = [after["size"] / before["size"] for before, after in zip(moved, grown, strict=True)]
    assert factors[0] > 1.05 and factors == pytest.approx([factors[0]] * 3, rel=2e-2)
    gap = [math.dist((a[0]["x"], a[0]["y"]), (a[1]["x"], a[1]["y"])) for a in (moved, grown)]
    assert gap[1] / gap[0] == pytest.approx(factors[0], rel=2e-2)
    low = [min(item["x"] - item["size"] for item in state) for state in (moved, grown)]
    assert low[1] == pytest.approx(low[0], abs=0.03)  # the corner across stays

    drag(page, middle(page, ".group-turn .se-dot"), (90, 40))
    turned = [elements(page)[n] for n in (3, 7, 9)]
    assert mean(turned, "x") == pytest.approx(mean(grown, "x"), abs=3e-3)
    turn = turned[0]["angle"] - grown[0]["angle"]
    assert abs(turn) > 0.1
    for before, after in zip(grown, turned, strict=True):
        apart = (after["angle"] - before["angle"] - turn + math.pi / 2) % math.pi - math.pi / 2
        assert abs(apart) < 0.03
    for state in (grown, moved, start):  # each gesture is one step back
        page.keyboard.press("Control+z")
        settle(page)
        assert [elements(page)[n] for n in (3, 7, 9)] == state


def test_align_distribute_and_exchange_looks(open_page: Any) -> None:
    page = open_page()
    pick(page, 3, 7, 9)
    page.locator("[data-act=align]").click()
    page.get_by_role("menuitem", name="Centres, side by side").click()
    settle(page)
    ys = [elements(page)[n]["y"] for n in (3, 7, 9)]
    assert max(ys) - min(ys) < 1e-3
    page.locator("[data-act=align]").click()
    page.get_by_role("menuitem", name="Space evenly across").click()
    settle(page)
    xs = sorted(elements(page)[n]["x"] for n in (3, 7, 9))
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=2e-3)
    pick(page, 3, 7)
    rows = [elements(page)[n]["row"] for n in (3, 7)]
    page.locator("[data-act=swap]").click()
    settle(page)
    assert [elements(page)[n]["row"] for n in (3, 7)] == rows[::-1]


def test_several_are_cloned_hidden_locked_and_removed_at_once(open_page: Any) -> None:
    page = open_page()
    pick(page, 3, 7)
    page.keyboard.press("Control+d")
    page.wait_for_function("() => spatialEdit.elements.length === 12 && spatialEdit.idle")
    assert picked(page) == [10, 11]
    page.keyboard.press("h")
    page.keyboard.press("l")
    settle(page)
    assert all(elements(page)[n]["hidden"] and elements(page)[n]["locked"] for n in (10, 11))
    page.keyboard.press("Delete")
    assert "locked" in status(page) and len(elements(page)) == 12
    page.keyboard.press("l")
    page.keyboard.press("Delete")
    settle(page)
    assert len(elements(page)) == 10 and page.evaluate("() => spatialEdit.scene.error") == ""
    page.keyboard.press("Control+z")
    page.wait_for_function("() => spatialEdit.elements.length === 12 && spatialEdit.idle")


def test_a_locked_one_stays_when_its_group_moves(open_page: Any) -> None:
    page = open_page()
    pick(page, 3)
    page.locator('[data-row="3"] [data-flip=lock]').click()
    committed(page)
    pick(page, 3, 7, 9)
    assert "Locked: 3" in status(page)
    before = elements(page)
    drag(page, spot(page, 9), (40, -30))
    after = elements(page)
    assert after[3] == before[3] and after[7]["x"] > before[7]["x"] + 0.04
    assert page.evaluate("() => spatialEdit.scene.error") == ""


def test_a_finger_frames_and_toggles(open_page: Any) -> None:
    page = open_page(**PHONE)
    fingers = Fingers(page)
    page.locator("[data-tool=marquee]").tap()
    fingers.tap(spot(page, 3))
    fingers.tap(spot(page, 7))
    assert picked(page) == [3, 7]
    fingers.tap(spot(page, 7))
    assert picked(page) == [3]
    start, end = at(page, 0.03, 0.05), at(page, 0.42, 0.6)
    fingers.drag(start, (end[0] - start[0], end[1] - start[1]))
    assert {2, 3, 9} <= set(picked(page))
    before = elements(page)
    fingers.drag(spot(page, 9), (20, 15))  # the frame has done its work: a finger moves them again
    committed(page)
    assert elements(page)[9]["x"] > before[9]["x"] + 0.03 and elements(page)[2]["x"] > before[2]["x"] + 0.03


def test_several_boxes_are_hidden_and_locked_at_once_and_the_picture_zooms(open_room: Any) -> None:
    page = open_room()
    pick(page, 9, 12)
    page.keyboard.press("h")
    page.keyboard.press("l")
    settle(page)
    items = elements(page)
    assert all(items[n]["hidden"] and items[n]["locked"] for n in (9, 12))
    assert sum(item["hidden"] for item in items.values()) == 2
    page.locator("[data-zoom=in]").click()
    picture, drawing = (page.locator(name).bounding_box() for name in (".se-img", ".se-svg"))
    assert picture == drawing and page.locator(".se-layers.tall").count() == 0
    page.locator("[data-act=more]").click()
    assert page.get_by_role("menuitem", name="To the front").count() == 0  # a room has no order in depth
    page.get_by_role("menuitem", name="Unlock").click()
    settle(page)
    assert page.locator(".se-menu").is_hidden()
    assert not any(elements(page)[n]["locked"] for n in (9, 12))
