"""Recorded files of other projects, and files that a test writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "tests" / "data" / "parity"
SHARED = ROOT.parent / "shared" / "parity"


@pytest.fixture
def recorded() -> Callable[[str], Path]:
    """`recorded("stylegan2/evil_build.pkl")` -> its path; skips the test when it is nowhere.

    Pickles are bundled under the ending .fixture, so that no program takes them for something to open.
    """

    def find(name: str) -> Path:
        for path in (BUNDLED / name, BUNDLED / f"{name}.fixture", SHARED / name):
            if path.exists():
                return path
        pytest.skip(f"{name} is not bundled: put the project's shared/parity folder at {SHARED}")

    return find


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """`made(bytes)` -> a file with them."""

    def write(data: bytes, name: str = "model.pkl") -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write
