"""Dragging points in a real browser: mouse, keys, fingers, the live run, stop, failure, undo, film, axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.canvas import PHONE, Fingers, at, settle, status
from tests.e2e.conftest import pages_of, running
from tests.e2e.test_axe import judge
from tests.ui import fake_drag
from tests.ui.fake_generator import FakeGenerator

pytestmark = pytest.mark.browser
POINTS = "() => spatialEdit.points"
OVER = "() => !spatialEdit.dragging.running && spatialEdit.idle"
DRAGGED = "() => spatialEdit.scene.history.steps.at(-1).label === 'Drag' && spatialEdit.idle"
PICTURE = """async () => {  // 64 x 64 greys of the picture shown
  const img = document.querySelector('.se-img'); await img.decode();
  const pen = Object.assign(document.createElement('canvas'), { width: 64, height: 64 }).getContext('2d');
  pen.drawImage(img, 0, 0, 64, 64);
  return Array.from(pen.getImageData(0, 0, 64, 64).data.filter((value, place) => place % 4 === 1));
}"""


@pytest.fixture(scope="module")
def drag_url() -> Iterator[str]:
    """Blobs and a picture without a layout that can be dragged, by a toy drag; blobs that cannot."""
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spatial_edit.session.drag.drag", fake_drag.fake_drag)
        patch.setattr(fake_drag, "PAUSE", 0.03)
        still = FakeGenerator("still-rooms", 250)
        with running(fake_drag.FakeDrags(), fake_drag.PlainDrags(), still) as url:
            yield url


@pytest.fixture
def open_drag(browser: Any, drag_url: str) -> Iterator[Any]:
    with pages_of(browser, drag_url) as opener:
        yield opener


@pytest.fixture
def dragging(open_drag: Any) -> Any:
    page = open_drag()
    page.locator("button[data-tool=drag]").click()
    return page


def points(page: Any) -> list[dict[str, Any]]:
    return page.evaluate(POINTS)


def picture(page: Any) -> np.ndarray:
    return np.array(page.evaluate(PICTURE), dtype=float)


def click(page: Any, x: float, y: float) -> None:
    page.mouse.click(*at(page, x, y))


def pull(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=5)
    page.mouse.up()


def near(pair: dict[str, Any], handle: tuple[float, float], target: tuple[float, float] | None) -> bool:
    close = np.allclose([pair["x"], pair["y"]], handle, atol=0.01)
    return close and (pair["to"] is None if target is None else np.allclose(pair["to"], target, atol=0.01))


def begin(page: Any) -> None:
    page.locator("[data-sd=start]").click()


def choose(page: Any, title: str, model: str) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name=title).click()
    page.wait_for_function(f"() => spatialEdit.scene.model === '{model}' && spatialEdit.idle")


def test_points_are_set_moved_and_removed_with_the_mouse(dragging: Any) -> None:
    page = dragging
    click(page, 0.5, 0.6)
    assert "Now click where point 1" in status(page) and near(points(page)[0], (0.5, 0.6), None)
    click(page, 0.6, 0.55)
    pull(page, (0.2, 0.3), (0.3, 0.3))  # both at once
    first, second = points(page)
    assert near(first, (0.5, 0.6), (0.6, 0.55)) and near(second, (0.2, 0.3), (0.3, 0.3))
    pull(page, (0.6, 0.55), (0.7, 0.7))  # a target
    pull(page, (0.2, 0.3), (0.2, 0.4))  # a handle
    first, second = points(page)
    assert near(first, (0.5, 0.6), (0.7, 0.7)) and near(second, (0.2, 0.4), (0.3, 0.3))
    assert page.locator(".sd-list li").count() == 2
    page.locator(".sd-x").click(force=True)  # of the selected pair, the second
    assert [pair["id"] for pair in points(page)] == [1]
    click(page, 0.8, 0.2)
    page.keyboard.press("Delete")
    assert [pair["id"] for pair in points(page)] == [1]
    page.locator("[data-sd-drop='1']").click()
    assert not points(page)
    pull(page, (0.2, 0.3), (0.3, 0.3))
    page.locator("[data-sd=clear]").click()
    assert not points(page) and page.locator(".sd-pair").count() == 0
    assert page.evaluate("() => spatialEdit.selected") is None  # no element was touched
    assert not page.evaluate("() => spatialEdit.scene.can_undo")


def test_points_with_the_keyboard_alone(open_drag: Any) -> None:
    page = open_drag()
    page.locator(".se-shape").first.focus()
    page.keyboard.press("g")
    assert page.locator(".se-stage").get_attribute("data-tool") == "drag"
    page.locator(".se-stage").focus()
    page.keyboard.press("Enter")
    assert near(points(page)[0], (0.5, 0.5), None)
    page.keyboard.press("Shift+ArrowDown")  # the handle
    page.keyboard.press("t")
    page.keyboard.press("Shift+ArrowRight")  # now the target
    page.keyboard.press("Shift+ArrowRight")
    assert near(points(page)[0], (0.5, 0.55), (0.6, 0.55))
    page.keyboard.press("Enter")
    assert len(points(page)) == 2
    page.keyboard.press("p")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("n")
    page.keyboard.press("Escape")  # takes back the one without a target
    assert len(points(page)) == 1
    page.keyboard.press("Control+Enter")
    page.wait_for_function(DRAGGED)
    assert status(page).startswith("Arrived: 12 steps")
    page.keyboard.press("Escape")
    assert page.locator(".se-stage").get_attribute("data-tool") == "select"


def test_a_drag_is_seen_kept_undone_and_linked(dragging: Any) -> None:
    page = dragging
    before, code = picture(page), page.evaluate("() => spatialEdit.scene.code")
    place = page.evaluate("() => spatialEdit.elements.find((item) => item.id === 5)")
    pull(page, (place["x"], place["y"]), (place["x"] + 0.2, place["y"]))
    frames = page.evaluate("() => spatialEdit.frames")
    begin(page)
    page.wait_for_function("() => spatialEdit.dragging.known > 4")
    assert page.locator("[data-sd=start]").inner_text() == "Stop"
    assert (
        "Step" in page.locator(".sd-now").inner_text() and "% to go" in page.locator(".sd-now").inner_text()
    )
    assert page.locator(".sd-way").get_attribute("d").count("L") >= 3
    page.wait_for_function(DRAGGED)
    assert page.evaluate("() => spatialEdit.frames") >= frames + 2
    now = page.evaluate("() => spatialEdit.elements.find((item) => item.id === 5)")
    assert abs(now["x"] - place["x"] - 0.2) < 0.01  # the overlay went along
    after, kept = picture(page), page.evaluate("() => spatialEdit.scene.code")
    assert np.abs(after - before).max() > 20 and kept.startswith("s:") and len(points(page)) == 1
    assert abs(points(page)[0]["x"] - place["x"] - 0.2) < 0.01
    assert page.locator(".ss-key code").text_content()  # the key that deletes the stored scene
    page.keyboard.press("Control+z")
    page.wait_for_function(f"() => spatialEdit.scene.code === '{code}' && spatialEdit.idle")
    assert np.abs(picture(page) - before).max() <= 2
    assert abs(points(page)[0]["x"] - place["x"]) < 0.01  # the handle is back as well
    page.keyboard.press("Control+Shift+z")
    page.wait_for_function(f"() => spatialEdit.scene.code === '{kept}' && spatialEdit.idle")
    assert abs(points(page)[0]["x"] - place["x"] - 0.2) < 0.01
    page.goto(page.evaluate("() => spatialEdit.link()"))
    page.wait_for_function("() => window.spatialEdit && spatialEdit.elements.length > 0 && spatialEdit.idle")
    assert page.evaluate("() => spatialEdit.scene.code") == kept
    assert np.abs(picture(page) - after).max() <= 2


def test_one_goes_on_after_a_drag(dragging: Any) -> None:
    page = dragging
    pull(page, (0.5, 0.6), (0.6, 0.6))
    begin(page)
    page.wait_for_function(DRAGGED)
    begin(page)
    assert "at its target already" in status(page)
    pull(page, (0.6, 0.6), (0.6, 0.7))  # where both are, the handle is on top: it is moved off its target
    begin(page)
    page.wait_for_function("() => spatialEdit.scene.history.steps.length === 3 && spatialEdit.idle")


def test_stop_keeps_what_is_there(dragging: Any) -> None:
    page = dragging
    pull(page, (0.5, 0.5), (0.5, 0.97))  # 300 slow steps
    begin(page)
    page.wait_for_function("() => spatialEdit.dragging.known > 5")
    page.mouse.click(*at(page, 0.2, 0.2))
    assert len(points(page)) == 1 and "Stop the drag first" in status(page)
    page.locator("[data-sd=start]").click()
    page.wait_for_function(DRAGGED, timeout=5000)
    assert status(page).startswith("Stopped and kept") and 0.5 < points(page)[0]["y"] < 0.9


@pytest.mark.parametrize("word", ["accept", "discard"])
def test_a_failed_drag_is_put_to_the_person(dragging: Any, word: str) -> None:
    page = dragging
    before = picture(page)
    pull(page, (0.3, 0.3), (0.02, 0.02))
    begin(page)
    page.wait_for_function("() => spatialEdit.dragging.asking")
    assert "comes no nearer" in page.locator(".sd-why").inner_text()
    assert page.locator("[data-sd=start]").is_disabled()
    page.locator(f"[data-sd={word}]").click()
    page.wait_for_function(OVER)
    steps = page.evaluate("() => spatialEdit.scene.history.steps.length")
    assert steps == (2 if word == "accept" else 1) and page.locator(".sd-ask").is_hidden()
    assert bool(np.abs(picture(page) - before).max() <= 2) is (word == "discard")
    if word == "discard":
        assert near(points(page)[0], (0.3, 0.3), (0.02, 0.02))


def test_what_cannot_begin_says_why(dragging: Any) -> None:
    page = dragging
    begin(page)
    assert "Click on the picture first" in status(page)
    click(page, 0.4, 0.4)
    begin(page)
    assert status(page) == "Point 1 has no target: click where it is to go."
    click(page, 0.401, 0.401)  # as good as the handle itself
    assert points(page)[0]["to"] is None
    click(page, 0.6, 0.4)
    page.locator("[data-sd=area]").click()
    page.locator("[data-sd=keep]").click()
    page.locator("[data-sd-size]").fill("40")
    for row in range(10):
        pull(page, (0.0, row / 9), (1.0, row / 9))
    begin(page)
    assert "The area is empty" in status(page)
    page.locator("[data-sd=whole]").click()
    page.locator("[data-sd=points]").click()
    for place in range(40):
        pull(
            page,
            (0.03 + 0.94 * (place % 8) / 8, 0.05 + 0.18 * (place // 8)),
            (0.09 + 0.94 * (place % 8) / 8, 0.05 + 0.18 * (place // 8)),
        )
    assert len(points(page)) == 32 and "at most 32" in status(page)


def test_the_server_refuses_in_a_sentence_and_the_tab_lives(dragging: Any) -> None:
    page = dragging
    pull(page, (0.5, 0.6), (0.6, 0.6))
    page.locator(".sd-more summary").click()
    page.locator("[data-sd-opt=steps]").fill("100000")
    begin(page)
    page.locator(".se-status.bad").get_by_text("steps").wait_for()
    page.locator("[data-sd-opt=steps]").fill("6")
    page.locator("[data-sd-opt=space]").select_option("w")
    begin(page)
    page.wait_for_function(DRAGGED)
    assert "6 steps" in status(page)


def test_an_area_holds_the_rest(dragging: Any) -> None:
    page = dragging
    page.locator("[data-sd=area]").click()
    pull(page, (0.4, 0.5), (0.7, 0.5))
    share = page.evaluate("() => spatialEdit.dragging.area")
    assert 3 < share < 25 and f"{share} % of the picture may change" in status(page)
    assert page.locator(".sd-veil").is_visible() and not points(page)
    page.locator("[data-sd=points]").click()
    pull(page, (0.5, 0.5), (0.6, 0.5))
    begin(page)
    page.wait_for_function(DRAGGED)
    page.locator("[data-sd=clear]").click()
    assert page.evaluate("() => spatialEdit.dragging.area") == 100


def test_another_scene_ends_the_run(dragging: Any) -> None:
    page = dragging
    pull(page, (0.5, 0.5), (0.5, 0.97))
    begin(page)
    page.wait_for_function("() => spatialEdit.dragging.known > 2")
    page.locator("#seed input").fill("9")
    page.locator("#generate").click()
    page.wait_for_function(
        "() => spatialEdit.scene.history.steps.at(-1).label === 'Seed 9' && spatialEdit.idle"
    )
    page.wait_for_function(OVER)
    page.wait_for_timeout(300)
    assert not points(page) and page.evaluate("() => spatialEdit.scene.history.steps.length") == 2


def test_a_film_can_be_saved(dragging: Any, tmp_path: Path) -> None:
    page = dragging
    pull(page, (0.5, 0.6), (0.6, 0.6))
    begin(page)
    page.wait_for_function(DRAGGED)
    for kind, magic in (("gif", b"GIF8"), ("mp4", b"ftyp")):
        with page.expect_download() as saved:
            page.locator(f"[data-sd-film={kind}]").click()
        assert saved.value.suggested_filename == f"fake-rooms-6-drag.{kind}"
        saved.value.save_as(tmp_path / kind)
        assert magic in (tmp_path / kind).read_bytes()[:12]


def test_with_fingers_on_a_phone(open_drag: Any) -> None:
    page = open_drag(**PHONE)
    page.locator("button[data-tool=drag]").tap()
    page.locator(".se-stage").scroll_into_view_if_needed()
    fingers = Fingers(page)
    fingers.tap(at(page, 0.5, 0.6))
    fingers.tap(at(page, 0.62, 0.6))
    start, end = at(page, 0.2, 0.3), at(page, 0.35, 0.3)
    fingers.drag(start, (end[0] - start[0], end[1] - start[1]))
    first, second = points(page)
    assert near(first, (0.5, 0.6), (0.62, 0.6)) and near(second, (0.2, 0.3), (0.35, 0.3))
    fingers.pinch(at(page, 0.5, 0.4), (60, 160))
    assert len(points(page)) == 2 and page.evaluate("() => spatialEdit.lens.zoom") > 1.3
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("[data-sd=start]").bounding_box()["height"] >= 44
    page.locator("[data-sd=start]").tap()
    page.wait_for_function(DRAGGED)


def test_a_model_without_a_layout(open_drag: Any) -> None:
    page = open_drag()
    choose(page, "plain", "plain")
    tools = page.locator("button[data-tool]:visible")
    assert [button.get_attribute("data-tool") for button in tools.all()] == ["select", "drag"]
    assert "drag points" in page.locator(".se-still").inner_text()
    page.locator("button[data-tool=drag]").click()
    pull(page, (0.4, 0.4), (0.6, 0.4))
    begin(page)
    page.wait_for_function(DRAGGED)
    page.keyboard.press("Control+z")
    settle(page)
    assert page.evaluate("() => spatialEdit.scene.can_redo")


def test_a_model_that_cannot_be_dragged_says_so(open_drag: Any) -> None:
    page = open_drag()
    page.locator("button[data-tool=drag]").click()
    choose(page, "still-rooms", "still-rooms")
    assert page.locator(".se-stage").get_attribute("data-tool") == "select"
    button = page.locator("button[data-tool=drag]")
    assert button.get_attribute("aria-disabled") == "true"
    button.click(force=True)  # it is there, and says why it does nothing
    assert "no spatial features" in status(page) and page.locator(".sd-panel").is_hidden()
    page.locator(".se-stage").focus()
    page.keyboard.press("g")
    assert page.locator(".se-stage").get_attribute("data-tool") == "select"


@pytest.fixture(scope="module")
def axe_source() -> str:
    pytest.importorskip(
        "axe_playwright_python", reason="axe is absent: pip install -r tests/requirements.txt"
    )
    from axe_playwright_python.base import AXE_FILE_PATH

    return AXE_FILE_PATH.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("query", "context"), [("", {}), ("", PHONE), ("?__theme=dark", {})], ids=["desktop", "phone", "dark"]
)
def test_axe_has_nothing_to_object_to(
    open_drag: Any, axe_source: str, query: str, context: dict[str, Any]
) -> None:
    page = open_drag(query, **context)
    page.locator("button[data-tool=drag]").click()
    page.locator(".sd-more summary").click()
    judge(page, axe_source, "no points")
    pull(page, (0.3, 0.3), (0.02, 0.02))
    click(page, 0.7, 0.7)
    judge(page, axe_source, "two points, one waits")
    click(page, 0.8, 0.7)
    page.locator("[data-sd=area]").click()
    judge(page, axe_source, "area")
    page.locator("[data-sd=points]").click()
    begin(page)
    page.wait_for_function("() => spatialEdit.dragging.asking")
    judge(page, axe_source, "put to the person")
    page.locator("[data-sd=accept]").click()
    page.wait_for_function(DRAGGED)
    judge(page, axe_source, "with a film")
