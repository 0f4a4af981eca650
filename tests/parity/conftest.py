"""Reads recorded vectors from tests/data/parity, or from ../shared/parity beside the checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "tests" / "data" / "parity", ROOT.parent / "shared" / "parity")


@pytest.fixture
def vector_file() -> Callable[[str], Path]:
    """`vector_file("blobgan/ops.safetensors")` -> its path; skips the test when it is nowhere."""

    def find(name: str) -> Path:
        for folder in FOLDERS:
            if (folder / name).exists():
                return folder / name
        pytest.skip(f"{name} is not bundled: put the project's shared/parity folder at {FOLDERS[1]}")

    return find


@pytest.fixture
def vectors(vector_file: Callable[[str], Path]) -> Callable[[str], dict[str, Tensor]]:
    """`vectors("blobgan/ops")` -> {name: tensor}."""
    return lambda name: load_file(vector_file(f"{name}.safetensors"))


@pytest.fixture
def close() -> Callable[..., None]:
    """`close(got, want, atol)`: same shape, and no entry further away than atol."""

    def check(got: Tensor, want: Tensor, atol: float) -> None:
        assert got.shape == want.shape, f"shape {tuple(got.shape)}, recorded {tuple(want.shape)}"
        worst = (got.detach() - want).abs().max().item()
        assert worst <= atol, f"differs by {worst:.2e}, allowed {atol:.0e}"

    return check
