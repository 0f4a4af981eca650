"""The panel beside the picture: what is selected, its sliders, its look; several at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.hands import CODE, PIXELS, choose, element, one_step, output, sets, settle

pytestmark = pytest.mark.browser

SLIDERS = [
    ("x", 30, "30.0 %", lambda item: item["x"] == pytest.approx(0.3, abs=1e-3)),
    ("y", 71.5, "71.5 %", lambda item: item["y"] == pytest.approx(0.715, abs=1e-3)),
    ("size", -1.6, "20.2 %", lambda item: item["size"] == pytest.approx(0.2019, rel=0.01)),
    ("aspect", 0.7, "2.01 : 1", lambda item: item["aspect"] == pytest.approx(2.014, rel=0.01)),
    ("angle", 40, "40°", lambda item: item["angle"] == pytest.approx(0.698, abs=0.02)),
    ("opacity", 45, "45 %", lambda item: item["opacity"] == pytest.approx(0.45)),
]


@pytest.mark.parametrize("name,value,words,holds", SLIDERS, ids=[row[0] for row in SLIDERS])
def test_a_slider_is_live_and_one_edit(
    open_tiny: Any, name: str, value: float, words: str, holds: Callable[[dict[str, Any]], bool]
) -> None:
    page = open_tiny()
    choose(page, 2)
    pixels, frames = page.evaluate(PIXELS), page.evaluate("() => spatialEdit.frames")
    one_step(page, lambda: sets(page, f"[data-dial={name}] input", value))
    assert holds(element(page, 2)), element(page, 2)
    assert output(page, name)[:3] == words[:3]
    assert page.evaluate("() => spatialEdit.frames") > frames
    assert page.evaluate(PIXELS) != pixels


def test_a_slider_held_with_the_mouse_is_one_edit_however_long(open_tiny: Any) -> None:
    page = open_tiny()
    choose(page, 2)
    slider = page.locator("[data-dial=x] input").bounding_box()
    middle, before = slider["y"] + slider["height"] / 2, page.evaluate(CODE)
    page.mouse.move(slider["x"] + slider["width"] / 2, middle)
    page.mouse.down()
    for share in (0.6, 0.7, 0.8):
        page.mouse.move(slider["x"] + slider["width"] * share, middle, steps=4)
        page.wait_for_timeout(700)  # longer than a burst of keys lasts
        assert page.evaluate(CODE) == before and page.evaluate("() => spatialEdit.frames") > 0
    assert output(page, "x") == f"{100 * element(page, 2)['x']:.1f} %"
    page.mouse.up()
    page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=before)
    page.locator('[data-act="undo"]').click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=before)


def test_keys_on_a_slider_make_one_edit_a_burst(open_tiny: Any) -> None:
    page = open_tiny()
    choose(page, 2)
    sets(page, "[data-dial=x] input", 40)
    page.locator("[data-dial=x] input").focus()

    def press() -> None:
        for _ in range(4):
            page.keyboard.press("ArrowRight")

    one_step(page, press)
    assert element(page, 2)["x"] == pytest.approx(0.42, abs=1e-3)


def test_canvas_panel_and_table_show_the_same(open_tiny: Any) -> None:
    page = open_tiny()
    choose(page, 3)
    item, stage = element(page, 3), page.locator(".se-svg").bounding_box()
    at = stage["x"] + item["x"] * stage["width"], stage["y"] + item["y"] * stage["height"]
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 37, at[1] + 21, steps=5)
    page.wait_for_timeout(300)  # the numbers follow at a pace that can be read
    during = page.evaluate(
        "() => [spatialEdit.selected, spatialEdit.elements.find((e) => e.id === spatialEdit.selected).x]"
    )
    assert output(page, "x") == f"{100 * during[1]:.1f} %"
    page.mouse.up()
    settle(page)
    page.locator("[data-leaf=numbers]").click()
    moved = element(page, during[0])
    cell = page.locator(f'[data-line="{during[0]}"][data-column=x]')
    assert float(cell.input_value()) == pytest.approx(100 * moved["x"], abs=0.06)


def test_depth_goes_to_the_front_and_back(open_tiny: Any) -> None:
    page = open_tiny()
    far = page.evaluate("() => spatialEdit.elements[0].id")
    choose(page, far)
    count = page.evaluate("() => spatialEdit.elements.length")
    assert output(page, "depth") == f"{count} of {count}"
    one_step(page, lambda: sets(page, "[data-dial=depth] input", 1))
    assert page.evaluate("() => spatialEdit.elements.at(-1).id") == far
    assert output(page, "depth") == f"1 of {count}"


def test_recolour_and_back(open_tiny: Any) -> None:
    page = open_tiny()
    big = page.evaluate("() => [...spatialEdit.elements].sort((p, q) => q.size - p.size)[0].id")
    choose(page, big)
    code, pixels = page.evaluate(CODE), page.evaluate(PIXELS)
    one_step(page, lambda: sets(page, "[data-paint]", "#ff2010"))
    assert element(page, big)["colour"] == "#ff2010" and page.evaluate(PIXELS) != pixels
    assert page.locator("[data-paint]").input_value() == "#ff2010"
    page.locator("[data-do=own-colour]").click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=code)
    assert page.evaluate(PIXELS) == pixels and not page.locator("[data-do=own-colour]").is_visible()


def test_another_look_from_a_seed_mixed_and_taken_back(open_tiny: Any) -> None:
    page = open_tiny()
    choose(page, 2)
    style, code = page.locator("[data-seed=style]"), page.evaluate(CODE)
    assert not page.locator("[data-dial=share]").is_visible()
    one_step(page, lambda: style.get_by_label("Any seed").click())
    first = element(page, 2)["source"]
    assert first["row"] == element(page, 2)["row"] and first["share"] == 1
    assert style.locator("input").input_value() == str(first["seed"])
    one_step(page, lambda: style.get_by_label("Next seed").click())
    assert element(page, 2)["source"]["seed"] == first["seed"] + 1
    one_step(page, lambda: sets(page, "[data-seed=style] input", 77))
    frames = page.evaluate("() => spatialEdit.frames")
    one_step(page, lambda: sets(page, "[data-dial=share] input", 40))
    assert element(page, 2)["source"] == {"seed": 77, "row": element(page, 2)["row"], "share": 0.4}
    assert page.evaluate("() => spatialEdit.frames") > frames
    sets(page, "[data-seed=style] input", "5x")
    assert "whole number" in page.locator(".se-status.bad").inner_text()
    assert style.locator("input").input_value() == "77"
    sets(page, "[data-paint]", "#3060c0")
    sets(
        page, "[data-seed=style] input", ""
    )  # an emptied field: its own look; the colour that was given stays
    page.wait_for_function("() => spatialEdit.idle && !spatialEdit.elements.some((item) => item.source)")
    assert element(page, 2)["colour"] == "#3060c0"
    page.locator("[data-do=unstyle]").click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=code)


def test_quick_presses_go_on_from_each_other(open_tiny: Any) -> None:
    page = open_tiny()
    choose(page, 2)
    sets(page, "[data-seed=style] input", 10)
    page.locator("[data-seed=style]").get_by_label("Next seed").evaluate(
        "(button) => { for (let i = 0; i < 3; i += 1) button.click(); }"
    )
    settle(page)
    assert element(page, 2)["source"]["seed"] == 13


def test_the_look_of_another_element_and_a_swap(open_tiny: Any) -> None:
    page = open_tiny()
    choose(page, 1)
    rows = {number: element(page, number)["row"] for number in (1, 2)}
    one_step(page, lambda: page.locator("[data-like]").select_option("2"))
    assert element(page, 1)["source"] == {"seed": None, "row": rows[2], "share": 1}
    page.locator('[data-act="undo"]').click()
    settle(page)
    one_step(page, lambda: page.locator("[data-swap]").select_option("2"))
    assert (element(page, 1)["row"], element(page, 2)["row"]) == (rows[2], rows[1])


def test_several_are_aligned_spread_faded_and_hidden(open_tiny: Any) -> None:
    page = open_tiny()
    page.locator("[data-leaf=numbers]").click()
    for number, (x, y, size) in enumerate(((30, 40, 8), (45, 70, 10), (75, 55, 9))):
        for column, value in (("x", x), ("y", y), ("size", size)):
            sets(page, f'[data-line="{number}"][data-column={column}]', value)
    page.locator("[data-leaf=item]").click()
    choose(page, 0, 1, 2)
    assert page.locator(".st-who").inner_text() == "3 elements"
    assert not page.locator("[data-dial=x]").is_visible()
    one_step(page, lambda: page.locator("[data-align=middle]").click())
    ys = [element(page, number)["y"] for number in (0, 1, 2)]
    assert max(ys) - min(ys) < 2e-3
    for edge in ("left", "right", "top", "bottom", "centre"):
        page.locator(f"[data-align={edge}]").click()
        settle(page)
    assert page.locator(".se-status.bad").count() == 0
    page.locator('[data-act="undo"]').click()  # of the last of these: they stand apart again
    settle(page)
    one_step(page, lambda: page.locator("[data-distribute=y]").click())
    one_step(page, lambda: sets(page, "[data-dial=opacity] input", 50))
    assert [element(page, number)["opacity"] for number in (0, 1, 2)] == [0.5] * 3
    one_step(page, lambda: page.locator("[data-seed=style]").get_by_label("Any seed").click())
    assert len({element(page, number)["source"]["seed"] for number in (0, 1, 2)}) == 1
    one_step(page, lambda: page.locator("[data-do=hide]").click())
    assert all(element(page, number)["hidden"] for number in (0, 1, 2))
    one_step(page, lambda: page.locator("[data-do=lock]").click())
    assert page.locator("[data-do=remove]").is_disabled()
    assert page.locator("[data-dial=opacity] input").is_disabled()
    one_step(page, lambda: page.locator("[data-do=lock]").click())
    page.locator("[data-do=remove]").click()
    page.wait_for_function("() => spatialEdit.idle && !spatialEdit.elements.some((item) => item.id < 3)")
