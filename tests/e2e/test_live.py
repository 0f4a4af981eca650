"""Live pictures in a browser: which state is shown, how many requests run, none where a GPU is lent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import pages_of, running

pytestmark = pytest.mark.browser
# Counts live requests, and how many are on their way at once; remembers when the pointer moved last.
WATCH = """() => {
  window.seen = { live: 0, running: 0, most: 0, moved: 0 };
  const ask = window.fetch;
  window.fetch = async (...given) => {
    if (!String(given[0].url || given[0]).includes('component_server')) return ask(...given);
    seen.live += 1; seen.running += 1; seen.most = Math.max(seen.most, seen.running);
    try { return await ask(...given); } finally { seen.running -= 1; }
  };
  addEventListener('pointermove', (event) => { if (event.buttons) seen.moved = event.timeStamp; }, true);
}"""


@pytest.fixture
def open_on_release(browser: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """The app as on a Space whose GPU is lent by the call."""
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    from spatial_edit.ui.serving import hardware
    from tests.ui.fake_generator import FakeGenerator

    monkeypatch.setattr(hardware, "live_mode", lambda: "release")
    with running(FakeGenerator()) as url, pages_of(browser, url) as opener:
        yield opener


def drag(page: Any, steps: int = 40) -> tuple[str, str]:
    """Drag the first element slowly to the right; the code before and after."""
    page.evaluate(WATCH)
    before = page.evaluate("spatialEdit.scene.code")
    box = page.locator(".se-svg").bounding_box()
    item = page.evaluate("spatialEdit.elements[0]")
    x, y = box["x"] + item["x"] * box["width"], box["y"] + item["y"] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, steps + 1):
        page.mouse.move(x + 3 * step, y)
        page.wait_for_timeout(15)
    page.mouse.up()
    page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=before)
    return before, page.evaluate("spatialEdit.scene.code")


def test_the_page_knows_which_state_it_shows(open_page: Callable[..., Any]) -> None:
    page = open_page()
    assert page.evaluate("spatialEdit.shown.time") == 0
    drag(page)
    page.wait_for_function("spatialEdit.shown.time >= seen.moved")
    assert page.evaluate("spatialEdit.frames") > 0
    page.evaluate("spatialEdit.shown.seq = 0")  # a copy: nothing changes
    assert page.evaluate("spatialEdit.shown.seq") > 0


def test_over_a_slow_network_several_requests_are_on_their_way(open_page: Callable[..., Any]) -> None:
    page = open_page()
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    slow = {"offline": False, "latency": 250, "downloadThroughput": -1, "uploadThroughput": -1}
    cdp.send("Network.emulateNetworkConditions", slow)
    drag(page, steps=60)
    assert 2 <= page.evaluate("seen.most") <= 4  # three, and the last one, which does not wait


def test_on_release_no_live_picture_is_asked_for(open_on_release: Callable[..., Any]) -> None:
    page = open_on_release()
    picture = page.evaluate("document.querySelector('.se-img').src")
    before, after = drag(page)
    assert before != after and page.evaluate("seen.live") == 0 and page.evaluate("spatialEdit.frames") == 0
    assert page.evaluate("document.querySelector('.se-img').src") != picture
