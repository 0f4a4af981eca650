"""How the editor feels: real pointer drags of a blob in headless Chromium, on the app in its own process.

fps        distinct rendered states decoded and painted, a second of the drag
age_ms     median over the drag's animation frames of now - time of the pointer event behind the shown state
final_ms   from the release to the release state painted
fps_80ms   fps with 80 ms of latency added to every request (and age_ms_80ms, final_ms_80ms)
page_kb    bytes transferred with a cold cache until usable, in 1000 bytes
usable_s   from navigation to a blob that answers a pointer
All are medians: of the drags, each on a page of its own; of the visits. `watch.js` counts, in the page.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spatial_edit.bench import BenchError, Figures, load
from spatial_edit.bench.browser import check, chromium
from spatial_edit.bench.serve import serving

LATENCY = 80  # ms
POINTER_HZ = 60
LEAST_SIDE = 512  # CSS pixels of the shown picture
VIEWPORT = {"width": 1280, "height": 1000}
PATIENCE = 30_000  # ms for anything in the page
REACH, DRIFT = 0.1, 0.03  # half the width of the drag's figure, and how far on it ends, in sides
READY = "window.spatialEdit && spatialEdit.elements.length > 0 && spatialEdit.idle"
WATCH = (Path(__file__).parent / "watch.js").read_text(encoding="utf-8")
TARGETS = {
    "fps": (">=", 15),
    "age_ms": ("<=", 80),
    "final_ms": ("<=", 150),
    "fps_80ms": (">=", 10),
    "page_kb": ("<=", 700),
    "usable_s": ("<=", 2.5),
}


@dataclass(frozen=True)
class Drag:
    """What one drag showed; `moves`: pointer events a second that reached the page."""

    fps: float
    age_ms: float
    final_ms: float
    moves: float


@dataclass(frozen=True)
class Visit:
    """Until a blob answered a pointer: thousand bytes received, seconds since navigation."""

    kilobytes: float
    seconds: float


@dataclass(frozen=True)
class Seen:
    """Visits, drags on this machine's own network and on the slow one, the picture's side in CSS pixels."""

    visits: list[Visit]
    near: list[Drag]
    far: list[Drag]
    side: int
    errors: list[str]  # in the browser's console


@dataclass
class Traffic:
    """Bytes that a page has received, finished requests and running ones."""

    finished: dict[str, int] = field(default_factory=dict)
    running: dict[str, int] = field(default_factory=dict)

    async def listen(self, cdp: Any) -> None:
        """Count from now on."""

        def part(event: dict[str, Any]) -> None:
            name = event["requestId"]
            self.running[name] = self.running.get(name, 0) + int(event["encodedDataLength"])

        def end(event: dict[str, Any]) -> None:
            self.running.pop(event["requestId"], None)
            self.finished[event["requestId"]] = int(event["encodedDataLength"])

        cdp.on("Network.dataReceived", part)
        cdp.on("Network.loadingFinished", end)
        await cdp.send("Network.enable")

    def kilobytes(self) -> float:
        """Thousand bytes so far."""
        return (sum(self.finished.values()) + sum(self.running.values())) / 1000


def run(options: Namespace) -> Figures:
    """Measure; ValueError (a BenchError) when something needed is missing or a release state never shows."""
    if not 1 <= options.drags <= 100 or not 0.5 <= options.seconds <= 60:
        raise BenchError("--drags goes from 1 to 100, --seconds from 0.5 to 60")
    check()
    before = load()
    with serving(options.model) as url:
        seen = asyncio.run(_watch(url, options.drags, options.seconds))
    if seen.side < LEAST_SIDE:
        raise BenchError(f"the picture is shown at {seen.side} pixels: figures count from {LEAST_SIDE} on")
    near, far = _medians(seen.near), _medians(seen.far)
    return {
        **near,
        "fps_80ms": far.pop("fps"),
        "page_kb": round(statistics.median(visit.kilobytes for visit in seen.visits), 1),
        "usable_s": round(statistics.median(visit.seconds for visit in seen.visits), 2),
        **{f"{name}_80ms": value for name, value in far.items()},
        "final_ms_worst": round(max(drag.final_ms for drag in seen.near), 1),
        "usable_s_first": round(seen.visits[0].seconds, 2),
        "moves_per_second": round(statistics.median(drag.moves for drag in seen.near), 1),
        "console_errors": seen.errors,
        "load_before": before,
        "load_during": load(),
        "model": options.model,
        "picture_px": seen.side,
        "drags": options.drags,
        "seconds": options.seconds,
    }


def _medians(drags: list[Drag]) -> dict[str, float]:
    names = ("fps", "age_ms", "final_ms")
    return {name: round(statistics.median(getattr(drag, name) for drag in drags), 1) for name in names}


async def _watch(url: str, drags: int, seconds: float) -> Seen:
    """Visits with one drag each; then, on one more page, the same number over the slow network."""
    visits, near, errors = [], [], list[str]()
    async with chromium() as browser:
        for _ in range(drags):
            page, visit = await _visit(browser, url, errors)
            visits.append(visit)
            near.append(await _drag(page, seconds))
            await page.context.close()
        page, _ = await _visit(browser, url, errors)
        conditions = {"offline": False, "latency": LATENCY, "downloadThroughput": -1, "uploadThroughput": -1}
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Network.enable")
        await cdp.send("Network.emulateNetworkConditions", conditions)
        far = [await _drag(page, seconds) for _ in range(drags)]
        side = await page.evaluate("document.querySelector('.se-stage').clientWidth")
    return Seen(visits, near, far, side, errors)


async def _visit(browser: Any, url: str, errors: list[str]) -> tuple[Any, Visit]:
    """Open the page with a cold cache and press a blob as soon as there is one, until it answers."""
    context = await browser.new_context(viewport=VIEWPORT)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: errors.append(str(error)[:200]))
    page.on("console", lambda said: errors.append(said.text[:200]) if said.type == "error" else None)
    await page.add_init_script(WATCH)
    traffic = Traffic()
    await traffic.listen(await context.new_cdp_session(page))
    await page.goto(url, wait_until="commit")
    until = time.monotonic() + PATIENCE / 1000
    while await page.evaluate("benchWatch.usable") is None:
        if time.monotonic() > until:
            raise BenchError("no blob of the page answers a pointer")
        spot = await page.evaluate(_SPOT)
        if spot:
            await page.mouse.click(*spot)
        await asyncio.sleep(0.02)
    kilobytes = traffic.kilobytes()
    await page.wait_for_function(READY)
    if await page.evaluate("document.querySelector('.se').dataset.kind") != "blobs":
        raise BenchError("blobs are dragged here, and this model has none: use --model blobgan-rooms")
    return page, Visit(kilobytes, await page.evaluate("benchWatch.usable") / 1000)


# Centre, in CSS pixels, of the first blob that is on the page and not covered; null before.
_SPOT = """() => {
  for (const shape of document.querySelectorAll('.se-shape')) {
    const box = shape.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    const top = box.width && document.elementFromPoint(x, y);
    if (top && top.closest('.se-stage')) return [x, y];
  }
  return null;
}"""


# The shown blob whose centre is nearest to the picture's.
_MIDDLE = """() => {
  const far = (item) => Math.hypot(item.x - 0.5, item.y - 0.5), free = (item) => !item.hidden && !item.locked;
  return spatialEdit.elements.filter(free).sort((p, q) => far(p) - far(q))[0];
}"""


async def _drag(page: Any, seconds: float) -> Drag:
    """Drag the blob nearest to the middle along a figure, and see what is shown meanwhile."""
    await page.wait_for_function(READY)
    box = await page.locator(".se-stage").bounding_box()
    side = box["width"]
    blob = await page.evaluate(_MIDDLE)
    start = (box["x"] + blob["x"] * side, box["y"] + blob["y"] * side)
    inwards = math.copysign(1, 0.5 - blob["x"])
    await page.mouse.move(*start)
    await page.evaluate("benchWatch.start()")
    await page.mouse.down()
    began, moves = time.monotonic(), []
    for step in range(1, int(seconds * POINTER_HZ) + 1):
        await asyncio.sleep(began + step / POINTER_HZ - time.monotonic())
        passed = time.monotonic() - began
        if passed > seconds:
            break
        # A pointer does not wait until the page has seen its last move.
        spot = _along(start, passed / seconds, side, inwards)
        moves.append(asyncio.create_task(page.mouse.move(*spot)))
    await asyncio.gather(*moves)
    await page.mouse.up()
    return await _result(page)


def _along(start: tuple[float, float], part: float, side: float, inwards: float) -> tuple[float, float]:
    """Twice along a lying eight around the start, and slowly inwards (1: right, -1: left): every moment is
    another place, and the release is not where it began."""
    turn = 4 * math.pi * part
    return (
        start[0] + (REACH * math.sin(turn) + DRIFT * inwards * part) * side,
        start[1] + 0.5 * REACH * math.sin(2 * turn) * side,
    )


async def _result(page: Any) -> Drag:
    from playwright.async_api import TimeoutError as TooLate

    try:
        await page.wait_for_function("benchWatch.final !== null", timeout=5000)
    except TooLate as error:
        raise BenchError("the state at the release was not shown within 5 s") from error
    seen = await page.evaluate("benchWatch")
    frames, length = seen["frames"], (seen["released"] - seen["pressed"]) / 1000
    if not frames:
        raise BenchError("no live picture was shown during a drag: the app asks for them on release alone")
    return Drag(
        fps=len({frame["picture"] for frame in frames}) / length,
        age_ms=statistics.median(frame["age"] for frame in frames),
        final_ms=seen["final"],
        moves=seen["moves"] / length,
    )


def table(figures: Figures) -> str:
    """The figures for a person: the six that have a target, with it, then the others."""
    lines = []
    for name, (sign, bound) in TARGETS.items():
        value = figures[name]
        assert isinstance(value, int | float)
        good = value >= bound if sign == ">=" else value <= bound
        lines.append(f"{name:<18} {value:>8}   {sign} {bound:<6} {'reached' if good else 'missed'}")
    lines += [f"{name:<18} {value!s:>8}" for name, value in figures.items() if name not in TARGETS]
    return "\n".join(lines)
