"""A folder or a zip of photos as training data: shorter side to R with Lanczos, centre crop (Epstein et al.
2022, appendix E).

Pictures are read when they are asked for, so that a set may be larger than memory. A zip is never unpacked
onto the disk: a member is read into memory, at most `images.MAX_BYTES` of it whatever its header says. Each
file passes `images.open_photo` (format, pixels and damage are checked before anything is decoded)."""

from __future__ import annotations

import os
import threading
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spatial_edit.images import MAX_BYTES, PhotoError, open_photo

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".avif"))
MAX_FILES = 5_000_000  # LSUN's bedrooms are 3 million
MAX_ZIP_MEMBERS = 1_000_000


class Photos:
    """The photos below a folder (all levels) or in a zip, in the order of their names; files of other kinds
    are left out."""

    def __init__(self, source: str | os.PathLike[str], side: int, workers: int = 4) -> None:
        """side: pictures are (3, side, side). ValueError when there is no such folder or zip, when the zip is
        damaged or has unsafe names, or when no photo is in it."""
        if not 1 <= side <= 4096:
            raise ValueError(f"side is {side}: use 1 to 4096 pixels")
        self.source, self.side, self.workers = Path(source), side, workers
        self._lock = threading.Lock()
        self._archive: zipfile.ZipFile | None = None
        if self.source.is_dir():
            self.names = _folder_names(self.source)
        elif self.source.is_file():
            self._archive = _open_zip(self.source)
            self.names = _member_names(self._archive, self.source)
        else:
            raise ValueError(f"there is no folder or zip {os.fspath(source)!r}")
        if not self.names:
            raise ValueError(f"{self.source} holds no photo ({', '.join(sorted(SUFFIXES))})")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        """(3, side, side) uint8. PhotoError with the file's name when it cannot be used."""
        name = self.names[index]
        try:
            image = open_photo(self._bytes(name)).image
        except PhotoError as error:
            raise PhotoError(f"{name}: {error}") from error
        pixels = np.array(shorter_side(image, self.side))  # (side, side, 3)
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()

    def batch(self, indices: Sequence[int] | Tensor) -> Tensor:
        """(B, 3, side, side) uint8, decoded by several threads; the order is that of the indices."""
        with ThreadPoolExecutor(self.workers) as pool:
            return torch.stack(list(pool.map(self.__getitem__, [int(i) for i in indices])))

    def tensor(self) -> Tensor:
        """The whole set, (N, 3, side, side) uint8: for sets that fit into memory."""
        return self.batch(range(len(self)))

    def _bytes(self, name: str) -> bytes:
        if self._archive is None:
            return _limited(self.source / name, name)
        try:
            with self._lock, self._archive.open(name) as member:
                return member.read(MAX_BYTES + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise PhotoError(f"{name} in {self.source.name} cannot be unpacked ({error})") from error


def shorter_side(image: Image.Image, side: int) -> Image.Image:
    """The centred square of an RGB picture after its shorter side became `side` (Lanczos)."""
    scale = side / min(image.size)
    width, height = (max(side, round(length * scale)) for length in image.size)
    resized = image.resize((width, height), Image.Resampling.LANCZOS)
    left, top = (width - side) // 2, (height - side) // 2
    return resized.crop((left, top, left + side, top + side))


def _limited(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PhotoError(f"{name} cannot be read: {error.strerror or error}") from error


def _folder_names(folder: Path) -> list[str]:
    """Paths of photos relative to the folder; hidden files and linked folders are left out."""
    names: list[str] = []
    for root, folders, files in os.walk(folder):  # does not follow linked folders
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                names.append(os.path.relpath(os.path.join(root, name), folder))
        if len(names) > MAX_FILES:
            raise ValueError(f"{folder} holds more than {MAX_FILES:,} photos: use a smaller set")
    return sorted(names)


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{path} is neither a folder nor a whole zip file ({error})") from error


def _member_names(archive: zipfile.ZipFile, path: Path) -> list[str]:
    members = archive.infolist()
    if len(members) > MAX_ZIP_MEMBERS:
        raise ValueError(f"{path.name} has {len(members):,} members: at most {MAX_ZIP_MEMBERS:,} are read")
    names = []
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or (parts.parts and ":" in parts.parts[0]):
            raise ValueError(
                f"{path.name} has a member named {member.filename!r}: pack it again with plain names"
            )
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts.parts)
        if member.is_dir() or hidden or parts.suffix.lower() not in SUFFIXES:
            continue
        if member.flag_bits & 1:
            raise ValueError(f"{path.name} is encrypted: pack it again without a password")
        if member.file_size > MAX_BYTES:
            raise ValueError(f"{member.filename} in {path.name} is larger than {MAX_BYTES / 1e6:g} MB")
        names.append(member.filename)
    if len(set(names)) < len(names):
        raise ValueError(f"{path.name} has two members of the same name: pack it again")
    return sorted(names)
