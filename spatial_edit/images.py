"""Pictures in and out: the one place where bytes from outside become tensors, and tensors become PNG.

A file is hostile until checked: its size first, then the format by an allow-list (formats that start other
programs, such as EPS, are not on it), then the number of pixels from the header, and only then is it decoded.
Inside the project a picture is a float32 tensor (3, H, W) in [-1, 1]; `uint8` exists here alone and at the
app's border.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MAX_BYTES = 20_000_000
MAX_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
MID_GREY = 128  # under transparent pixels and around a letterboxed photo

Fit = Literal["crop", "letterbox"]

# What Pillow's decoders raise on damaged files; OSError includes "cannot identify" and "truncated".
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    NotImplementedError,
    AttributeError,
    struct.error,
    zlib.error,
)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112


class PhotoError(ValueError):
    """A file that cannot be used as a photo; the message is one sentence for the person who sent it."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo ready for use: `image` is RGB, upright, opaque; `sha256` the file's; `notes` are sentences."""

    image: Image.Image
    sha256: str
    notes: tuple[str, ...] = ()


def open_photo(
    source: bytes | str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS
) -> Photo:
    """Read a photo from bytes or from a path.

    Converted, with a note: animations (first frame), CMYK, 16-bit and other modes, transparency (over
    mid-grey), EXIF orientation. Raises PhotoError for anything else: no such file, empty, larger than
    `max_bytes`, not an image of a known format, more than `max_pixels` pixels (from the header, before
    decoding), truncated or damaged.
    """
    data = _read(source, max_bytes)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise PhotoError(_too_many_pixels(None, max_pixels)) from error
    except _DECODER_ERRORS as error:
        raise PhotoError(f"this file is not an image: send one of {', '.join(FORMATS)}") from error
    if image.width * image.height > max_pixels:
        raise PhotoError(_too_many_pixels(image.size, max_pixels))
    if image.width < 1 or image.height < 1:
        raise PhotoError("this image has no pixels: send another file")
    notes: list[str] = []
    try:
        upright = _orient(_to_rgb(_first_frame(image, notes), notes), _orientation(image), notes)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(_too_many_pixels(image.size, max_pixels)) from error
    except _DECODER_ERRORS as error:
        raise PhotoError(f"this {image.format} file is damaged or cut short: send another one") from error
    return Photo(upright, hashlib.sha256(data).hexdigest(), tuple(notes))


def to_square(photo: Photo | Image.Image, side: int, fit: Fit = "crop") -> Tensor:
    """The photo as a square: (3, side, side) float32 in [-1, 1].

    `crop` keeps the largest centred square; `letterbox` keeps everything and pads with mid-grey. Area
    averaging when shrinking (PIL's box filter), bicubic when enlarging. Raises ValueError for another `fit`
    or a side below 1.
    """
    if side < 1:
        raise ValueError(f"side is {side}: use 1 or more pixels")
    image = photo.image if isinstance(photo, Photo) else photo.convert("RGB")
    if fit == "crop":
        edge = min(image.size)
        left, top = (image.width - edge) / 2, (image.height - edge) / 2
        square = _resize(image, (side, side), (left, top, left + edge, top + edge))
    elif fit == "letterbox":
        left, top, width, height = letterbox(image.size, side)
        square = Image.new("RGB", (side, side), (MID_GREY,) * 3)
        square.paste(_resize(image, (width, height), (0, 0, *image.size)), (left, top))
    else:
        raise ValueError(f"fit is {fit!r}: use 'crop' or 'letterbox'")
    return from_pil(square)


def letterbox(size: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    """Where a photo of (width, height) lies in a letterboxed square: left, top, width, height in pixels."""
    scale = side / max(size)
    width, height = (max(1, round(length * scale)) for length in size)
    return (side - width) // 2, (side - height) // 2, width, height


def from_pil(image: Image.Image) -> Tensor:
    """(3, H, W) float32 in [-1, 1] of any PIL image."""
    pixels = torch.from_numpy(np.array(image.convert("RGB")))  # (H, W, 3) uint8
    return pixels.permute(2, 0, 1).float().div_(127.5).sub_(1).contiguous()


def to_pil(image: Tensor) -> Image.Image:
    """An RGB picture of (3, H, W) in [-1, 1], clipped. ValueError for other shapes, NaN or infinity."""
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"an image is (3, H, W), this one is {tuple(image.shape)}")
    values = image.detach().float().cpu()
    if not torch.isfinite(values).all():
        raise ValueError("the image holds NaN or infinity: the model or its input is damaged")
    pixels = values.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def to_png_bytes(image: Tensor | Image.Image) -> bytes:
    """A PNG file of (3, H, W) in [-1, 1] or of a PIL image. The same picture always gives the same bytes."""
    buffer = io.BytesIO()
    (to_pil(image) if isinstance(image, Tensor) else image).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def save_png(image: Tensor | Image.Image, path: str | os.PathLike[str]) -> None:
    """Write a PNG whole or not at all: beside the target first, then renamed. OSError when that fails."""
    target = Path(path)
    data = to_png_bytes(image)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)  # mkstemp makes it readable for its owner alone
        os.replace(name, target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def enlarge(image: Image.Image, side: int) -> Image.Image:
    """The picture for display with its longer side `side` pixels long: bicubic up, area averaging down."""
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return _resize(image, size, (0, 0, *image.size))


def _read(source: bytes | str | os.PathLike[str], max_bytes: int) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
    else:
        try:
            with open(source, "rb") as file:
                data = file.read(max_bytes + 1)  # never more, whatever the file's size says
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            reason = getattr(error, "strerror", None) or "this is not a file name"
            raise PhotoError(f"cannot read {os.path.basename(os.fspath(source))!r}: {reason}") from error
    if not data:
        raise PhotoError("this file is empty (0 bytes): send another one")
    if len(data) > max_bytes:
        raise PhotoError(f"this file is larger than {max_bytes / 1e6:g} MB: send a smaller one")
    return data


def _too_many_pixels(size: tuple[int, int] | None, max_pixels: int) -> str:
    got = f"{size[0]} x {size[1]} pixels" if size else "far too many pixels"
    return f"this image has {got}: send one of at most {max_pixels / 1e6:g} megapixels"


def _first_frame(image: Image.Image, notes: list[str]) -> Image.Image:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # an MPO's further frames are previews of the same photo
        notes.append(f"{image.format} with {frames} frames: the first one is used")
        image.seek(0)
    image.load()
    return image


def _to_rgb(image: Image.Image, notes: list[str]) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        notes.append("16-bit or deeper grey values: converted to 8 bits")
        image = _to_8_bit(image)
    if image.mode == "CMYK":
        notes.append("CMYK colours: converted to RGB")
    if image.has_transparency_data:
        notes.append("transparent parts: laid over mid-grey")
        rgba = image.convert("RGBA")
        image = Image.new("RGBA", rgba.size, (MID_GREY, MID_GREY, MID_GREY, 255))
        image.alpha_composite(rgba)
    rgb = image.convert("RGB")
    rgb.info = {}  # profiles and comments of the sender do not travel on
    return rgb


def _to_8_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise PhotoError("this image holds NaN or infinite pixels: save it again with 8 or 16 bits")
    low, high = 0.0, 1.0 if image.mode == "F" and values.max() <= 1 else 65535.0
    if image.mode == "F" and 1 < values.max() <= 255:
        high = 255.0
    if values.min() < low or values.max() > high:  # no usual range: stretch what is there
        low, high = values.min(), values.max()
    return Image.fromarray(np.rint((values - low) / (high - low) * 255).astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except _DECODER_ERRORS:  # a photo with a damaged EXIF block is still a photo, shown as it is stored
        return 1


def _orient(image: Image.Image, orientation: int, notes: list[str]) -> Image.Image:
    if orientation not in _UPRIGHT:
        return image
    notes.append("turned upright, as its EXIF orientation says")
    return image.transpose(_UPRIGHT[orientation])


def _resize(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    shrinks = box[2] - box[0] >= size[0] and box[3] - box[1] >= size[1]
    return image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC, box=box)
