"""`bench ui` for real: one short drag in a browser, on the bundled model."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spatial_edit.bench import BenchError, browser
from spatial_edit.bench.ui import TARGETS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.browser
@pytest.mark.slow
def test_a_short_run_gives_every_figure() -> None:
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    if not (ROOT / "checkpoints" / "blobgan-rooms" / "config.json").exists():
        pytest.skip("no checkpoints/blobgan-rooms: check out the project")
    try:
        browser.check()
        if browser.program() is None:
            raise BenchError("no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    except BenchError as missing:
        required = os.environ.get("SPATIAL_EDIT_REQUIRE_BROWSER") == "1"
        pytest.fail(str(missing)) if required else pytest.skip(str(missing))
    ran = subprocess.run(
        [sys.executable, "-m", "spatial_edit", "bench", "ui", "--drags", "1", "--seconds", "1", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert ran.returncode == 0, ran.stderr
    assert "load average before the run" in ran.stderr
    figures = json.loads(ran.stdout)
    print({name: figures[name] for name in TARGETS})
    assert all(math.isfinite(figures[name]) and figures[name] > 0 for name in TARGETS)
    assert figures["fps"] > 1 and figures["fps_80ms"] > 1  # a machine that is far too busy shows as much
    assert figures["console_errors"] == []
    assert figures["picture_px"] >= 512 and figures["final_ms_worst"] >= figures["final_ms"]
    assert figures["page_kb"] <= TARGETS["page_kb"][1]  # the one figure that a busy machine does not change
