"""The editor in a real browser."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from spatial_edit import share

pytestmark = pytest.mark.browser

# Drawn at full size and then thinned out: a JPEG decoded for a smaller target has slightly other values.
PIXELS = """async () => {
  const img = document.querySelector('.se-img'); await img.decode();
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = img.naturalWidth;
  const pen = canvas.getContext('2d'); pen.drawImage(img, 0, 0);
  const data = new Uint32Array(pen.getImageData(0, 0, canvas.width, canvas.width).data.buffer);
  return Array.from(data.filter((value, place) => place % 61 === 0), (value) => value & 0xff);
}"""
CODE = "() => new URL(location.href).searchParams.get('e')"


def element(page: Any, number: int) -> dict[str, Any]:
    return page.evaluate(f"() => spatialEdit.elements.find((item) => item.id === {number})")


def spot(page: Any, number: int) -> tuple[float, float]:
    """Where an element's centre is on the screen."""
    item, box = element(page, number), page.locator(".se-svg").bounding_box()
    return box["x"] + item["x"] * box["width"], box["y"] + item["y"] * box["height"]


def settle(page: Any) -> None:
    page.wait_for_function("() => spatialEdit.idle")


def drag(page: Any, start: tuple[float, float], by: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=8)
    page.mouse.up()
    settle(page)


def handle(page: Any, name: str) -> tuple[float, float]:
    box = page.locator(f".se-handle.{name} .se-dot").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_drag_changes_the_picture_and_the_link_brings_it_back(open_page: Any) -> None:
    page = open_page()
    assert page.evaluate(CODE) is None  # a fresh scene leaves the address clean
    before, (x, y) = page.evaluate(PIXELS), spot(page, 3)
    drag(page, (x, y), (-90, 60))
    assert math.dist(spot(page, 3), (x - 90, y + 60)) < 2
    assert page.evaluate("() => spatialEdit.frames") > 0  # pictures came while dragging
    after = page.evaluate(PIXELS)
    assert sum(abs(a - b) > 8 for a, b in zip(before, after, strict=True)) > 100
    code = page.evaluate(CODE)
    assert len(share.decode(code).layout) == 10
    assert page.locator("#code textarea, #code input").first.input_value() == code

    again = open_page(f"?e={code}")
    assert again.evaluate(PIXELS) == after
    assert element(again, 3) == element(page, 3)


def test_handles_resize_reshape_and_rotate(open_page: Any) -> None:
    page = open_page()
    page.mouse.click(*spot(page, 7))
    start = element(page, 7)
    (hx, hy), (cx, cy) = handle(page, "along"), spot(page, 7)
    away = math.hypot(hx - cx, hy - cy)
    drag(page, (hx, hy), (20 * (hx - cx) / away, 20 * (hy - cy) / away))
    longer = element(page, 7)
    assert longer["size"] > start["size"] * 1.05 and longer["aspect"] > start["aspect"] * 1.05
    hx, hy = handle(page, "rotate")
    drag(page, (hx, hy), (cy - hy, hx - cx))  # a quarter turn about the centre, or as near as the chord gets
    assert abs(element(page, 7)["angle"] - longer["angle"]) > 0.3


def test_keys_tools_undo_and_redo(open_page: Any) -> None:
    page = open_page()
    first, before = page.evaluate(PIXELS), element(page, 2)
    page.locator('.se-blob[data-id="2"]').focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")
    assert element(page, 2)["x"] - before["x"] == pytest.approx(0.03, abs=1e-3)
    moved = page.evaluate(PIXELS)
    page.keyboard.press("Control+d")
    page.wait_for_function("() => spatialEdit.elements.length === 11 && spatialEdit.idle")
    assert page.evaluate("() => spatialEdit.selected") == 10
    page.keyboard.press("Delete")
    settle(page)
    page.locator('[data-pick="2"]').click()
    page.locator('[data-act="forward"]').click()
    settle(page)
    assert page.evaluate("() => spatialEdit.elements.map((item) => item.id)")[:4] == [0, 1, 3, 2]
    page.locator('[data-act="hide"]').click()
    settle(page)
    assert element(page, 2)["hidden"]
    for _ in range(4):
        page.keyboard.press("Control+z")
        settle(page)
    assert page.evaluate(PIXELS) == moved
    page.keyboard.press("Control+z")
    settle(page)
    assert page.evaluate(PIXELS) == first and element(page, 2) == before
    assert page.locator('[data-act="undo"]').is_disabled()
    page.locator('[data-act="redo"]').click()
    settle(page)
    assert page.evaluate(PIXELS) == moved


def test_a_damaged_link_says_so_and_gives_a_fresh_scene(open_page: Any) -> None:
    page = open_page("?e=AAAABBBBCCCC")
    assert "damaged" in page.locator(".se-status").inner_text()
    assert len(page.evaluate("() => spatialEdit.elements")) == 10
    assert page.evaluate(CODE) is None


def test_other_weights_offer_the_layout_with_todays_model(open_page: Any) -> None:
    from tests.ui.fake_generator import FakeGenerator

    older = FakeGenerator(weights="ffffffffffffffff")
    page = open_page(f"?e={share.encode(older.sample(99), older.spec.number)}")
    assert page.evaluate("() => spatialEdit.scene.why") == "fresh"
    page.locator("#today").click()
    page.wait_for_function("() => spatialEdit.scene.why === 'open' && spatialEdit.idle")
    assert share.decode(page.evaluate(CODE)).seed == 99
    page.locator("#today").wait_for(state="hidden")


def test_files_and_generate(open_page: Any) -> None:
    page = open_page()
    page.locator("#seed input").fill("41")
    page.locator("#generate").click()
    page.wait_for_function("() => new URL(location.href).searchParams.get('e')")
    assert share.decode(page.evaluate(CODE)).seed == 41
    for button, start in (("picture", b"\x89PNG"), ("map", b"\x89PNG"), ("scene", b"{")):
        with page.expect_download() as waiting:
            page.locator(f"#save-{button}").click()
        with open(waiting.value.path(), "rb") as file:
            data = file.read()
        assert data.startswith(start)
    assert json.loads(data)["code"] == page.evaluate(CODE)


def test_truncation_by_number_and_by_key(open_page: Any) -> None:
    page = open_page()
    page.locator("#truncation input[type=number]").fill("0.5")
    page.keyboard.press("Enter")
    page.wait_for_function("() => new URL(location.href).searchParams.get('e')")
    assert share.decode(page.evaluate(CODE)).truncation == pytest.approx(0.5, abs=1e-3)
    before = page.evaluate(CODE)
    page.locator("#truncation input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => new URL(location.href).searchParams.get('e') !== '{before}'")
    assert share.decode(page.evaluate(CODE)).truncation == pytest.approx(0.55, abs=1e-3)


def test_touch_moves_a_blob_on_a_phone_and_nothing_scrolls_sideways(open_page: Any) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    before, (x, y) = element(page, 3), spot(page, 3)
    device = page.context.new_cdp_session(page)
    device.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 6):
        point = {"x": x - 10 * step, "y": y + 8 * step}
        device.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")
    assert element(page, 3)["x"] < before["x"] - 0.05
    target = page.locator(".se-handle.along .se-hit").bounding_box()
    assert target["width"] >= 40 and target["x"] >= 0
