"""The quickstart notebook: executed from its first cell to its last, in a kernel of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"
SECONDS = 40.0  # on two cores
BUSY = 4.0  # a test machine does other things at the same time

nbformat = pytest.importorskip("nbformat", reason="nbformat is absent: pip install -r tests/requirements.txt")

IS_THERE = """
import urllib.request

with urllib.request.urlopen(demo.local_url) as page:
    print(page.status, b"gradio" in page.read())
demo.close()
"""


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_what_is_committed_is_small_and_without_outputs() -> None:
    notebook = read()
    nbformat.validate(notebook)
    assert NOTEBOOK.stat().st_size < 20_000
    for cell in notebook.cells:
        assert cell.cell_type == "markdown" or (cell.outputs == [] and cell.execution_count is None)


@pytest.mark.slow
@pytest.mark.skipif(
    not (ROOT / "checkpoints" / "blobgan-rooms" / "config.json").exists(),
    reason="no checkpoints/blobgan-rooms: check out the project",
)
def test_it_runs_from_seed_to_app(monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip(
        "nbclient", reason="nbclient is absent: pip install -r tests/requirements.txt"
    )
    pytest.importorskip("ipykernel", reason="ipykernel is absent: pip install -r tests/requirements.txt")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    notebook = read()
    notebook.cells.append(nbformat.v4.new_code_cell(IS_THERE))
    folder = {"metadata": {"path": str(NOTEBOOK.parent)}}
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=folder)
    began = time.monotonic()
    client.execute()
    assert time.monotonic() - began < SECONDS * BUSY
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pictures = [output for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 4
    shown = "".join(output.get("data", {}).get("text/html", "") for output in cells[-2].outputs)
    assert '<iframe src="http://127.0.0.1:' in shown
    assert cells[-1].outputs[0].text.startswith("200 True")
