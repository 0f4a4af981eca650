"""Heatmaps, labelled boxes, segments, blocks and points on the canvas, in a real browser.

Each kind is shown, selected, moved by pointer and by key; what is committed is an edit that the layout takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from spatial_edit import share
from tests.e2e.conftest import pages_of, running
from tests.e2e.hands import element, one_step, settle
from tests.ui.fake_kinds import SAMPLES, FakePlain, FakeWide

pytestmark = pytest.mark.browser

MODELS = {kind: FakePlain(kind, 240 + place) for place, kind in enumerate(SAMPLES)}
CODE = "() => spatialEdit.scene.code"


@pytest.fixture(scope="module")
def kinds_url() -> Iterator[str]:
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    with running(*MODELS.values()) as url:
        yield url


@pytest.fixture
def open_kind(browser: Any, kinds_url: str) -> Iterator[Any]:
    with pages_of(browser, kinds_url) as opener:

        def open_at(kind: str, **context: Any) -> Any:
            model = MODELS[kind]
            return opener(f"?e={share.encode(model.sample(1), model.spec.number)}", **context)

        yield open_at


def layout_of(page: Any) -> Any:
    return share.decode(page.evaluate(CODE)).layout


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """A place of the picture on the screen."""
    box = page.locator(".se-svg").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one place of the picture to another, fractions of its side."""
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=6)
    page.mouse.up()
    settle(page)


def press(page: Any, number: int, *keys: str) -> None:
    """Keys with the focus on an element of the stage."""
    page.locator(f'.se-shape[data-id="{number}"]').focus()
    for key in keys:
        page.keyboard.press(key)


def grip(page: Any, name: str) -> tuple[float, float]:
    """Where a handle is, in fractions of the picture's side."""
    box, whole = (
        page.locator(f".se-handle.{name} .se-dot").bounding_box(),
        page.locator(".se-svg").bounding_box(),
    )
    x, y = box["x"] + box["width"] / 2 - whole["x"], box["y"] + box["height"] / 2 - whole["y"]
    return x / whole["width"], y / whole["height"]


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_kind_is_shown_and_selected(open_kind: Any, kind: str) -> None:
    page, count = open_kind(kind), len(SAMPLES[kind]())
    assert page.locator(".se-shape").count() == count == page.locator(".se-layers [data-pick]").count()
    assert page.locator(".se").get_attribute("data-kind") == kind
    assert not page.locator(".only-blobs:visible, .only-boxes:visible").count()
    page.locator('.se-layers [data-pick="1"]').click()
    assert page.evaluate("() => spatialEdit.selected") == 1
    said = page.locator(".se-status").inner_text()
    assert "1" in said and said == page.locator('.se-shape[data-id="1"]').get_attribute("aria-label")
    page.locator('[data-act="lock"]').click()
    settle(page)
    assert layout_of(page).locked[1] and "locked" in page.locator(".se-layers").inner_html()
    page.locator('[data-view="map"]').click()
    assert page.locator(".se-img").is_hidden() and page.locator(".se-shape").first.is_visible()


def test_heatmap_centres_by_pointer_and_keys(open_kind: Any) -> None:
    page = open_kind("heatmaps")
    one_step(page, lambda: drag(page, (0.3, 0.2), (0.4, 0.3)))
    assert layout_of(page).centres[3].tolist() == pytest.approx([0.4, 0.3], abs=0.01)
    assert page.evaluate("() => spatialEdit.frames") > 0  # pictures came while dragging
    x, y = grip(page, "sigma")
    one_step(page, lambda: drag(page, (x, y), (x + 0.1, y)))
    assert layout_of(page).sigmas[3].item() == pytest.approx(0.16, abs=0.015)
    one_step(page, lambda: press(page, 3, "ArrowRight", "2"))
    layout = layout_of(page)
    assert layout.levels[3] == 1 and layout.centres[3, 0].item() == pytest.approx(0.41, abs=0.01)
    one_step(page, lambda: press(page, 3, "Control+d"))
    assert len(layout_of(page)) == 5 and layout_of(page).ids[4] == 4


def test_boxes_by_pointer_and_keys(open_kind: Any) -> None:
    page = open_kind("boxes")
    one_step(page, lambda: drag(page, (0.5, 0.7), (0.4, 0.8)))  # the car, which covers the bus
    assert layout_of(page).centres[1].tolist() == pytest.approx([0.35, 0.75], abs=0.01)
    x, y = grip(page, "se")
    one_step(page, lambda: drag(page, (x, y), (x + 0.1, y + 0.05)))
    assert layout_of(page).corners()[1].tolist() == pytest.approx([0.2, 0.65, 0.6, 0.9], abs=0.015)
    one_step(page, lambda: press(page, 1, "ArrowUp"))
    assert layout_of(page).centres[1, 1].item() == pytest.approx(0.765, abs=0.01)
    one_step(page, lambda: press(page, 1, "Delete"))
    assert layout_of(page).labels == ("bus", "person")


def test_segments_by_pointer_brush_and_keys(open_kind: Any) -> None:
    page = open_kind("segments")
    before = layout_of(page).cells == 2
    one_step(page, lambda: drag(page, (0.75, 0.25), (0.5, 0.25)))  # the painting, four cells to the left
    assert (layout_of(page).cells == 2).equal(before.roll(-4, 1))
    one_step(page, lambda: press(page, 2, "ArrowDown"))
    assert (layout_of(page).cells == 2).equal(before.roll((1, -4), (0, 1)))
    page.keyboard.down("Alt")
    one_step(page, lambda: drag(page, (0.5, 0.28), (0.7, 0.28)))
    page.keyboard.up("Alt")
    painted = layout_of(page).cells == 2
    assert painted.sum() > 6 and painted[4, 11]
    press(page, 2, "Control+d")
    assert "not possible" in page.locator(".se-status").inner_text()


def test_blocks_change_places_and_are_drawn_anew(open_kind: Any) -> None:
    page = open_kind("blocks")
    one_step(page, lambda: drag(page, (0.1, 0.1), (0.9, 0.9)))
    seeds = layout_of(page).seeds
    assert (seeds[0], seeds[11]) == (111, 100) and sorted(seeds) == list(range(100, 112))
    page.locator('.se-layers [data-pick="1"]').click()
    one_step(page, lambda: press(page, 1, "ArrowRight"))
    assert layout_of(page).seeds[1:3] == (102, 101)
    one_step(page, lambda: press(page, 1, "r"))
    assert layout_of(page).seeds[1] != 102 and layout_of(page).seeds[2] == 101
    press(page, 1, "Delete")
    assert "not possible" in page.locator(".se-status").inner_text()
    assert len(page.evaluate("() => spatialEdit.elements")) == 12
    drag(page, (0.1, 0.1), (0.4, 0.5))  # onto the locked one: nothing changes
    assert layout_of(page).seeds[5] == 105


def test_handles_and_targets_by_pointer_and_keys(open_kind: Any) -> None:
    page = open_kind("points")
    one_step(page, lambda: drag(page, (0.65, 0.45), (0.8, 0.3)))
    layout = layout_of(page)
    assert layout.targets[1].tolist() == pytest.approx([0.8, 0.3], abs=0.01)
    assert layout.handles[1].tolist() == pytest.approx([0.5, 0.5], abs=1e-3)
    one_step(page, lambda: drag(page, (0.5, 0.5), (0.4, 0.6)))
    assert layout_of(page).handles[1].tolist() == pytest.approx([0.4, 0.6], abs=0.01)
    one_step(page, lambda: press(page, 1, "Shift+ArrowLeft"))
    assert layout_of(page).targets[1, 0].item() == pytest.approx(0.75, abs=0.01)
    one_step(page, lambda: drag(page, (0.35, 0.25), (0.35, 0.35)))  # the line of pair 0: both ends
    layout = layout_of(page)
    assert layout.handles[0].tolist() == pytest.approx([0.3, 0.4], abs=0.01)
    assert layout.targets[0].tolist() == pytest.approx([0.4, 0.3], abs=0.01)


def test_what_is_sent_is_an_edit_of_the_kind(open_kind: Any) -> None:
    page = open_kind("boxes")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    drag(page, (0.5, 0.7), (0.4, 0.8))
    assert any('"op":"move","target":1' in body and '"kind":"edit"' in body for body in sent)


def test_from_one_kind_to_another(open_kind: Any) -> None:
    page = open_kind("heatmaps")
    model = MODELS["segments"]
    page.locator("#code textarea, #code input").first.fill(share.encode(model.sample(3), model.spec.number))
    page.locator("#code textarea, #code input").first.press("Enter")
    page.wait_for_function("() => spatialEdit.scene.kind === 'segments' && spatialEdit.idle")
    assert page.locator(".se-shape .sp-cells").count() == 5 and not page.locator(".sp-ring").count()
    assert element(page, 3)["name"] == "bed"


def test_a_phone_drags_a_centre(open_kind: Any) -> None:
    page = open_kind("heatmaps", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator('.se-layers [data-pick="3"]').tap()
    x, y = at(page, 0.3, 0.2)
    client = page.context.new_cdp_session(page)
    for kind, dx in (("touchStart", 0), ("touchMove", 20), ("touchMove", 40), ("touchEnd", None)):
        points = [] if dx is None else [{"x": x + dx, "y": y}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")
    width = page.locator(".se-svg").bounding_box()["width"]
    assert layout_of(page).centres[3, 0].item() == pytest.approx(0.3 + 40 / width, abs=0.02)


def test_a_wide_picture_keeps_its_form(browser: Any) -> None:
    """Twice as wide as high: the stage is so too, and places are fractions of each side."""
    model = FakeWide("boxes", 239, ("bus", "car", "tram"))
    with running(model) as url, pages_of(browser, url) as opener:
        page = opener(f"?e={share.encode(model.sample(1), model.spec.number)}")
        box = page.locator(".se-stage").bounding_box()
        assert box["width"] / box["height"] == pytest.approx(2, abs=0.02)
        assert page.locator(".se-stat").inner_text() == "128 × 64 px"
        drawn = page.locator('.se-shape[data-id="1"] .sp-frame').bounding_box()
        assert drawn["width"] / box["width"] == pytest.approx(0.3, abs=0.01)
        assert drawn["height"] / box["height"] == pytest.approx(0.2, abs=0.02)
        assert (drawn["y"] - box["y"]) / box["height"] == pytest.approx(0.55, abs=0.01)
        one_step(page, lambda: drag(page, (0.5, 0.7), (0.4, 0.8)))
        assert layout_of(page).centres[1].tolist() == pytest.approx([0.35, 0.75], abs=0.01)
        x, y = grip(page, "se")
        one_step(page, lambda: drag(page, (x, y), (x + 0.1, y + 0.05)))
        assert layout_of(page).corners()[1].tolist() == pytest.approx([0.2, 0.65, 0.6, 0.9], abs=0.015)
        page.locator('[data-zoom="in"]').click()
        shown = page.locator(".se-img").bounding_box()
        assert shown["width"] / shown["height"] == pytest.approx(2, abs=0.02)
        page.locator('[data-zoom="fit"]').click()

        def choose(*path: str) -> None:
            """By keyboard: the menu, then its pages."""
            page.keyboard.press("Shift+F10")
            for words in path:
                page.locator(".se-menu [role=menuitem]", has_text=words).focus()
                page.keyboard.press("Enter")
            settle(page)

        press(page, 1)
        one_step(page, lambda: choose("Another class…", "tram"))
        assert layout_of(page).labels == ("bus", "tram", "person")
        assert page.locator(".se-menu").is_hidden()
        press(page, 0)
        one_step(page, lambda: choose("Add a box…", "car"))
        assert layout_of(page).labels == ("bus", "tram", "person", "car")
        assert page.evaluate("() => spatialEdit.selected") == 3
