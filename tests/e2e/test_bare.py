"""A model without a layout on the canvas, in a real browser: what is there, what is not, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import pages_of, running
from tests.e2e.hands import settle
from tests.ui.fake_bare import Plain
from tests.ui.fake_generator import FakeGenerator

pytestmark = pytest.mark.browser

CODE = "() => spatialEdit.scene.code"
STATUS = ".se-status"


@pytest.fixture(scope="module")
def two_url() -> Iterator[str]:
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    with running(FakeGenerator(), Plain()) as url:
        yield url


@pytest.fixture
def open_two(browser: Any, two_url: str) -> Iterator[Any]:
    """Blobs first, a model without a layout as the other one."""
    with pages_of(browser, two_url) as opener:
        yield opener


def choose_plain(page: Any) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name="plain").click()
    page.wait_for_function("() => spatialEdit.scene.model === 'plain' && spatialEdit.idle")


def test_only_what_a_picture_needs_is_there(open_two: Any) -> None:
    page = open_two()
    page.locator('[data-panel="film"]').click()
    page.locator('[data-tool="protect"]').click()
    page.locator('[data-view="map"]').click()  # the picture is hidden behind the map of blobs
    choose_plain(page)
    assert page.locator(".se").get_attribute("data-kind") == "bare"
    assert page.locator(".se-img").is_visible() and page.locator(".se-still").is_visible()
    assert not page.locator(".se-shape, .se-tag").count()
    for gone in (
        ".se-layers",
        ".se-views",
        ".se-aside",
        "button[data-tool]",
        "[data-act=more]",
        "#save-map",
        "#keys",
        "#sg-film",
        ".se-options",
    ):
        assert not page.locator(f"{gone}:visible").count(), gone
    for kept in ("[data-act=undo]", ".sg-open", ".sg-strip", ".se-lens", "#copy-link", "#save-picture"):
        assert page.locator(f"{kept}:visible").count() == 1, kept
    assert page.locator(".se-img").get_attribute("alt") == "Picture made by plain"


def test_keys_and_pointer_change_nothing(open_two: Any) -> None:
    page = open_two()
    choose_plain(page)
    code = page.evaluate(CODE)
    page.locator(".se-stage").focus()
    for key in ("d", "m", "f", "h", "Delete", "ArrowLeft", "n"):
        page.keyboard.press("Escape")
        page.keyboard.press(key)
        assert "nothing to move" in page.locator(STATUS).inner_text(), key
    box = page.locator(".se-stage").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 220, steps=4)
    page.mouse.up()
    page.mouse.click(box["x"] + 90, box["y"] + 90, button="right")
    assert page.locator(".se-menu").is_hidden()
    settle(page)
    assert page.evaluate(CODE) == code
    page.keyboard.press("Control+a")
    page.mouse.dblclick(box["x"] + 90, box["y"] + 90)
    assert page.evaluate("() => spatialEdit.lens.zoom") > 1


def test_undo_leads_back_to_the_other_model(open_two: Any) -> None:
    page = open_two()
    blobs = page.evaluate(CODE)
    choose_plain(page)
    plain = page.evaluate(CODE)
    page.locator('[data-act="undo"]').click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=blobs)
    assert page.locator(".se").get_attribute("data-kind") == "blobs"
    assert page.locator(".se-shape").count() == 10 and page.locator(".se-still").is_hidden()
    page.locator('[data-act="redo"]').click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=plain)
    assert page.locator(".se").get_attribute("data-kind") == "bare"
    assert not page.locator(".se-shape").count() and page.locator(".se-still").is_visible()


def test_before_and_after_and_a_link(open_two: Any) -> None:
    page = open_two()
    choose_plain(page)
    page.locator(".sg-open").click()
    shown = [button for button in page.locator("[data-see]").all() if button.is_visible()]
    assert [button.get_attribute("data-see") for button in shown] == ["", "compare", "difference"]
    page.keyboard.press("Escape")
    with page.expect_download() as saved:
        page.locator("#save-picture").click()
    assert saved.value.suggested_filename == "plain-6.png"
