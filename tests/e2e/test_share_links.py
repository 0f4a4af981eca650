"""Links in a real browser: copied on a page and on a Space, too long for one, after a restart, hostile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.conftest import SHOWN, pages_of
from tests.e2e.test_editor import PIXELS, drag, settle, spot

pytestmark = pytest.mark.browser


REFUSE = """
  const refusing = { writeText: () => Promise.reject(new Error("no")) };
  Object.defineProperty(navigator, "clipboard", { value: refusing });
  document.execCommand = () => false;
"""


READ = """async () => {
  for (let turn = 0; turn < 100; turn += 1) {
    const text = await navigator.clipboard.readText();
    if (text !== 'nothing yet') return text;
    await new Promise((done) => setTimeout(done, 100));
  }
}"""


def serve(store: Any = None, generator: Any = None) -> Any:
    """The app with the toy model on a store, as a context manager that gives its address."""
    from spatial_edit.store import Store
    from spatial_edit.ui.wiring import build, launch_options
    from tests.ui.fake_generator import FakeGenerator, fake_parse

    model = generator or FakeGenerator()

    @contextmanager
    def served() -> Iterator[str]:
        demo = build(lambda name: model, store or Store(), {model.spec.name: model.spec}, parse=fake_parse)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        demo.launch(server_port=port, prevent_thread_lock=True, quiet=True, **launch_options())
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            demo.close()

    return served()


def copied(page: Any, button: str = "#copy-link") -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("() => navigator.clipboard.writeText('nothing yet')")
    page.click(button)
    return page.evaluate(READ)


def move_something(page: Any) -> list[int]:
    """Drags element 3; gives the picture's pixels afterwards."""
    drag(page, spot(page, 3), (-60, 40))
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")
    return page.evaluate(PIXELS)


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_copy_link_gives_the_scene_on_the_stage(open_page: Any) -> None:
    page = open_page("?__theme=dark")
    drag(page, spot(page, 3), (-60, 40))
    link = copied(page)
    assert query(link) == {"e": page.evaluate("() => spatialEdit.scene.code")}
    assert query(page.url)["e"] == query(link)["e"]  # the address bar names the same scene
    assert "Link copied." in page.locator(".se-status").inner_text()
    assert page.locator(".ss-said").inner_text() == "Link copied."
    picture = page.evaluate(PIXELS)
    again = open_page("?" + urlsplit(link).query)
    assert again.evaluate(PIXELS) == picture


def test_copying_right_after_a_drag_waits_for_the_edit(open_page: Any) -> None:
    page = open_page()
    before = page.evaluate("() => spatialEdit.scene.code")
    x, y = spot(page, 3)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 80, y + 30, steps=4)
    page.mouse.up()
    page.evaluate("() => { window.done = spatialEdit.copyLink(); }")
    page.evaluate("() => window.done")
    link = page.input_value("#ss-link")
    assert query(link)["e"] != before
    assert query(link)["e"] == page.evaluate("() => spatialEdit.scene.code")


def test_every_edit_undo_and_redo_is_in_the_address_bar(open_page: Any) -> None:
    page = open_page()
    assert "e" not in query(page.url)
    first = page.evaluate("() => spatialEdit.scene.code")
    move_something(page)
    moved = query(page.url)["e"]
    page.keyboard.press("Control+z")
    page.wait_for_function("() => spatialEdit.scene.can_redo && spatialEdit.idle")
    assert query(page.url)["e"] == first != moved
    page.keyboard.press("Control+Shift+Z")
    page.wait_for_function("() => !spatialEdit.scene.can_redo && spatialEdit.idle")
    assert query(page.url)["e"] == moved


def test_on_a_phone_the_answer_stands_beside_the_button(open_page: Any) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator("#copy-link").scroll_into_view_if_needed()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.tap("#copy-link")
    page.wait_for_function("() => document.querySelector('.ss-said').textContent === 'Link copied.'")
    said, button = page.locator(".ss-said").bounding_box(), page.locator("#copy-link").bounding_box()
    assert 0 < said["y"] - button["y"] < 160
    page.tap("#sharing summary")
    for copy in page.locator("#sharing [data-copy]").all():
        assert copy.bounding_box()["height"] >= 44
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_a_refused_clipboard_leaves_the_link_marked_in_a_box(open_page: Any) -> None:
    page = open_page()
    page.evaluate(REFUSE)
    page.focus("#copy-link")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'ss-link'")
    assert page.locator("#ss-link").is_visible()
    marked = page.evaluate("() => document.getSelection().toString()")
    assert marked == page.input_value("#ss-link") and query(marked)["e"]
    assert "press Ctrl+C" in page.locator(".ss-said").inner_text()


def test_on_a_space_the_link_leads_to_its_page(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/rooms")
    monkeypatch.setenv("SPACE_HOST", "someone-rooms.hf.space")
    monkeypatch.setattr("gradio.utils.get_space", lambda: None)  # a launch on a Space wants its own address
    with serve() as url, pages_of(browser, url) as open_at:
        page = open_at()
        code = page.evaluate("() => spatialEdit.scene.code")
        assert copied(page) == f"https://huggingface.co/spaces/someone/rooms?e={code}"
        page.click("#sharing summary")
        frame = copied(page, "[data-copy=frame]")
        assert frame.startswith(f'<iframe src="https://someone-rooms.hf.space/?e={code}"')
        assert 'allow="clipboard-write"' in frame
        component = copied(page, "[data-copy=component]")
        import gradio

        assert '<gradio-app src="https://someone-rooms.hf.space"></gradio-app>' in component
        assert f"/{gradio.__version__}/gradio.js" in component


def test_what_is_too_long_goes_to_the_store_and_the_page_says_so(
    browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spatial_edit.ui.sharing.LINK_CHARACTERS", 100)
    from spatial_edit.store import Store

    store = Store()
    with serve(store) as url, pages_of(browser, url) as open_at:
        page = open_at()
        picture = move_something(page)
        code = page.evaluate("() => spatialEdit.scene.code")
        link = copied(page)
        assert set(query(link)) == {"s"} and len(query(link)["s"]) == 22
        assert query(page.url) == query(link)
        said = page.locator(".ss-said").inner_text()
        assert "too large for a link" in said and "until the app restarts" in said
        page.click("#sharing summary")
        key = page.locator(".ss-key code").inner_text()
        assert len(key) == 22
        assert copied(page) == link  # the same scene is stored once
        other = open_at("?" + urlsplit(link).query)
        assert other.evaluate(PIXELS) == picture
        other.click("#sharing summary")
        assert other.locator(".ss-key").is_hidden()  # the key is nobody else's
        page.keyboard.press("Escape")
        page.locator("[data-act=undo]").click()
        page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=code)
        assert "e" in query(page.url) and "s" not in query(page.url)
        store.delete(query(link)["s"], key)


def test_links_live_longer_than_the_app(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spatial_edit.ui.sharing.LINK_CHARACTERS", 100)
    from spatial_edit.store import Store

    with serve(Store(tmp_path)) as url, pages_of(browser, url) as open_at:
        page = open_at()
        picture = move_something(page)
        short = f"?e={page.evaluate('() => spatialEdit.scene.code')}"
        stored = "?" + urlsplit(copied(page)).query
        assert "for 30 days" in page.locator(".ss-said").inner_text()
    with serve(Store(tmp_path)) as url, pages_of(browser, url) as open_at:
        for link in (short, stored):
            page = open_at(link)
            assert page.evaluate("() => spatialEdit.scene.why") == "open"
            assert page.evaluate(PIXELS) == picture
            move_something(page)  # and the scene can be edited further


@pytest.mark.parametrize(
    "hostile",
    [
        "?e=<script>window.pwned=1</script>",
        "?e=%22%3E%3Cimg%20src=x%20onerror=window.pwned=1%3E",
        "?e=${window.pwned=1}",
        "?e={{window.pwned=1}}",
        "?s=<img src=x onerror=window.pwned=1>",
        "?s=${Object.assign(window,{pwned:1})}",
        "?s=AAAAAAAAAAAAAAAAAAAAAA",
        "?e=javascript:window.pwned=1",
        "?e=" + "A" * 5000,
    ],
)
def test_a_hostile_link_is_a_warning_and_a_fresh_scene(open_page: Any, hostile: str) -> None:
    page = open_page(hostile)
    assert page.evaluate("() => [window.pwned, spatialEdit.scene.why]") == [None, "fresh"]
    assert page.evaluate("() => spatialEdit.scene.error").endswith("Here is a fresh scene.")
    page.click("#sharing summary")
    assert page.input_value("#ss-link").startswith("http")
    page.fill("#code textarea, #code input", hostile)
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast-body.error")
    settle(page)
    assert page.evaluate("() => window.pwned") is None


def test_hostile_names_are_only_text(browser: Any) -> None:
    from dataclasses import replace

    from tests.ui.fake_generator import NAMES, FakeGenerator

    model = FakeGenerator()
    hostile = ("<img src=x onerror=window.pwned=1>", "${window.pwned=1}", "{{window.pwned=1}}", '"><b>x</b>')
    model.spec = replace(model.spec, row_names=(*hostile, *NAMES[len(hostile) :]))
    with serve(generator=model) as url, pages_of(browser, url) as open_at:
        page = open_at()
        for number in range(len(hostile)):
            page.evaluate("(number) => document.querySelector(`[data-pick='${number}']`)?.click()", number)
        page.wait_for_function(SHOWN)
        text = page.locator(".se").inner_text()
        assert "<img src=x onerror" in text and "${window.pwned=1}" in text
        assert page.locator("img[src=x], b:text-is('x')").count() == 0
        assert page.evaluate("() => window.pwned") is None
