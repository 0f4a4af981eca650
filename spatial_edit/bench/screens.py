"""Screenshots of every tab: at a desk, on a phone and in the dark, as small JPEG files.

Two apps are started one after the other, one a kind of layout that the editor has a page for. The photos of
the Parse tab are rooms of the procedural data set, so that the pictures need nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from argparse import Namespace
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from spatial_edit.bench import BenchError, Figures
from spatial_edit.bench.browser import check, chromium
from spatial_edit.bench.serve import serving

SHOWN = "window.spatialEdit && spatialEdit.elements.length > 0 && spatialEdit.idle"
QUALITY = 84
EDITORS = {"edit-blobs": "blobgan-rooms", "edit-boxes": "box3d-rooms"}
PHOTOS = 6
PATIENCE = 120_000  # milliseconds, on a busy machine


@dataclass(frozen=True)
class Look:
    """A device: its name, the page's query, and the options of the browser's context."""

    name: str
    query: str
    options: dict[str, Any]


DESK = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LOOKS = (
    Look("desktop", "", DESK),
    Look("phone", "", PHONE),
    Look("dark", "?__theme=dark", DESK),
)

Arrange = Callable[[Any], Coroutine[Any, Any, None]]


def run(options: Namespace) -> Figures:
    """Write the pictures into `options.folder`; their sizes in bytes. BenchError without a browser."""
    check()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as photos:
        files = _photos(Path(photos))
        for place, (tab, model) in enumerate(EDITORS.items()):
            with serving(model) as url:
                made |= _told(_shoot(url, tab, _edited, folder))
                if place == 0:
                    made |= _told(_shoot(url, "parse", _parsed(files), folder))
                    made |= _told(_others(url, folder))
    return {"files": made, "bytes": sum(made.values())}


def table(figures: Figures) -> str:
    """One line a picture."""
    files = figures["files"]
    assert isinstance(files, dict)
    lines = [f"{size / 1000:8.1f} kB  {name}" for name, size in sorted(files.items())]
    return "\n".join([*lines, f"{figures['bytes'] / 1000:8.1f} kB  together"])  # type: ignore[operator]


def _told(work: Coroutine[Any, Any, dict[str, int]]) -> dict[str, int]:
    """The result; BenchError when the page does not do what is expected of it."""
    check()
    from playwright.async_api import Error

    try:
        return asyncio.run(work)
    except Error as error:
        first = str(error).strip().splitlines()[0]
        raise BenchError(
            f"a page could not be shown ({first[:150]}): try again on a quieter machine"
        ) from error


async def _shoot(url: str, tab: str, arrange: Arrange, folder: Path) -> dict[str, int]:
    """One tab on every device."""
    made: dict[str, int] = {}
    async with chromium() as browser:
        for look in LOOKS:
            context = await browser.new_context(**look.options, reduced_motion="reduce")
            page = await context.new_page()
            page.set_default_timeout(PATIENCE)
            await page.goto(f"{url}/{look.query}")
            await page.wait_for_function(SHOWN)
            await arrange(page)
            await page.mouse.move(0, 0)
            await page.wait_for_timeout(400)
            path = folder / f"{tab}-{look.name}.jpg"
            made[path.name] = _save(await page.screenshot(full_page=True), path)
            await context.close()
    return made


async def _others(url: str, folder: Path) -> dict[str, int]:
    """Tabs besides Edit and Parse photos, where there are any."""
    async with chromium() as browser:
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE)
        await page.goto(url)
        await page.wait_for_function(SHOWN)
        tabs = page.get_by_role("tablist").first.get_by_role("tab")  # the page's own, not those of a panel
        names = [await tab.inner_text() for tab in await tabs.all()]
    made: dict[str, int] = {}
    for name in names:
        if name not in ("Edit", "Parse photos"):
            stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            made |= await _shoot(url, stem, _opened(name), folder)
    return made


def _opened(name: str) -> Arrange:
    async def arrange(page: Any) -> None:
        await page.get_by_role("tab", name=name).click()
        await page.wait_for_timeout(1500)

    return arrange


async def _edited(page: Any) -> None:
    """The element in front is selected and moved a little, so that handles and history show."""
    await page.wait_for_function(SHOWN)
    shape = page.locator(".se-shape").last
    await shape.focus()
    for _ in range(2):
        await page.keyboard.press("ArrowLeft")
    await page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")


def _parsed(files: list[str]) -> Arrange:
    """The photos are parsed; the first one is shown beside its reconstruction."""

    async def arrange(page: Any) -> None:
        await page.get_by_role("tab", name="Parse photos").click()
        await page.locator("#photos input[type=file]").set_input_files(files)
        await page.wait_for_function(
            f"() => document.querySelectorAll('#photos tr.file').length >= {len(files)}"
        )
        await page.locator("#parse").click()
        await page.locator("#parse-status").get_by_text(f"{len(files)} photos parsed").wait_for()
        for card in await page.locator(".ph-card").all():  # a picture is fetched when its card is seen
            await card.scroll_into_view_if_needed()
        await page.wait_for_function(
            "() => [...document.querySelectorAll('.ph-card img')].every((img) => img.naturalWidth > 0)"
        )
        await page.evaluate("() => window.scrollTo(0, 0)")

    return arrange


def _photos(folder: Path) -> list[str]:
    """Rooms of the data set as files."""
    from spatial_edit.data.rooms.renderer import render
    from spatial_edit.data.rooms.sampler import sample_rooms

    pictures = render(sample_rooms(PHOTOS, seed=5), resolution=128).rgb  # (B, 3, 128, 128) uint8
    files = []
    for place, picture in enumerate(pictures):
        files.append(str(folder / f"room-{place + 1}.png"))
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(files[-1])
    return files


def _save(shot: bytes, path: Path) -> int:
    """The screenshot as a JPEG: half the bytes of a PNG with a palette, without its steps in the pictures."""
    with Image.open(io.BytesIO(shot)) as picture:
        picture.convert("RGB").save(path, quality=QUALITY, optimize=True, progressive=True)
    return path.stat().st_size
