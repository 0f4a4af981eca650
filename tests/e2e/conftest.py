"""A running app with the toy model, and a real browser. Skipped without Chromium, unless it is required."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SHOWN = "window.spatialEdit && spatialEdit.elements.length > 0 && spatialEdit.idle"


@contextmanager
def running(*generators: Any) -> Iterator[str]:
    """The app on some models, the first one in front; gives its address."""
    from spatial_edit.store import Store
    from spatial_edit.ui.wiring import build, launch_options
    from tests.ui.fake_generator import fake_parse

    known = {generator.spec.name: generator for generator in generators}
    specs = {name: generator.spec for name, generator in known.items()}
    demo = build(known.__getitem__, Store(), specs, parse=fake_parse)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    demo.launch(server_port=port, prevent_thread_lock=True, quiet=True, **launch_options())
    yield f"http://127.0.0.1:{port}"
    demo.close()


@pytest.fixture(scope="session")
def app_url() -> Iterator[str]:
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    from tests.ui.fake_generator import FakeGenerator

    with running(FakeGenerator()) as url:
        yield url


@pytest.fixture(scope="session")
def boxes_url() -> Iterator[str]:
    """Boxes in a room first, blobs as the other model."""
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    from tests.ui.fake_boxes import FakeBoxes
    from tests.ui.fake_generator import FakeGenerator

    with running(FakeBoxes(), FakeGenerator()) as url:
        yield url


@pytest.fixture(scope="session")
def tiny_url() -> Iterator[str]:
    """A real generator of blobs with random weights: it knows every edit of looks and of whole scenes."""
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    from spatial_edit.generators.blobgan import BlobGenerator

    with running(BlobGenerator.tiny()) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    required = os.environ.get("SPATIAL_EDIT_REQUIRE_BROWSER") == "1"
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = "playwright is absent: pip install -r tests/requirements.txt"
        pytest.fail(missing) if required else pytest.skip(missing)
    if not CHROMIUM:
        missing = "no Chromium: apt-get install chromium, or set CHROMIUM to its path"
        pytest.fail(missing) if required else pytest.skip(missing)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The script of axe-core."""
    pytest.importorskip(
        "axe_playwright_python", reason="axe is absent: pip install -r tests/requirements.txt"
    )
    from axe_playwright_python.base import AXE_FILE_PATH

    return AXE_FILE_PATH.read_text(encoding="utf-8")


@pytest.fixture
def open_page(browser: Any, app_url: str) -> Iterator[Any]:
    """Opens the app at a query string; any error in the browser's console fails the test."""
    with pages_of(browser, app_url) as opener:
        yield opener


@pytest.fixture
def open_room(browser: Any, boxes_url: str) -> Iterator[Any]:
    """As `open_page`, with boxes in a room."""
    with pages_of(browser, boxes_url) as opener:
        yield opener


@pytest.fixture
def open_tiny(browser: Any, tiny_url: str) -> Iterator[Any]:
    """As `open_page`, with a real generator of blobs."""
    with pages_of(browser, tiny_url) as opener:
        yield opener


@contextmanager
def pages_of(browser: Any, url: str) -> Iterator[Any]:
    pages, errors = [], []

    def open_at(query: str = "", **context: Any) -> Any:
        options = {"viewport": {"width": 1180, "height": 900}, "accept_downloads": True, **context}
        page = browser.new_context(**options).new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        pages.append(page)
        page.goto(f"{url}/{query}")
        page.wait_for_function(SHOWN)
        return page

    yield open_at
    for page in pages:
        page.context.close()
    assert not errors, errors
