"""The contact sheet: what stands where, and a file that is whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spatial_edit.data.rooms import contact_sheet, draw_sheet, render, sample_rooms


def test_numbers_the_sheet_shows_the_rooms() -> None:
    sheet = np.asarray(contact_sheet(10, 5, 16))
    assert sheet.shape == (2 * 3 * 16, 8 * 16, 3)
    drawn = render(sample_rooms(10, 5), 16)
    assert np.array_equal(sheet[:16, 16:32], drawn.rgb[1].permute(1, 2, 0).numpy())
    assert np.array_equal(sheet[48:64, 16:32], drawn.rgb[9].permute(1, 2, 0).numpy())
    assert not sheet[48:, 32:].any()  # two rooms in the second row
    false_colours = sheet[16:32, 16:32].reshape(-1, 3)
    assert len(np.unique(false_colours, axis=0)) == len(drawn.instance[1].unique())
    depth = drawn.depth[1].numpy()
    near, far = np.unravel_index(depth.argmin(), depth.shape), np.unravel_index(depth.argmax(), depth.shape)
    assert sheet[32:48, 16:32][near][0] > sheet[32:48, 16:32][far][0]


def test_few_rooms_make_a_narrow_sheet() -> None:
    assert contact_sheet(3, 0, 16).size == (3 * 16, 3 * 16)


def test_draw_sheet_writes_a_png(tmp_path: Path) -> None:
    path = draw_sheet(2, 0, tmp_path / "sheet.png", 16)
    with Image.open(path) as image:
        assert image.format == "PNG" and image.size == (32, 48)
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]


def test_errors_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sheet.png").write_bytes(b"the old one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        draw_sheet(1, 0, tmp_path / "sheet.png", 16)
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]
    assert (tmp_path / "sheet.png").read_bytes() == b"the old one"


@pytest.mark.parametrize(
    ("count", "out", "resolution", "sentence"),
    [
        (0, "a.png", 16, "sheet of 0 rooms"),
        (9999, "a.png", 16, "ask for 1 to"),
        (1, "a.png", 4, "resolution is 4"),
        (1, "a.jpg", 16, "ends in .png"),
        (1, "nowhere/a.png", 16, "no folder"),
    ],
)
def test_errors(tmp_path: Path, count: int, out: str, resolution: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        draw_sheet(count, 0, tmp_path / out, resolution)
    assert list(tmp_path.iterdir()) == []
