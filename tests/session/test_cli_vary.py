"""The command line: variations of a bundled room."""

from __future__ import annotations

from pathlib import Path

import pytest

from spatial_edit import cli


def test_vary_prints_another_rooms_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Smoke, errors: a restyled room has another code and a picture; blobs are refused with a sentence."""
    assert cli.main(["generate", "--model", "box3d-rooms", "--seed", "2"]) == 0
    code = capsys.readouterr().out.split()[-1]
    out = tmp_path / "room.png"
    assert cli.main(["vary", code, "restyle", "--seed", "5", "--out", str(out)]) == 0
    varied = capsys.readouterr().out
    assert out.exists() and code not in varied
    assert cli.main(["generate", "--model", "blobgan-rooms", "--seed", "2"]) == 0
    blobs = capsys.readouterr().out.split()[-1]
    assert cli.main(["vary", blobs, "fill", "--keep", "1"]) == 2
    assert "boxes in a room" in capsys.readouterr().err
