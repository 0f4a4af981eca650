"""The canvas's HTML, CSS and JavaScript: many small files of `stage/`, put together as `gr.HTML` wants them.

All scripts are one function body in the browser: they share one scope, in the order below. A part of the
page stands where `stage.html` names its file in a comment.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "stage"
SHARED = tuple(
    f"{part}.js" for part in ("state", "live", "draw", "view", "snap", "select", "list", "menu", "share")
)
BLOBS = tuple(
    f"blobs/{part}.js" for part in ("shape", "dials", "seeds", "panel", "scene", "add", "table", "showing")
)
DRAG = tuple(f"drag/{part}.js" for part in ("points", "run", "panel"))  # before SKETCH: its keys go first
SKETCH = tuple(f"sketch/{part}.js" for part in ("region", "draw", "mask", "protect"))
SEEING = tuple(f"seeing/{part}.js" for part in ("kept", "strip", "view", "compare", "panels", "dropped"))
BOXES = tuple(
    f"boxes/{part}.js"
    for part in ("geometry", "rules", "draw", "state", "input", "several", "plan", "panel", "changes")
)
KINDS = tuple(
    f"kinds/{part}.js" for part in ("common", "heatmaps", "boxes", "segments", "blocks", "points", "bare")
)
HEATMAPS = tuple(f"heatmaps/{part}.js" for part in ("maps", "panel"))
SCRIPTS = (
    *SHARED,
    *BLOBS,
    *DRAG,
    *SKETCH,
    *SEEING,
    *BOXES,
    *KINDS,
    *HEATMAPS,
    "input.js",
)  # the last one starts the canvas
STYLES = (
    "stage.css",
    "select.css",
    "list.css",
    "boxes/boxes.css",
    "blobs/blobs.css",
    "sketch/sketch.css",
    "drag/drag.css",
    "seeing/seeing.css",
    "kinds/kinds.css",
    "heatmaps/heatmaps.css",
)
_PART = re.compile(r"<!-- ([a-z/]+\.html) -->")


@cache
def script() -> str:
    """The body of `js_on_load`."""
    return "\n".join(lean(_read(name)) for name in SCRIPTS)


def lean(source: str) -> str:
    """JavaScript without indentation, empty lines and lines that are comments alone; every page carries it.

    It may not have text over several lines (between backticks): its indentation would go too.
    """
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


@cache
def style() -> str:
    """The canvas's CSS."""
    return "\n".join(_read(name) for name in STYLES)


@cache
def page() -> str:
    """`stage.html` with its parts; a part that is not there stays a comment."""
    return _PART.sub(
        lambda found: _read(found[1]) if (FOLDER / found[1]).exists() else found[0], _read("stage.html")
    )


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
