"""The canvas without a mouse: one tab stop, next and previous, depth, several, the list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.canvas import committed, drag, elements, order, pick, picked, settle, spot, status

pytestmark = pytest.mark.browser

FOCUSED = "() => Number(document.activeElement.dataset.id)"


def stops(page: Any, selector: str) -> int:
    return page.locator(f'{selector} [tabindex="0"], {selector} button:not([tabindex])').count()


def test_the_stage_is_one_tab_stop_and_keys_reach_all_its_elements(open_page: Any) -> None:
    page = open_page()
    for count in range(10, 24):  # more than twenty
        page.evaluate("() => document.querySelector('.se-shape').focus()")
        page.keyboard.press("Control+d")
        page.wait_for_function(f"() => spatialEdit.elements.length === {count + 1} && spatialEdit.idle")
    assert stops(page, ".se-shapes") == 1
    page.keyboard.press("Escape")
    page.locator('.se-shapes [tabindex="0"]').focus()
    seen = [page.evaluate(FOCUSED)]
    for _ in range(23):
        page.keyboard.press("n")
        seen.append(page.evaluate(FOCUSED))
    assert seen == order(page)[::-1]  # near to far, each once
    page.keyboard.press("n")
    assert page.evaluate(FOCUSED) == seen[0]
    page.keyboard.press("p")
    assert page.evaluate(FOCUSED) == seen[-1] and str(seen[-1]) in status(page)
    page.keyboard.press("Shift+P")
    page.keyboard.press("Shift+P")
    assert picked(page) == sorted([seen[-1], seen[-2], seen[-3]])
    before = elements(page)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("]")
    page.wait_for_function("() => spatialEdit.idle")
    after = elements(page)
    changed = sorted(number for number in before if before[number] != after[number])
    assert changed == picked(page) and "together" in status(page)
    page.keyboard.press("Control+z")
    settle(page)
    assert elements(page) == before
    page.keyboard.press("Tab")
    assert page.evaluate("() => !document.activeElement.closest('.se-shapes')")


def test_depth_by_keys(open_page: Any) -> None:
    page = open_page()
    page.locator('.se-blob[data-id="3"]').focus()
    page.keyboard.press("Home")
    settle(page)
    assert order(page)[-1] == 3 and "in front" in status(page)
    page.keyboard.press("PageDown")
    settle(page)
    assert order(page)[-2] == 3
    page.keyboard.press("End")
    settle(page)
    assert order(page)[0] == 3
    pick(page, 0, 1)
    page.keyboard.press("Home")  # in the list: its first row
    assert page.evaluate("() => Number(document.activeElement.dataset.pick)") == order(page)[-1]
    pick(page, 0)
    page.keyboard.press("Shift+N")
    both = picked(page)
    page.keyboard.press("Home")
    settle(page)
    assert sorted(order(page)[-2:]) == both and len(both) == 2
    assert page.evaluate(FOCUSED) in both


def test_the_list_reorders_hides_locks_by_keys_and_by_dragging(open_page: Any) -> None:
    page = open_page()
    rows = page.locator(".se-layers [role=row]")
    assert rows.count() == 10 and stops(page, ".se-layers") == 1
    page.locator('[data-pick="5"]').focus()
    page.keyboard.press("Alt+ArrowUp")
    committed(page)
    assert order(page)[-4] == 5
    assert page.evaluate("() => Number(document.activeElement.dataset.pick)") == 5
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settle(page)
    assert elements(page)[5]["hidden"] and "hidden" in status(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settle(page)
    assert elements(page)[5]["locked"]
    assert page.locator('[data-row="5"] [data-flip=lock]').get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Alt+ArrowUp")
    assert "locked" in status(page)

    box = page.locator('[data-row="9"]').bounding_box()
    start = box["x"] + 60, box["y"] + box["height"] / 2
    drag(page, start, (0, 2.1 * box["height"]))
    assert order(page)[-3:] == [9, 7, 8] or order(page)[-3] == 9
    assert picked(page) == [] or 9 not in picked(page)  # the end of a drag is no click
    assert rows.first.get_attribute("data-row") == str(order(page)[-1])


def test_escape_gives_a_drag_up(open_page: Any) -> None:
    page = open_page()
    before, (x, y) = elements(page), spot(page, 3)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 70, y + 40, steps=5)
    page.keyboard.press("Escape")
    page.mouse.up()
    settle(page)
    assert elements(page) == before and not page.evaluate("() => spatialEdit.scene.can_undo")
    assert "nothing was changed" in status(page)


def test_wheel_over_the_focused_element_is_one_undo_step(open_page: Any) -> None:
    page = open_page()
    page.mouse.click(*spot(page, 3))
    before = elements(page)[3]["size"]
    for _ in range(3):
        page.mouse.wheel(0, -60)
    committed(page)
    assert elements(page)[3]["size"] > before * 1.1
    page.keyboard.press("Control+z")
    settle(page)
    assert elements(page)[3]["size"] == before
    assert not page.evaluate("() => spatialEdit.scene.can_undo")


def test_keys_go_on_where_the_focused_element_is_undone_away(open_page: Any) -> None:
    page = open_page()
    page.locator('.se-blob[data-id="3"]').focus()
    page.keyboard.press("Control+d")
    page.wait_for_function("() => spatialEdit.elements.length === 11 && spatialEdit.idle")
    page.keyboard.press("Control+z")
    page.wait_for_function("() => spatialEdit.elements.length === 10 && spatialEdit.idle")
    assert page.evaluate("() => Boolean(document.activeElement.closest('.se-stage'))")
    page.keyboard.press("n")
    assert picked(page) == [order(page)[-1]]
