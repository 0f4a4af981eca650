"""The editor for boxes in a room, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spatial_edit import share
from spatial_edit.layouts.perspective import project

pytestmark = pytest.mark.browser

PIXELS = """async () => {
  const img = document.querySelector('.se-img'); await img.decode();
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = img.naturalWidth;
  const pen = canvas.getContext('2d'); pen.drawImage(img, 0, 0);
  const data = new Uint32Array(pen.getImageData(0, 0, canvas.width, canvas.width).data.buffer);
  return Array.from(data.filter((value, place) => place % 61 === 0), (value) => value & 0xff);
}"""
CODE = "() => new URL(location.href).searchParams.get('e')"
BED, PILLOW, CHAIR, WINDOW, CURTAIN, PAINTING = 0, 1, 9, 5, 6, 12


def element(page: Any, number: int) -> dict[str, Any]:
    return page.evaluate(f"() => spatialEdit.elements.find((item) => item.id === {number})")


def settle(page: Any) -> None:
    page.wait_for_function("() => spatialEdit.idle")


def committed(page: Any) -> None:
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")


def on_screen(page: Any, point: tuple[float, float, float]) -> tuple[float, float]:
    """Where Python's perspective puts a room point on the screen."""
    camera = torch.tensor(page.evaluate("() => spatialEdit.world.camera"))
    box, (u, v) = page.locator(".se-svg").bounding_box(), project(torch.tensor(point), camera)[0].tolist()
    return box["x"] + u * box["width"], box["y"] + v * box["height"]


def grip(page: Any, name: str) -> tuple[float, float]:
    box = page.locator(f".se-handle.{name} .se-hit").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Any, start: tuple[float, float], to: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*to, steps=8)
    page.mouse.up()
    settle(page)


def slide(page: Any, name: str, value: float) -> None:
    """Sets a slider as a person does: input while it moves, change when it is let go."""
    page.locator(f"[data-slider={name}] input").evaluate(
        "(input, value) => { input.value = value; for (const name of ['input', 'change']) "
        "input.dispatchEvent(new Event(name, { bubbles: true })); }",
        str(value),
    )
    settle(page)


def test_a_bed_slides_on_the_floor_with_its_pillows_and_the_link_brings_it_back(open_room: Any) -> None:
    page = open_room()
    before, bed, pillow = page.evaluate(PIXELS), element(page, BED), element(page, PILLOW)
    page.locator(f'[data-pick="{BED}"]').click()
    foot = on_screen(page, (bed["x"], 0.0, bed["z"]))
    assert grip(page, "floor") == pytest.approx(foot, abs=2)
    drag(page, grip(page, "floor"), on_screen(page, (0.2, 0.0, 2.2)))
    moved, along = element(page, BED), element(page, PILLOW)
    assert (moved["x"], moved["z"]) == pytest.approx((0.2, 2.2), abs=0.03)
    assert moved["y"] == pytest.approx(bed["y"], abs=2e-3) and moved["facing"] == 0
    for axis in "xyz":
        assert along[axis] - moved[axis] == pytest.approx(pillow[axis] - bed[axis], abs=3e-3)
    assert page.evaluate("() => spatialEdit.frames") > 0
    after = page.evaluate(PIXELS)
    assert sum(abs(a - b) > 8 for a, b in zip(before, after, strict=True)) > 100
    code = page.evaluate(CODE)
    assert share.decode(code).layout.kind == "boxes3d"
    again = open_room(f"?e={code}")
    assert again.evaluate(PIXELS) == after and element(again, BED) == moved


def test_walls_pull_collide_and_alt_leaves_them_alone(open_room: Any) -> None:
    page = open_room()
    page.locator(f'[data-pick="{BED}"]').click()
    drag(page, grip(page, "floor"), on_screen(page, (-1.1, 0.0, 1.6)))
    turned = element(page, BED)
    assert turned["facing"] == 1 and turned["x"] - turned["hx"] == pytest.approx(-2.0, abs=2e-3)
    assert turned["hx"] == pytest.approx(1.04, abs=2e-3)
    told = page.locator(".se-status.bad").inner_text()
    assert "chair 9" in told and "bed 0" in told
    assert page.locator(".se-box.bad").count() >= 2
    page.keyboard.down("Alt")
    drag(page, grip(page, "floor"), on_screen(page, (-0.8, 0.0, 1.6)))
    page.keyboard.up("Alt")
    bed = element(page, BED)
    assert bed["facing"] == 1 and bed["x"] - bed["hx"] > -1.97
    page.locator(f'[data-pick="{PAINTING}"]').click()
    drag(page, grip(page, "floor"), on_screen(page, (2.0, 1.6, 3.9)))
    hung = element(page, PAINTING)  # round the corner, onto the right wall
    assert hung["facing"] == 2 and hung["x"] + hung["hx"] == pytest.approx(2.0, abs=2e-3)


def test_plan_camera_and_undo(open_room: Any) -> None:
    page = open_room()
    first, chair = page.evaluate(PIXELS), element(page, CHAIR)
    box = page.locator(f'[data-box="{CHAIR}"]').bounding_box()
    spot = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, spot, (spot[0] + 40, spot[1] + 20))
    moved = element(page, CHAIR)
    assert moved["x"] > chair["x"] + 0.4 and moved["z"] < chair["z"] - 0.2
    page.locator("[data-tab=camera]").click()
    slide(page, "orbit", -12)
    camera = page.evaluate("() => spatialEdit.world.camera")
    assert camera[3] == pytest.approx(-0.2094, abs=2e-3) and camera[0] > 0.3
    dot = page.locator(".pl-eye").bounding_box()
    drag(page, (dot["x"] + 7, dot["y"] + 7), (dot["x"] - 23, dot["y"] + 7))
    assert page.evaluate("() => spatialEdit.world.camera[0]") < camera[0] - 0.2
    for _ in range(3):
        page.keyboard.press("Control+z")
        settle(page)
    assert page.evaluate(PIXELS) == first and page.locator('[data-act="undo"]').is_disabled()


def test_colour_add_style_size_room_and_light(open_room: Any) -> None:
    page = open_room()
    page.locator(f'[data-pick="{BED}"]').click()
    page.locator("[data-colour]").evaluate(
        "(input) => { input.value = '#ff8000'; for (const name of ['input', 'change']) "
        "input.dispatchEvent(new Event(name, { bubbles: true })); }"
    )
    settle(page)
    assert element(page, BED)["colour"] == pytest.approx([1.0, 0.502, 0.0], abs=2e-3)
    page.locator('[data-style="1"]').click()
    settle(page)
    assert element(page, BED)["style"] == 0
    slide(page, "wide", 1.2)
    assert element(page, BED)["hx"] == pytest.approx(0.6, abs=2e-3)
    page.locator("[data-tab=add]").click()
    page.locator('[data-add="plant"]').click()
    page.wait_for_function("() => spatialEdit.elements.length === 16 && spatialEdit.idle")
    new = page.evaluate("() => spatialEdit.selected")
    assert element(page, new)["name"] == "plant"
    page.locator("[data-tab=room]").click()
    slide(page, "room-width", 5.0)
    window = element(page, WINDOW)
    assert window["x"] - window["hx"] == pytest.approx(-2.5, abs=2e-3)  # it went with its wall
    page.locator("[data-light=night]").click()
    settle(page)
    assert page.evaluate("() => spatialEdit.world.lights[18]") < 0.3
    assert page.locator(".se-status.bad").count() == 0


def test_keys_lift_remove_lock_and_the_other_kind(open_room: Any) -> None:
    page = open_room()
    before = element(page, CHAIR)
    page.locator(f'.se-box[data-id="{CHAIR}"]').focus()
    for key in ("ArrowRight", "ArrowRight", "PageUp"):
        page.keyboard.press(key)
    committed(page)
    now = element(page, CHAIR)
    assert (now["x"], now["y"]) == pytest.approx((before["x"] + 0.1, before["y"] + 0.05), abs=3e-3)
    page.keyboard.press("l")
    settle(page)
    assert page.locator('[data-act="remove"]').is_disabled()
    page.keyboard.press("l")
    page.wait_for_function(
        f"() => spatialEdit.idle && !spatialEdit.elements.find((i) => i.id === {CHAIR}).locked"
    )
    page.locator(f'.se-box[data-id="{WINDOW}"]').focus()
    page.keyboard.press("Delete")
    settle(page)
    assert element(page, WINDOW) is None and element(page, CURTAIN) is None  # curtains go with their window
    page.keyboard.press("Control+z")
    page.wait_for_function("() => spatialEdit.elements.length === 15 && spatialEdit.idle")
    page.locator("#model input").click()
    page.get_by_role("option", name="Toy rooms (fake-rooms)").click()
    page.wait_for_function("() => spatialEdit.scene.kind === 'blobs' && spatialEdit.idle")
    assert page.locator(".se-blob").count() == 10 and page.locator(".se-box").count() == 0
    assert not page.locator(".se-plan").is_visible()


def test_touch_slides_a_box_on_a_phone(open_room: Any) -> None:
    page = open_room(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.locator(f'[data-pick="{CHAIR}"]').click()
    before = element(page, CHAIR)
    x, y = grip(page, "floor")
    device = page.context.new_cdp_session(page)
    device.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 6):
        point = {"x": x + 12 * step, "y": y - 4 * step}
        device.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    committed(page)
    assert element(page, CHAIR)["x"] > before["x"] + 0.2
    assert page.locator(".se-handle.floor .se-hit").bounding_box()["width"] >= 43


def test_several_move_together_and_what_rests_on_them_once(open_room: Any) -> None:
    page = open_room()
    before = {item["id"]: item for item in page.evaluate("() => spatialEdit.elements")}
    for number in (BED, PILLOW, CHAIR):
        page.locator(f'[data-pick="{number}"]').click(modifiers=["Shift"] if number else [])
    box = page.locator(f'[data-box="{CHAIR}"]').bounding_box()
    spot = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, spot, (spot[0] + 14, spot[1] + 10))
    page.locator(".se-stage").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => spatialEdit.scene.history.steps.length === 3 && spatialEdit.idle")
    ways = {
        number: [element(page, number)[axis] - before[number][axis] for axis in "xyz"]
        for number in (BED, PILLOW, CHAIR)
    }
    assert ways[CHAIR][0] > 0.15 and ways[CHAIR][2] < -0.05
    assert ways[BED] == pytest.approx(ways[CHAIR], abs=4e-3)
    assert ways[PILLOW] == pytest.approx(ways[CHAIR], abs=4e-3)
    assert element(page, WINDOW) == before[WINDOW]


def test_several_are_cloned_each_once(open_room: Any) -> None:
    page = open_room()
    for number in (CHAIR, WINDOW):
        page.locator(f'[data-pick="{number}"]').click(modifiers=["Shift"] if number == WINDOW else [])
    page.locator(".se-stage").focus()
    page.keyboard.press("Control+d")
    page.wait_for_function("() => spatialEdit.elements.length > 15 && spatialEdit.idle")
    new = [item["name"] for item in page.evaluate("() => spatialEdit.elements")[15:]]
    assert sorted(name for name in new if name != "curtain") == ["chair", "window"]
    picked = page.evaluate("() => spatialEdit.picked")
    assert sorted(element(page, number)["name"] for number in picked) == ["chair", "window"]
    assert all(number >= 15 for number in picked)


def test_the_field_of_the_model_makes_one_scene_when_it_is_changed_and_none_when_it_is_left(
    open_room: Any,
) -> None:
    page = open_room()
    steps = "() => spatialEdit.scene.history.steps.length"
    page.locator(f'.se-box[data-id="{CHAIR}"]').focus()
    page.keyboard.press("ArrowRight")
    committed(page)
    moved = element(page, CHAIR)
    page.locator("#model input").focus()
    page.keyboard.press("Tab")
    page.wait_for_timeout(800)  # nothing is to happen
    assert page.evaluate(steps) == 2 and element(page, CHAIR) == moved
    page.locator("#model input").click()
    page.get_by_role("option", name="Toy rooms (fake-rooms)").click()
    page.wait_for_function("() => spatialEdit.scene.kind === 'blobs' && spatialEdit.idle")
    page.locator("#seed input").focus()
    page.wait_for_timeout(800)
    assert page.evaluate(steps) == 3
