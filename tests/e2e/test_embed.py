"""The editor inside pages of another origin: as a frame, as <gradio-app>, and as the Hub frames a Space."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import CHROMIUM, FLAGS, SHOWN
from tests.e2e.test_share_links import query, serve

pytestmark = pytest.mark.browser

PICTURE = "() => document.querySelector('.se-img').src"


class Pages(SimpleHTTPRequestHandler):
    """Gradio's scripts, as its web component needs them, and the pages of `pages` (path → HTML)."""

    def __init__(self, *given: Any, pages: dict[str, str], **more: Any) -> None:
        self.pages = pages
        super().__init__(*given, **more)

    def do_GET(self) -> None:
        page = self.pages.get(urlsplit(self.path).path)
        if page is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>Elsewhere</title><body>{page}".encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {"/favicon.ico": ""}


@pytest.fixture(scope="module")
def elsewhere(pages: dict[str, str]) -> Iterator[str]:
    """Another origin: `localhost`, where the app is on 127.0.0.1."""
    gradio = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    folder = Path(gradio.__file__).parent / "templates" / "frontend"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=str(folder), pages=pages))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Opens an address; an error in the console fails the test."""
    errors: list[str] = []
    opened = []

    def go(address: str) -> Any:
        page = browser.new_context(viewport={"width": 1180, "height": 1000}).new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        opened.append(page)
        page.goto(address)
        return page

    yield go
    for page in opened:
        page.context.close()
    assert not errors, errors


@pytest.fixture(scope="module")
def edited() -> str:
    """The code of an edited scene of the toy model."""
    from spatial_edit.session import Session
    from tests.ui.fake_generator import FakeGenerator

    model = FakeGenerator()
    session = Session(lambda name: model, names=lambda number: model.spec.name)
    session.generate(model.spec.name, 11)
    return session.edit({"op": "move", "target": 3, "dx": -0.2, "dy": 0.1}).code


def drag_in(page: Any, frame: Any) -> None:
    """Drags element 3 of an editor that stands in a frame, or in the page itself."""
    frame.locator(".se-stage").scroll_into_view_if_needed()
    item = frame.evaluate("() => spatialEdit.elements.find((item) => item.id === 3)")
    box = frame.locator(".se-svg").bounding_box()
    x, y = box["x"] + item["x"] * box["width"], box["y"] + item["y"] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=8)
    page.mouse.up()
    frame.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")
    assert frame.evaluate("() => spatialEdit.frames") > 0  # pictures came while dragging


def paste(page: Any) -> str:
    """What the clipboard holds, read by pasting: reading it asks for a permission that frames lack."""
    page.evaluate("() => document.body.prepend(document.createElement('textarea'))")
    page.locator("body > textarea").first.focus()
    page.keyboard.press("Control+v")
    return page.locator("body > textarea").first.input_value()


@pytest.mark.parametrize("allow", ["", "clipboard-write"])
def test_in_a_frame_of_another_origin(
    visit: Any, app_url: str, elsewhere: str, pages: dict[str, str], edited: str, allow: str
) -> None:
    size = 'width="1100" height="1000"'
    pages["/frame"] = f'<iframe src="{app_url}/?e={edited}" allow="{allow}" {size}></iframe>'
    page = visit(f"{elsewhere}/frame")
    frame = page.frames[-1]
    frame.wait_for_function(SHOWN)
    assert urlsplit(frame.url).hostname != urlsplit(page.url).hostname
    assert frame.evaluate("() => spatialEdit.scene.code") == edited
    drag_in(page, frame)
    code = frame.evaluate("() => spatialEdit.scene.code")
    assert query(frame.url) == {"e": code} and query(page.url) == {}
    frame.locator("#copy-link").click()
    frame.wait_for_function("() => document.querySelector('.ss-said').textContent === 'Link copied.'")
    assert paste(page) == f"{app_url}/?e={code}"
    again = visit(f"{app_url}/?e={code}")
    again.wait_for_function(SHOWN)
    assert again.evaluate(PICTURE) == frame.evaluate(PICTURE)


def test_as_a_web_component(
    visit: Any, app_url: str, elsewhere: str, pages: dict[str, str], edited: str
) -> None:
    script = '<script type="module" src="/gradio.js"></script>'
    pages["/component"] = f'<h1>A page of mine</h1><gradio-app src="{app_url}"></gradio-app>{script}'
    page = visit(f"{elsewhere}/component?topic=rooms&e={edited}#here")
    page.wait_for_function(SHOWN)
    assert page.evaluate("() => spatialEdit.scene.code") == edited
    drag_in(page, page)
    code = page.evaluate("() => spatialEdit.scene.code")
    assert query(page.url) == {"topic": "rooms", "e": code}  # the page keeps what is its own
    page.locator("#copy-link").click()
    page.wait_for_function("() => document.querySelector('.ss-said').textContent === 'Link copied.'")
    link = paste(page)
    assert link == page.url and link.endswith("#here")
    page.click("#sharing summary")
    assert f'<gradio-app src="{app_url}"></gradio-app>' in page.input_value("#ss-component")
    assert page.input_value("#ss-frame").startswith(f'<iframe src="{app_url}/?e={code}"')
    picture = page.evaluate(PICTURE)
    again = visit(link)
    again.wait_for_function(SHOWN)
    assert again.evaluate(PICTURE) == picture


def test_the_hub_is_told_the_address_and_nobody_else(
    browser: Any, monkeypatch: pytest.MonkeyPatch, elsewhere: str, pages: dict[str, str]
) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/rooms")
    listener = "<script>window.heard = []; onmessage = (event) => heard.push(event.data);</script>"
    with serve() as url:
        framed = f'{listener}<iframe src="{url}" width="1100" height="1000" allow="clipboard-write"></iframe>'
        pages["/space"] = framed
        # A page of the Hub that frames this very machine: Chromium would ask for leave first.
        chromium = browser.browser_type.launch(
            executable_path=CHROMIUM, args=[*FLAGS, "--disable-features=LocalNetworkAccessChecks"]
        )
        context = chromium.new_context(viewport={"width": 1180, "height": 1000})
        context.route(
            "https://huggingface.co/**",
            lambda route: route.fulfill(content_type="text/html", body=f"<!doctype html>{framed}"),
        )
        for address, told in (
            ("https://huggingface.co/spaces/someone/rooms", True),
            (f"{elsewhere}/space", False),
        ):
            page = context.new_page()
            page.goto(address)
            frame = page.frames[-1]
            frame.wait_for_function(SHOWN)
            drag_in(page, frame)
            code = frame.evaluate("() => spatialEdit.scene.code")
            heard = page.evaluate("() => heard.filter((said) => Boolean(said.queryString))")
            assert heard == ([{"queryString": f"e={code}", "hash": ""}] if told else [])
            assert frame.evaluate("() => spatialEdit.link()") == (
                f"https://huggingface.co/spaces/someone/rooms?e={code}"
            )
        chromium.close()
