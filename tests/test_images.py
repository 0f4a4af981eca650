"""Photos in, pictures out: what is converted, what is refused, and the numbers on the way."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from spatial_edit.images import (
    PhotoError,
    enlarge,
    from_pil,
    letterbox,
    open_photo,
    save_png,
    to_pil,
    to_png_bytes,
    to_square,
)

GREY = torch.tensor(128.0).div(127.5).sub(1)  # mid-grey in [-1, 1]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corner_marked() -> Image.Image:
    """8 x 4 pixels, blue, with a red top left corner."""
    image = Image.new("RGB", (8, 4), (0, 0, 255))
    image.putpixel((0, 0), (255, 0, 0))
    return image


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def test_plain_photo_keeps_pixels_and_hash(tmp_path: Path) -> None:
    data = encoded(corner_marked())
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for source in (data, path, str(path), bytearray(data)):
        photo = open_photo(source)
        assert photo.sha256 == hashlib.sha256(data).hexdigest()
        assert photo.notes == ()
        assert np.array_equal(np.array(photo.image), np.array(corner_marked()))


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_animation_gives_its_first_frame_and_says_so(kind: str) -> None:
    frames = [Image.new("RGB", (6, 6), colour) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    options = {"lossless": True} if kind == "WEBP" else {}
    photo = open_photo(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert photo.image.getpixel((3, 3)) == (250, 0, 0)
    assert any("3 frames" in note and "first" in note for note in photo.notes)


def test_cmyk_is_converted() -> None:
    photo = open_photo(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    red, green, blue = photo.image.getpixel((4, 4))
    assert red > 240 and green < 20 and blue < 20
    assert any("CMYK" in note for note in photo.notes)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32896], [65535, 65278, 514]], dtype=np.uint16)  # 257 * k is k of 255
    for kind in ("PNG", "TIFF"):
        photo = open_photo(encoded(Image.fromarray(values), kind))
        assert np.array(photo.image)[..., 0].tolist() == [[0, 1, 128], [255, 254, 2]]
        assert photo.notes


def test_float_and_32_bit_tiff() -> None:
    unit = Image.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32))
    assert np.array(open_photo(encoded(unit, "TIFF")).image)[0, :, 0].tolist() == [0, 128, 255]
    wide = Image.fromarray(np.array([[-100000, 0, 100000]], dtype=np.int32))
    assert np.array(open_photo(encoded(wide, "TIFF")).image)[0, :, 0].tolist() == [0, 128, 255]
    with pytest.raises(PhotoError, match="NaN"):
        open_photo(encoded(Image.fromarray(np.array([[0, np.nan]], dtype=np.float32)), "TIFF"))


def test_transparency_lies_over_mid_grey() -> None:
    rgba = Image.new("RGBA", (3, 1), (255, 0, 0, 255))
    rgba.putpixel((1, 0), (255, 0, 0, 0))
    rgba.putpixel((2, 0), (255, 255, 255, 128))
    photo = open_photo(encoded(rgba))
    assert photo.image.getpixel((0, 0)) == (255, 0, 0)
    assert photo.image.getpixel((1, 0)) == (128, 128, 128)
    assert photo.image.getpixel((2, 0))[0] in (191, 192)
    assert any("grey" in note for note in photo.notes)

    grey = Image.new("LA", (1, 1), (200, 0))
    assert open_photo(encoded(grey)).image.getpixel((0, 0)) == (128, 128, 128)
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    photo = open_photo(encoded(palette, transparency=0))
    assert [photo.image.getpixel((x, 0)) for x in (0, 1)] == [(128, 128, 128), (40, 50, 60)]


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_other_modes_become_rgb(mode: str) -> None:
    image = Image.new("RGB", (5, 5), (255, 255, 255)).convert(mode)
    photo = open_photo(encoded(image))
    assert photo.image.mode == "RGB" and min(photo.image.getpixel((2, 2))) >= 254


# EXIF orientation -> where the stored top left corner is shown, as (right, bottom).
CORNERS = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = open_photo(encoded(corner_marked(), exif=exif))
    width, height = photo.image.size
    assert (width, height) == ((8, 4) if orientation <= 4 else (4, 8))
    right, bottom = CORNERS[orientation]
    assert photo.image.getpixel((right * (width - 1), bottom * (height - 1))) == (255, 0, 0)
    assert bool(photo.notes) == (orientation != 1)


def test_damaged_exif_is_ignored() -> None:
    exif = b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff" + b"\xff" * 20
    assert open_photo(encoded(corner_marked(), "JPEG", exif=exif)).image.size == (8, 4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello, this is not a picture", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (png_header(10_000, 4_001), "40 megapixels"),
        (png_header(60_000, 60_000), "40 megapixels"),
        (png_header(64, 64), "damaged"),
    ],
)
def test_refused_with_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(PhotoError, match=words) as caught:
        open_photo(data)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_large_files_and_missing_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="larger than 20 MB"):
        open_photo(b"\0" * 20_000_001)
    big = tmp_path / "big.png"
    with open(big, "wb") as file:
        file.truncate(10**10)  # sparse: reading it whole would be felt
    with pytest.raises(PhotoError, match="larger than 20 MB"):
        open_photo(big)
    for source in (tmp_path / "absent.png", tmp_path, "zero\0byte"):
        with pytest.raises(PhotoError, match="cannot read"):
            open_photo(source)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files_are_refused(kind: str) -> None:
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    for part in (0.2, 0.5, 0.9):
        with pytest.raises(PhotoError):
            open_photo(data[: int(len(data) * part)])


@given(st.data())
def test_flipped_bytes_never_leave_by_another_door(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]))
    image = corner_marked().convert("P") if kind == "GIF" else corner_marked()
    damaged = bytearray(encoded(image, kind))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = open_photo(bytes(damaged))
    except PhotoError:
        return
    assert photo.image.mode == "RGB"


def test_crop_and_letterbox() -> None:
    wide = Image.new("RGB", (40, 20), (0, 0, 0))
    wide.paste((255, 255, 255), (10, 0, 30, 20))
    cropped = to_square(wide, 10)
    assert cropped.shape == (3, 10, 10) and cropped.dtype == torch.float32
    assert torch.equal(cropped, torch.ones(3, 10, 10))  # the middle square is white
    boxed = to_square(wide, 20, "letterbox")
    assert (boxed[:, :5] == GREY).all() and (boxed[:, 15:] == GREY).all()
    assert torch.equal(boxed[:, 5:15, 5:15], torch.ones(3, 10, 10))
    assert torch.equal(boxed[:, 5:15, :5], -torch.ones(3, 10, 5))


def test_shrinking_averages_areas() -> None:
    pixels = np.random.RandomState(1).randint(0, 256, (12, 12, 3), dtype=np.uint8)
    small = to_square(Image.fromarray(pixels), 3)
    means = torch.from_numpy(pixels).float().unfold(0, 4, 4).unfold(1, 4, 4).mean((-1, -2)).permute(2, 0, 1)
    assert (small.add(1).mul(127.5) - means).abs().max() <= 1.01  # two passes, each rounded to 8 bits


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 256))
def test_letterbox_stays_inside(width: int, height: int, side: int) -> None:
    left, top, w, h = letterbox((width, height), side)
    assert left >= 0 and top >= 0 and w >= 1 and h >= 1 and left + w <= side and top + h <= side
    assert max(w, h) == side


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (3, 7)])
def test_extreme_shapes(size: tuple[int, int]) -> None:
    for fit in ("crop", "letterbox"):
        assert (to_square(Image.new("RGB", size, (128,) * 3), 16, fit) == GREY).all()


def test_square_errors() -> None:
    with pytest.raises(ValueError, match="'crop' or 'letterbox'"):
        to_square(corner_marked(), 8, "stretch")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="side is 0"):
        to_square(corner_marked(), 0)


def test_uint8_round_trip_is_exact() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(np.array(to_pil(from_pil(Image.fromarray(pixels)))), pixels)


def test_to_pil_clips_and_refuses() -> None:
    values = torch.tensor([-7.0, -1.0, 0.0, 1.0, 9.0]).expand(3, 1, 5)
    assert [to_pil(values).getpixel((x, 0))[0] for x in range(5)] == [0, 0, 128, 255, 255]
    with pytest.raises(ValueError, match="NaN"):
        to_pil(torch.full((3, 2, 2), float("nan")))
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        to_pil(torch.zeros(1, 3, 2, 2))


def test_png_is_deterministic_and_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.linspace(-1, 1, 3 * 6 * 5).reshape(3, 6, 5)
    assert to_png_bytes(image) == to_png_bytes(image.clone())
    target = tmp_path / "out.png"
    save_png(image, target)
    assert np.array_equal(np.array(Image.open(target)), np.array(to_pil(image)))

    before = target.read_bytes()

    def full(source: object, destination: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        save_png(-image, target)
    assert target.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_enlarge() -> None:
    assert enlarge(corner_marked(), 512).size == (512, 256)
    assert enlarge(Image.new("RGB", (1000, 10)), 100).size == (100, 1)
