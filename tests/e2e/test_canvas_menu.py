"""The context menu by mouse, finger and keyboard; names from anywhere are text and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.canvas import (
    PHONE,
    Fingers,
    at,
    committed,
    elements,
    middle,
    order,
    pick,
    picked,
    settle,
    spot,
    status,
)
from tests.e2e.conftest import pages_of, running

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>${window.hacked=1}{{1}}"


def focused(page: Any) -> str:
    return page.evaluate("() => (document.activeElement.querySelector('span') || {}).textContent || ''")


def test_right_click_opens_it_inside_the_frame_and_its_entries_work(open_page: Any) -> None:
    page = open_page()
    menu = page.get_by_role("menu", name="Menu for")
    page.mouse.click(*spot(page, 7), button="right")
    assert menu.is_visible() and picked(page) == [7]
    page.get_by_role("menuitem", name="To the front").click()
    settle(page)
    assert order(page)[-1] == 7 and menu.is_hidden()

    pick(page, 0, 4)
    frame = page.locator(".se-stage").bounding_box()
    page.mouse.click(*at(page, 0.985, 0.985), button="right")
    box = page.locator(".se-menu").bounding_box()
    assert box["x"] >= frame["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert box["y"] >= frame["y"] and box["y"] + box["height"] <= frame["y"] + frame["height"]
    page.mouse.click(frame["x"] + 8, frame["y"] - 30)
    assert page.locator(".se-menu").is_hidden()

    rows = {n: item["row"] for n, item in elements(page).items()}
    page.mouse.click(*spot(page, 3), button="right")
    page.get_by_role("menuitem", name="Exchange looks with…").click()
    page.get_by_role("menuitem", name="9 lamp").click()
    settle(page)
    after = {n: item["row"] for n, item in elements(page).items()}
    assert (after[3], after[9]) == (rows[9], rows[3])
    page.mouse.click(*spot(page, 3), button="right")
    page.get_by_role("menuitem", name="Copy").click()
    page.mouse.click(*at(page, 0.05, 0.05), button="right")
    page.get_by_role("menuitem", name="Paste").click()
    page.wait_for_function("() => spatialEdit.elements.length === 11 && spatialEdit.idle")
    assert picked(page) == [10]


def test_the_menu_by_keyboard_alone(open_page: Any) -> None:
    page = open_page()
    page.locator('.se-blob[data-id="3"]').focus()
    page.keyboard.press("Shift+F10")
    assert focused(page) == "Clone"
    page.keyboard.press("ArrowUp")
    assert focused(page) == "Select all"
    page.keyboard.press("l")
    assert focused(page) == "Lock"
    page.keyboard.press("Enter")
    committed(page)
    assert elements(page)[3]["locked"]
    assert page.evaluate("() => document.activeElement.dataset.id") == "3"
    page.keyboard.press("ContextMenu")
    page.keyboard.press("u")
    assert focused(page) == "Unlock"
    page.keyboard.press("Escape")
    assert page.locator(".se-menu").is_hidden()
    assert page.evaluate("() => document.activeElement.dataset.id") == "3" and picked(page) == [3]
    page.keyboard.press("Shift+N")
    page.keyboard.press("Shift+F10")
    page.keyboard.press("a")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "Left edges"
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "Clone 2"


def test_a_resting_finger_opens_it_and_everything_fits_on_a_phone(open_page: Any) -> None:
    page = open_page(**PHONE)
    fingers, before = Fingers(page), elements(page)
    fingers.send("touchStart", [spot(page, 7)])
    page.wait_for_selector(".se-menu:not([hidden])")
    fingers.send("touchEnd", [])
    assert page.locator(".se-menu").is_visible() and picked(page) == [7] and elements(page) == before
    frame, box = (page.locator(name).bounding_box() for name in (".se-stage", ".se-menu"))
    assert frame["x"] <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 0.5
    for entry in page.locator(".se-menu-item").all()[:3]:
        assert entry.bounding_box()["height"] >= 44
    fingers.tap(middle(page, ".se-menu-item >> nth=0"))
    page.wait_for_function("() => spatialEdit.elements.length === 11 && spatialEdit.idle")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_hostile_names_are_shown_and_never_run(browser: Any) -> None:
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    from tests.ui.fake_generator import FakeGenerator

    hostile = FakeGenerator()
    hostile.spec = replace(hostile.spec, row_names=tuple([HOSTILE] * len(hostile.spec.row_names)))
    with running(hostile) as url, pages_of(browser, url) as open_page:
        page = open_page()
        pick(page, 3, 7)
        assert HOSTILE in page.locator('[data-pick="3"]').inner_text()
        assert HOSTILE in page.locator('.se-shape[data-id="3"]').get_attribute("aria-label")
        assert HOSTILE in status(page)
        pick(page, 9)
        page.keyboard.press("Shift+F10")
        page.get_by_role("menuitem", name="Exchange looks with…").click()
        assert page.locator(".se-menu-item", has_text="onerror").count() == 9
        page.keyboard.press("Escape")
        assert page.evaluate("() => window.hacked") is None
        assert page.locator(".se img[src=x], .se script").count() == 0
