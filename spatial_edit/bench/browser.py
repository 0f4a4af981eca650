"""A headless Chromium through playwright, both imported and started only here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spatial_edit.bench import BenchError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A page in front runs at full speed; nothing is fetched that the page did not ask for.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-renderer-backgrounding",
)


@contextmanager
def chromium() -> Iterator[Any]:
    """A playwright browser; BenchError with how to get what is missing."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise BenchError("playwright is missing: pip install -r tests/requirements.txt") from error
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program(), headless=True, args=[*FLAGS])
        except Error as error:
            first = str(error).strip().splitlines()[:1]
            raise BenchError(
                f"Chromium does not start ({' '.join(first)[:200]}): apt-get install chromium, or "
                "playwright install --with-deps chromium, or set CHROMIUM to its path"
            ) from error
        try:
            yield browser
        finally:
            browser.close()


def program() -> str | None:
    """Chromium's path: CHROMIUM if it is set, else the system's; None means playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named and not shutil.which(named):
        raise BenchError(f"CHROMIUM is {named!r}: there is no such program")
    return named or next(filter(None, map(shutil.which, NAMES)), None)
