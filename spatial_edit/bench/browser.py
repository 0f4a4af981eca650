"""A headless Chromium through playwright, both imported and started only here."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    """A playwright browser; BenchError with how to get what is missing."""
    check()
    from playwright.async_api import Error, async_playwright

    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=program(), headless=True, args=[*FLAGS]
            )
        except Error as error:
            first = str(error).strip().splitlines()[:1]
            raise BenchError(
                f"Chromium does not start ({' '.join(first)[:200]}): apt-get install chromium, or "
                "playwright install --with-deps chromium, or set CHROMIUM to its path"
            ) from error
        try:
            yield browser
        finally:
            await browser.close()


def check() -> None:
    """BenchError when it is plain that no browser can be started."""
    try:
        import playwright  # noqa: F401
    except ImportError as error:
        raise BenchError("playwright is missing: pip install -r tests/requirements.txt") from error
    program()


def program() -> str | None:
    """Chromium's path: CHROMIUM if it is set, else the system's; None means playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named and not shutil.which(named):
        raise BenchError(f"CHROMIUM is {named!r}: there is no such program")
    return named or next(filter(None, map(shutil.which, NAMES)), None)
