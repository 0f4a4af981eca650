"""The panel beside the picture: the whole scene, new elements, numbers, view; keyboard, phone, names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.hands import CODE, PIXELS, choose, element, one_step, sets

pytestmark = pytest.mark.browser


def scene_tab(page: Any) -> None:
    page.locator("[data-leaf=scene]").click()


def world(page: Any) -> dict[str, Any]:
    return page.evaluate("() => spatialEdit.scene.world")


def test_appearance_of_another_seed_in_any_amount(open_tiny: Any) -> None:
    page = open_tiny()
    scene_tab(page)
    code, places = page.evaluate(CODE), page.evaluate("() => spatialEdit.elements.map((e) => [e.x, e.y])")
    one_step(page, lambda: page.locator("[data-seed=appearance]").get_by_label("Any seed").click())
    seeds = {item["source"]["seed"] for item in page.evaluate("() => spatialEdit.elements")}
    assert len(seeds) == 1 and world(page)["backdrop"]["seed"] in seeds
    one_step(page, lambda: sets(page, "[data-amount=appearance] input", 35))
    assert {item["source"]["share"] for item in page.evaluate("() => spatialEdit.elements")} == {0.35}
    assert page.evaluate("() => spatialEdit.elements.map((e) => [e.x, e.y])") == places
    sets(page, "[data-seed=appearance] input", "")
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=code)


def test_background_and_its_colours(open_tiny: Any) -> None:
    page = open_tiny()
    scene_tab(page)
    code, pixels = page.evaluate(CODE), page.evaluate(PIXELS)
    one_step(page, lambda: sets(page, "[data-seed=background] input", 9))
    one_step(page, lambda: sets(page, "[data-amount=background] input", 60))
    assert world(page)["backdrop"] == {"seed": 9, "share": 0.6} and page.evaluate(PIXELS) != pixels
    sets(page, "[data-seed=background] input", "")
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=code)
    one_step(page, lambda: sets(page, '[data-coat="3"]', "#00c0ff"))
    assert world(page)["surfaces"] == [None, None, None, "#00c0ff", None]
    assert page.evaluate(PIXELS) != pixels
    page.locator("[data-do=own-surfaces]").click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=code)


def test_layout_of_another_seed_and_truncation(open_tiny: Any) -> None:
    page = open_tiny()
    scene_tab(page)
    places = page.evaluate("() => spatialEdit.elements.map((e) => e.x)")
    one_step(page, lambda: sets(page, "[data-seed=relayout] input", 12))
    assert page.evaluate("() => spatialEdit.elements.map((e) => e.x)") != places
    one_step(page, lambda: sets(page, "[data-amount=truncate] input", 50))
    assert world(page)["truncation"] == pytest.approx(0.5)
    assert page.locator("[data-amount=truncate] output").inner_text() == "0.50"


def test_the_rest_is_laid_out_anew_and_what_is_kept_stays(open_tiny: Any) -> None:
    page = open_tiny()
    scene_tab(page)
    page.locator("[data-do=complete]").click()
    assert "Select or lock" in page.locator(".se-status.bad").inner_text()
    choose(page, 1)
    kept, places = element(page, 1), page.evaluate("() => spatialEdit.elements.map((e) => e.x)")
    one_step(page, lambda: page.locator("[data-do=complete]").click())
    now = element(page, 1)
    assert {key: now[key] for key in kept if key != "paint"} == {
        key: kept[key] for key in kept if key != "paint"
    }
    assert page.evaluate("() => spatialEdit.elements.map((e) => e.x)") != places


def test_towards_another_scene_by_its_link(open_tiny: Any) -> None:
    page = open_tiny()
    goal = page.evaluate(CODE)
    scene_tab(page)
    sets(page, "[data-seed=relayout] input", 5)
    assert page.evaluate(CODE) != goal
    page.locator("[data-do=morph]").click()
    assert "Paste" in page.locator(".se-status.bad").inner_text()
    page.locator("[data-goal]").fill(f"https://somewhere.example/app?x=1&e={goal}#top")
    sets(page, "[data-amount=morph] input", 30)
    one_step(page, lambda: page.locator("[data-do=morph]").click())
    page.locator("[data-goal]").fill("no code at all")
    code = page.evaluate(CODE)
    page.locator("[data-do=morph]").click()
    page.wait_for_selector(".se-status.bad")
    assert page.evaluate(CODE) == code


def test_an_element_is_added_in_the_middle_or_where_it_is_clicked(open_tiny: Any) -> None:
    page = open_tiny()
    count = page.evaluate("() => spatialEdit.elements.length")
    page.locator("[data-leaf=add]").click()
    one_step(page, lambda: page.locator('.st-palette [data-row="2"]').click())
    new = page.evaluate("() => spatialEdit.elements.at(-1)")
    assert new["row"] == 2 and new["source"] is None and abs(new["x"] - 0.5) < 0.3
    page.locator("[data-by-click]").check()
    sets(page, "[data-seed=add] input", 4)
    page.locator('.st-palette [data-row="1"]').click()
    page.keyboard.press("Escape")
    assert page.locator(".st-palette [aria-pressed=true]").count() == 0
    page.locator('.st-palette [data-row="1"]').click()
    box = page.locator(".se-svg").bounding_box()
    spot = box["x"] + 0.25 * box["width"], box["y"] + 0.7 * box["height"]
    one_step(page, lambda: page.mouse.click(*spot))
    new = page.evaluate("() => spatialEdit.elements.at(-1)")
    assert (new["x"], new["y"]) == pytest.approx((0.25, 0.7), abs=5e-3)
    assert new["row"] == 1 and new["source"]["seed"] == 4
    assert page.evaluate("() => spatialEdit.elements.length") == count + 2


def test_numbers_are_a_table_to_type_in(open_tiny: Any) -> None:
    page = open_tiny()
    page.locator("[data-leaf=numbers]").click()
    count = page.evaluate("() => spatialEdit.elements.length")
    assert page.get_by_role("columnheader").count() == 8
    assert page.get_by_role("rowheader").count() == count
    cell = page.locator('[data-line="2"][data-column=x]')
    title = page.locator('button[data-line="2"]').inner_text()
    assert cell.get_attribute("aria-label") == f"x of {title}"

    def types() -> None:
        cell.focus()
        page.keyboard.press("Control+a")
        page.keyboard.type("33.5")
        page.keyboard.press("Enter")

    one_step(page, types)
    assert element(page, 2)["x"] == pytest.approx(0.335, abs=1e-3)
    for column, value, key, wanted in (
        ("size", "20", "size", 0.2),
        ("aspect", "1.5", "aspect", 1.5),
        ("opacity", "30", "opacity", 0.3),
    ):
        one_step(
            page,
            lambda column=column, value=value: sets(page, f'[data-line="2"][data-column={column}]', value),
        )
        assert element(page, 2)[key] == pytest.approx(wanted, rel=0.01)
    one_step(page, lambda: sets(page, '[data-line="2"][data-column=depth]', 1))
    assert page.evaluate("() => spatialEdit.elements.at(-1).id") == 2
    code = page.evaluate(CODE)
    for bad in ("900", "", "-40"):
        sets(page, '[data-line="2"][data-column=y]', bad)
        assert "must be a number from -19 to 119" in page.locator(".se-status.bad").inner_text()
        assert page.evaluate(CODE) == code
    assert float(page.locator('[data-line="2"][data-column=y]').input_value()) == pytest.approx(
        100 * element(page, 2)["y"], abs=0.06
    )


def test_the_cell_that_is_typed_in_keeps_its_focus_and_its_row_is_selected(open_tiny: Any) -> None:
    page = open_tiny()
    page.locator("[data-leaf=numbers]").click()
    page.locator('[data-line="1"][data-column=y]').focus()
    assert page.evaluate("() => spatialEdit.selected") == 1
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    focus = "() => [document.activeElement.dataset.line, document.activeElement.dataset.column]"
    assert page.evaluate(focus) == ["1", "size"]
    cell, before = page.locator('[data-line="1"][data-column=size]'), page.evaluate(CODE)
    page.keyboard.type("9")
    typed = cell.input_value()
    page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=before)
    assert "9" in typed and cell.input_value() == typed and page.evaluate(focus) == ["1", "size"]
    page.keyboard.press("Escape")
    assert cell.input_value() != typed


def test_outlines_fade_and_names_go(open_tiny: Any) -> None:
    page = open_tiny()
    page.locator("[data-leaf=show]").click()
    sets(page, "[data-overlay] input", 30)
    assert page.locator(".se-shapes").evaluate("(node) => getComputedStyle(node).opacity") == "0.3"
    assert page.locator("[data-overlay] output").inner_text() == "30 %"
    assert page.locator(".se-tag:visible").count() > 0
    page.locator("[data-labels]").uncheck()
    assert page.locator(".se-tag:visible").count() == 0


def test_all_of_it_with_the_keyboard_alone(open_tiny: Any) -> None:
    page = open_tiny()
    choose(page, 2)
    page.locator("[data-leaf=item]").focus()
    for name in ("scene", "add", "numbers", "show", "item"):
        page.keyboard.press("ArrowRight")
        assert page.evaluate("() => document.activeElement.dataset.leaf") == name
        assert page.locator(f"[data-sheet={name}]").is_visible()
        assert page.locator("[data-sheet]:visible").count() == 1
    page.keyboard.press("ArrowRight")
    seen = []
    for _ in range(6):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.getAttribute('aria-label') || ''"))
    assert seen[:4] == ["Previous seed", "Seed of the appearance", "Next seed", "Any seed"]
    page.locator("[data-seed=background] input").focus()
    one_step(page, lambda: (page.keyboard.type("21"), page.keyboard.press("Enter")))
    assert world(page)["backdrop"]["seed"] == 21


def test_a_phone_shows_every_tab_without_scrolling_sideways(open_tiny: Any) -> None:
    page = open_tiny(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator('.se-layers [data-pick="1"]').tap()
    for name in ("item", "scene", "add", "numbers", "show"):
        page.locator(f"[data-leaf={name}]").tap()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, name
        low = page.evaluate(
            """() => [...document.querySelectorAll('.se-studio button, .se-studio select, .se-studio input')]
              .map((node) => [node, node.getBoundingClientRect()])
              .filter(([node, box]) => box.height && box.height < 43 && node.type !== 'checkbox')
              .map(([node]) => node.outerHTML.slice(0, 80))"""
        )
        assert not low, (name, low)
    page.locator("[data-leaf=item]").tap()
    one_step(page, lambda: sets(page, "[data-dial=x] input", 44))


def test_names_never_run(browser: Any) -> None:
    from spatial_edit.generators.blobgan import BlobGenerator
    from tests.e2e.conftest import pages_of, running

    evil = BlobGenerator.tiny()
    words = (
        "<img src=x onerror='window.pwned=1'>",
        "${window.pwned=2}",
        "{{window.pwned=3}}",
        "<script>window.pwned=4</script>",
        "'\"><b>",
        "</td></table><i>",
    )
    evil.spec = replace(evil.spec, row_names=words)
    with running(evil) as url, pages_of(browser, url) as opener:
        page = opener()
        choose(page, page.evaluate("() => spatialEdit.elements[0].id"))
        for name in ("item", "scene", "add", "numbers", "show"):
            page.locator(f"[data-leaf={name}]").click()
        page.wait_for_timeout(200)
        assert page.evaluate("() => window.pwned") is None
        page.locator("[data-leaf=numbers]").click()
        assert words[0] in page.locator(".st-table").inner_text()
        assert page.locator(".se-studio :is(img, script, b, i)").count() == 0
