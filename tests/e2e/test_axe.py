"""axe-core on the editor: nothing to object to in what is ours; what Gradio's own parts violate is listed.

Ours is what stands in an HTML block: the canvas with its panels, the masthead, the sharing box.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser
OURS = ".se, .masthead, .html-container"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PLACES = [("", {}), ("", PHONE), ("?__theme=dark", {})]
NAMES = ["desktop", "phone", "dark"]
# Where axe found something, whether that is inside one of our parts, and what was wrong.
FOUND = """async (ours) => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => {
    const target = node.target.flat().pop(), element = document.querySelector(target);
    return { rule: id, target, html: node.html.slice(0, 160), why: node.failureSummary.split('\\n')[1].trim(),
             ours: Boolean(element && element.closest(ours)) };
  }));
}"""


def violations(page: Any, source: str) -> list[dict[str, Any]]:
    """Everything that axe objects to on the page as it is now."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(source)
    found: list[dict[str, Any]] = page.evaluate(FOUND, OURS)
    return found


def judge(page: Any, source: str, state: str) -> None:
    """No violation in our parts; the others are printed."""
    found = violations(page, source)
    rules = sorted({f"{one['rule']} {one['target']}" for one in found if not one["ours"]})
    print(f"{state}: {len(rules)} in Gradio's own parts", *rules, sep="\n  ")
    own = [f"{one['rule']}: {one['why']} in {one['html']}" for one in found if one["ours"]]
    assert not own, f"{state}:\n" + "\n".join(own)


def open_everything(page: Any) -> None:
    """Select an element, so that its handles and its panel are there, and unfold what is folded."""
    page.evaluate("document.querySelector('.se-shape').focus()")
    page.wait_for_function("spatialEdit.selected !== null && spatialEdit.idle")
    page.evaluate("document.querySelectorAll('.se details').forEach((part) => { part.open = true; })")


@pytest.mark.parametrize(("query", "context"), PLACES, ids=NAMES)
def test_blobs(open_page: Callable[..., Any], axe_source: str, query: str, context: dict[str, Any]) -> None:
    page = open_page(query, **context)
    judge(page, axe_source, "blobs")
    open_everything(page)
    judge(page, axe_source, "blobs, one selected")


@pytest.mark.parametrize(("query", "context"), PLACES, ids=NAMES)
def test_boxes(open_room: Callable[..., Any], axe_source: str, query: str, context: dict[str, Any]) -> None:
    page = open_room(query, **context)
    judge(page, axe_source, "boxes")
    open_everything(page)
    judge(page, axe_source, "boxes, one selected")


@pytest.mark.parametrize("query", ["", "?__theme=dark"], ids=["light", "dark"])
def test_every_tab_of_the_panel_every_tool_and_the_menu(
    open_tiny: Callable[..., Any], axe_source: str, query: str
) -> None:
    page = open_tiny(query)
    open_everything(page)
    for button in page.locator("[data-leaf]:visible, button[data-tool]:visible").all():
        button.click()
        judge(page, axe_source, button.text_content() or button.get_attribute("data-tool") or "")
    page.keyboard.press("Escape")
    page.locator("button[data-tool=select]").click()
    page.locator("[data-act=more]").click()
    page.locator(".se-menu").wait_for()
    judge(page, axe_source, "menu of an element")


@pytest.mark.parametrize(("query", "context"), PLACES, ids=NAMES)
def test_photos(open_page: Callable[..., Any], axe_source: str, query: str, context: dict[str, Any]) -> None:
    page = open_page(query, **context)
    page.get_by_role("tab", name="Parse photos").click()
    page.wait_for_timeout(300)  # the tab's parts are put in
    judge(page, axe_source, "photos")


def test_axe_sees_what_is_wrong(open_page: Callable[..., Any], axe_source: str) -> None:
    page = open_page()
    page.evaluate(
        "document.querySelector('.se').insertAdjacentHTML('beforeend', '<button type=button></button>')"
    )
    found = [one["rule"] for one in violations(page, axe_source) if one["ours"]]
    assert "button-name" in found
