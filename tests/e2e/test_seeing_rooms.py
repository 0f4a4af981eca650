"""Maps, variations and comparing for boxes in a room, with a real generator of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import pages_of, running
from tests.e2e.hands import CODE
from tests.e2e.test_seeing_view import see

pytestmark = pytest.mark.browser


@pytest.fixture
def open_tiny_room(browser: Any) -> Iterator[Any]:
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    from spatial_edit.generators.box3d.renderer import Box3DGenerator

    with running(Box3DGenerator.tiny()) as url, pages_of(browser, url) as opener:
        yield opener


def test_a_room_has_maps_differences_and_variations(open_tiny_room: Any) -> None:
    page = open_tiny_room()
    first = page.evaluate(CODE)
    see(page, "depth")
    assert "metres" in page.locator(".sg-words").first.inner_text()
    see(page, "opacity")
    assert page.locator(".sg-over").is_visible()
    page.locator('[data-panel="vary"]').click()
    kinds = page.locator(".sg-kind option").evaluate_all("(options) => options.map((option) => option.value)")
    assert kinds == ["restyle", "fill", "rehouse"]
    page.locator(".sg-four[aria-busy] p, .sg-choice").first.wait_for()  # opened: four are asked for
    page.locator(".sg-kind").select_option("rehouse")
    page.wait_for_function("() => document.querySelector('.sg-four').hasAttribute('aria-busy')")
    page.locator(".sg-choice").nth(2).click(timeout=60_000)
    page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=first)
    see(page, "difference")
    page.wait_for_function("() => /^Changed .*[1-9]/.test(document.querySelector('.sg-words').textContent)")
    page.locator(".sg-step").first.click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=first)
