"""What lies over the picture: before and after, differences, opacity and depth; mouse, keys, touch, dark."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.hands import CODE, PIXELS, settle

pytestmark = pytest.mark.browser

READY = "() => !document.querySelector('.sg-note').hasAttribute('aria-busy')"
COLOURS = """async () => {
  const img = document.querySelector('.sg-over'); await img.decode();
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 64;
  const pen = canvas.getContext('2d'); pen.drawImage(img, 0, 0, 64, 64);
  return Array.from(pen.getImageData(0, 0, 64, 64).data);
}"""


def nudge(page: Any, number: int = 5, key: str = "ArrowRight", times: int = 3) -> None:
    """Moves an element by the keyboard; one edit."""
    before = page.evaluate(CODE)
    page.locator(f'.se-shape[data-id="{number}"]').focus()
    for _ in range(times):
        page.keyboard.press(f"Shift+{key}")
    page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=before)


def see(page: Any, what: str) -> None:
    page.locator(".sg-open").click()
    page.locator(f'[data-see="{what}"]').click()
    page.wait_for_function(READY)


def cut_at(page: Any) -> int:
    return int(page.locator(".sg-cut").get_attribute("aria-valuenow"))


def clip(page: Any) -> float:
    """How much of the picture shows before, in percent, by what is painted."""
    inset = page.locator(".sg-past").evaluate("(node) => node.style.clipPath")
    return 100 - float(re.findall(r"[\d.]+", inset)[1])


def test_before_and_after_by_pointer_and_by_keys(open_page: Any) -> None:
    page = open_page()
    first = page.locator(".se-img").get_attribute("src")
    nudge(page)
    see(page, "compare")
    assert page.locator(".sg-past").get_attribute("src") == first  # the scene as it was opened
    assert page.locator(".se-img").get_attribute("src") != first
    line, stage = page.locator(".sg-cut").bounding_box(), page.locator(".se-stage").bounding_box()
    page.mouse.move(line["x"] + line["width"] / 2, line["y"] + 200)
    page.mouse.down()
    page.mouse.move(stage["x"] + 0.8 * stage["width"], line["y"] + 220, steps=5)
    page.mouse.up()
    assert cut_at(page) == pytest.approx(80, abs=1) and clip(page) == pytest.approx(80, abs=1)
    where = page.evaluate("() => spatialEdit.elements.find((item) => item.id === 5).x")
    for key, value in (
        ("Home", 0),
        ("End", 100),
        ("ArrowLeft", 98),
        ("Shift+ArrowLeft", 88),
        ("PageDown", 78),
    ):
        page.keyboard.press(key)
        assert cut_at(page) == value
    assert page.locator(".sg-cut").get_attribute("role") == "slider"
    assert "78 % before" in page.locator(".sg-cut").get_attribute("aria-valuetext")
    assert page.evaluate("() => spatialEdit.elements.find((item) => item.id === 5).x") == where
    page.locator(".sg-close").click()
    assert page.locator(".sg-cut").is_hidden() and page.locator(".sg-past").is_hidden()


def test_before_may_be_a_step_of_the_history(open_page: Any) -> None:
    page = open_page()
    nudge(page)
    second = page.locator(".se-img").get_attribute("src")
    nudge(page, 9, "ArrowDown")
    see(page, "compare")
    page.locator(".sg-since").select_option(index=2)
    page.wait_for_function(
        "(src) => document.querySelector('.sg-past').getAttribute('src') === src", arg=second
    )


def test_touch_moves_the_line_on_a_phone(open_page: Any) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    nudge(page)
    see(page, "compare")
    page.locator(".se-stage").scroll_into_view_if_needed()
    line = page.locator(".sg-cut").bounding_box()
    assert line["width"] >= 44
    x, y = line["x"] + line["width"] / 2, line["y"] + 120
    device = page.context.new_cdp_session(page)
    device.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 6):
        device.send(
            "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x - 20 * step, "y": y}]}
        )
    device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    stage = page.locator(".se-stage").bounding_box()
    assert cut_at(page) == pytest.approx(50 - 100 * 100 / stage["width"], abs=2)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    for button in page.locator(".se-view:visible, .sg-open, .sg-small:visible").all():
        box = button.bounding_box()
        assert box["height"] >= 40 and box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_differences_show_heat_where_the_edit_was_and_follow_it(open_page: Any) -> None:
    page = open_page()
    see(page, "difference")
    assert page.locator(".sg-words").first.inner_text() == "Changed inside 0 %, outside 0 %."
    nudge(page, 9)
    page.wait_for_function("() => /inside [1-9]/.test(document.querySelector('.sg-words').textContent)")
    words = page.locator(".sg-words").first.inner_text()
    assert re.fullmatch(r"Changed inside \d+ %, outside (\d|under)[\d. ]* ?%\.", words), words
    data = page.evaluate(COLOURS)
    pixels = [data[i : i + 3] for i in range(0, len(data), 4)]
    warm = sum(red > blue + 60 for red, _, blue in pixels)
    grey = sum(max(pixel) - min(pixel) < 12 for pixel in pixels)
    assert 5 < warm < 400 and grey > 3000
    assert page.locator(".sg-legend").is_visible()
    page.keyboard.press("Control+z")
    page.wait_for_function(
        "() => document.querySelector('.sg-words').textContent.startsWith('Changed inside 0 %')"
    )


def test_opacity_follows_the_selection_and_depth_is_shown(open_tiny: Any) -> None:
    page = open_tiny()
    see(page, "opacity")
    assert page.locator(".sg-words").first.inner_text().startswith("Opacity of all.")
    number = page.evaluate("() => spatialEdit.elements[0].id")
    page.locator(f'[data-pick="{number}"]').first.click()
    page.wait_for_function("() => /Opacity of \\d/.test(document.querySelector('.sg-words').textContent)")
    see(page, "depth")
    assert page.locator(".sg-words").first.inner_text().startswith("Depth order.")
    assert page.locator(".sg-low").inner_text() == "behind all"
    with page.expect_download() as waiting:
        page.locator('[data-seeing="save"]').click()
    with open(waiting.value.path(), "rb") as file:
        assert file.read(4) == b"\x89PNG"
    assert waiting.value.suggested_filename.endswith("-depth.png")
    page.locator('[data-view="map"]').click()  # the blob map takes the place of the others
    assert page.locator(".sg-over").is_hidden() and page.locator(".sg-note").is_hidden()


def test_a_model_without_such_a_map_says_so(open_room: Any) -> None:
    page = open_room()
    see(page, "depth")
    page.wait_for_function("() => document.querySelector('.sg-words').textContent !== ''")
    assert "no depth map" in page.locator(".sg-words").first.inner_text()
    assert page.locator(".sg-over").is_hidden()


def test_the_menu_by_keyboard_in_the_dark(open_page: Any) -> None:
    page = open_page("?__theme=dark")
    nudge(page)
    before = page.evaluate(PIXELS)
    page.locator(".sg-open").focus()
    page.keyboard.press("Enter")
    assert page.locator('[data-see=""]').evaluate("(node) => node === document.activeElement")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function(READY)
    assert page.locator('[data-see="difference"]').get_attribute("aria-checked") == "true"
    assert page.locator(".sg-opened").inner_text() == "Differences"
    assert page.locator(".sg-open").evaluate("(node) => node === document.activeElement")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert page.locator(".sg-menu").is_hidden()
    settle(page)
    assert page.evaluate(PIXELS) == before
