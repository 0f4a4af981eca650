"""A folder or a zip of photos: cut to a square, read in any order, hostile files refused by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spatial_edit.data import photos as module
from spatial_edit.data.photos import Photos, shorter_side
from spatial_edit.images import PhotoError


def picture(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {
    "b/2.png": picture(40, 30, (10, 20, 30)),
    "a.PNG": picture(16, 64, (200, 0, 0)),
    "b/c/3.png": picture(8, 8, (0, 90, 0)),
    "notes.txt": b"not a photo",
    ".hidden.png": picture(8, 8, (1, 1, 1)),
    "__MACOSX/a.png": b"rubbish",
}


def in_folder(folder: Path) -> Path:
    for name, data in FILES.items():
        if not name.startswith("__"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return folder


def in_zip(path: Path, files: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (FILES if files is None else files).items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_numbers_of_a_set(kind, tmp_path):
    source = in_folder(tmp_path) if kind == "folder" else in_zip(tmp_path / "set.zip")
    found = Photos(source, 16)
    assert found.names == ["a.PNG", "b/2.png", "b/c/3.png"] and len(found) == 3
    everything = found.tensor()
    assert everything.shape == (3, 3, 16, 16) and everything.dtype == torch.uint8
    assert everything[0, :, 8, 8].tolist() == [200, 0, 0]
    assert everything[2].flatten(1).float().mean(1).tolist() == [0, 90, 0]
    assert torch.equal(found.batch(torch.tensor([2, 0, 0, 1])), everything[[2, 0, 0, 1]])


def test_numbers_shorter_side_and_centre():
    ramp = np.zeros((20, 60, 3), np.uint8)
    ramp[..., 0] = np.arange(60)[None] * 4
    square = np.array(shorter_side(Image.fromarray(ramp), 20))
    assert np.array_equal(square, ramp[:, 20:40])  # nothing to resize: the middle third
    half = np.array(shorter_side(Image.fromarray(ramp), 10)).astype(float)
    assert half.shape == (10, 10, 3)
    assert np.abs(half[5, 2:-2, 0] - (ramp[0, 20:40, 0].reshape(10, 2).mean(1))[2:-2]).max() <= 2
    assert shorter_side(Image.new("RGB", (3, 7)), 16).size == (16, 16)


def test_errors_of_the_source(tmp_path):
    with pytest.raises(ValueError, match="there is no folder or zip"):
        Photos(tmp_path / "nowhere", 16)
    with pytest.raises(ValueError, match="holds no photo"):
        Photos(tmp_path, 16)
    with pytest.raises(ValueError, match="side is 0"):
        Photos(tmp_path, 0)
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(ValueError, match="neither a folder nor a whole zip"):
        Photos(tmp_path / "x.zip", 16)


@pytest.mark.parametrize(
    "name", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png", "C:/out.png"]
)
def test_errors_names_that_lead_out_of_the_zip(name, tmp_path):
    path = in_zip(tmp_path / "set.zip", {name: FILES["b/2.png"]})
    with pytest.raises(ValueError, match="pack it again with plain names"):
        Photos(path, 16)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set.zip"]


def test_errors_bombs(tmp_path, monkeypatch):
    bomb = in_zip(tmp_path / "bomb.zip", {"a.png": b"\0" * 21_000_000})
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ValueError, match="larger than 20 MB"):
        Photos(bomb, 16)
    liar = bytearray(bomb.read_bytes())  # says that it is small
    size = (21_000_000).to_bytes(4, "little")
    while (at := liar.find(size)) >= 0:
        liar[at : at + 4] = (1000).to_bytes(4, "little")
    bomb.write_bytes(liar)
    with pytest.raises(PhotoError, match=r"^a.png"):
        Photos(bomb, 16)[0]
    monkeypatch.setattr(module, "MAX_ZIP_MEMBERS", 2)
    with pytest.raises(ValueError, match="at most 2 are read"):
        Photos(in_zip(tmp_path / "many.zip"), 16)
    monkeypatch.setattr(module, "MAX_FILES", 2)
    with pytest.raises(ValueError, match="more than 2 photos"):
        Photos(in_folder(tmp_path / "many"), 16)


def test_errors_name_the_damaged_file(tmp_path):
    good = FILES["b/2.png"]
    for bad in (b"", b"text", good[: len(good) // 2]):
        (tmp_path / "bad.png").write_bytes(bad)
        with pytest.raises(PhotoError, match=r"^bad.png: "):
            Photos(tmp_path, 16)[0]
    path = in_zip(tmp_path / "set.zip", {"bad.png": good, "good.png": good})
    data = bytearray(path.read_bytes())
    data[30 + len("bad.png") + 10] ^= 255  # within the first member: its checksum no longer fits
    path.write_bytes(data)
    found = Photos(path, 16)
    with pytest.raises(PhotoError, match=r"^bad.png"):
        found.batch([1, 0])
    assert found[1].shape == (3, 16, 16)


def test_linked_folders_are_left_out(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.png").write_bytes(FILES["b/2.png"])
    inside = in_folder(tmp_path / "set")
    (inside / "link").symlink_to(tmp_path / "outside")
    assert len(Photos(inside, 16)) == 3
