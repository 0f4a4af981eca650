"""Codes of rooms with boxes: round trips, canonical form, length, and CodeError alone for anything else."""

from __future__ import annotations

import base64
import random
import zlib
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit import share
from spatial_edit.layouts import Boxes3D, Latent, Layout, Scene
from spatial_edit.share import CodeError, boxes3d
from tests.layouts.sample_room import any_boxes3d, sample_room

ENTRY = "abcdefghijklmnopqrstuv"


def scene_of(layout: Layout, seed: int = 7, truncation: float = 0.0) -> Scene:
    return Scene("m", "0123456789abcdef", layout, Latent(seed, truncation, torch.zeros(1, 2), torch.zeros(2)))


def repeated(count: int) -> Boxes3D:
    room = sample_room()
    many = room.select([i % len(room) for i in range(count)])
    return replace(many, ids=tuple(range(count)))


@settings(max_examples=40)
@given(any_boxes3d(), st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(0, 255))
def test_numbers_round_trip(layout: Boxes3D, seed: int, truncation: float, number: int) -> None:
    code = share.encode(scene_of(layout, seed, truncation), number)
    shared = share.decode(code)
    assert share.encode_shared(shared) == code
    assert (shared.seed, shared.model_number, shared.weights) == (seed, number, "01234567")
    assert shared.layout.same(share.quantise(layout))
    assert share.quantise(shared.layout).same(shared.layout)


@settings(max_examples=40)
@given(any_boxes3d())
def test_numbers_are_near(layout: Boxes3D) -> None:
    near = share.quantise(layout)
    assert isinstance(near, Boxes3D)
    for name, step in (("centres", 1e-3), ("halves", 1e-3), ("room", 2e-3), ("lights", 1e-3)):
        assert torch.all((getattr(near, name) - getattr(layout, name)).abs() <= step / 2 + 2e-6), name
    for name in ("colours", "surfaces"):
        assert torch.all((getattr(near, name) - getattr(layout, name)).abs() <= 0.5 / 255 + 1e-6), name
    assert torch.all((near.camera[:3] - layout.camera[:3]).abs() <= 0.5e-3 + 1e-6)
    assert torch.all((near.camera[3:] - layout.camera[3:]).abs() <= 0.2e-3 + 1e-6)
    for name in ("classes", "facings", "ids", "rows", "hidden", "locked"):
        assert getattr(near, name) == getattr(layout, name)


@settings(max_examples=20)
@given(any_boxes3d(most=8))
def test_numbers_stored_round_trip(layout: Boxes3D) -> None:
    code = share.encode_stored(ENTRY, layout)
    stored = share.decode_stored(code)
    assert stored.entry == ENTRY and stored.layout.same(share.quantise(layout))
    assert share.encode_stored(stored.entry, stored.layout) == code
    with pytest.raises(CodeError, match="damaged"):
        share.decode_stored(code.replace(ENTRY, "b" + ENTRY[1:]))


@pytest.mark.parametrize("count, length", [(0, 118), (14, 420), (40, 984)])
def test_numbers_lengths(count: int, length: int) -> None:
    assert len(share.encode(scene_of(repeated(count)), 3)) == length <= 2000


def test_numbers_golden() -> None:
    """A link made today must open for as long as its weights are there: these bytes may not change."""
    room = replace(sample_room(("bed",)), ids=(7,), hidden=(True,), locked=(True,))
    code = share.encode(scene_of(room, seed=0xDEADBEEF, truncation=0.25), 3)
    body = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    assert body[:12].hex() == "02" + "03" + "01234567" + "deadbeef" + "09c4"
    bits = f"{int.from_bytes(body[12:-4], 'big'):0{8 * len(body[12:-4])}b}"
    assert [int(bits[at : at + n], 2) for at, n in ((0, 12), (12, 12), (24, 10))] == [1000, 1200, 300]
    assert int(bits[34:47], 2) == 4200  # camera x 0.2 above -4 in millimetres
    at = 34 + 13 + 12 + 14 + 14 + 13 + 13 + 120 + 330
    assert int(bits[at : at + 6], 2) == 1
    element, tail = bits[at + 6 : at + 6 + 130], bits[at + 6 + 130 :]
    widths = (15, 15, 15, 12, 12, 12, 8, 8, 8, 5, 2, 8, 8, 1, 1)
    values = [int(element[sum(widths[:i]) :][: widths[i]], 2) for i in range(len(widths))]
    assert values == [9800, 10500, 13360, 796, 496, 1036, 0, 128, 255, 0, 0, 1, 7, 1, 1]
    assert len(tail) < 8 and "1" not in tail
    assert zlib.crc32(body) == 0xE1A31D3D


def test_numbers_a_box_at_a_wall_stays_there() -> None:
    near = share.quantise(sample_room())
    bed = near.centres[0, 2] + near.halves[0, 2]
    assert abs(float(bed - near.room[1])) < 1e-6


def sealed(body: bytes) -> str:
    return base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(4, "big")).rstrip(b"=").decode()


@settings(max_examples=200)
@given(st.binary(max_size=160))
def test_errors_any_bytes_with_a_good_checksum(tail: bytes) -> None:
    """Beyond the checksum: what decodes is canonical, all else is a CodeError."""
    code = sealed(b"\x02" + tail)
    try:
        shared = share.decode(code)
    except CodeError:
        return
    assert share.encode_shared(shared) == code


def test_errors_flipped_bits_behind_a_good_checksum() -> None:
    """Every bit of a code flipped: it decodes to the same text again, or is refused; some of each."""
    body = bytes(base64.urlsafe_b64decode(share.encode(scene_of(repeated(2)), 3) + "==")[:-4])
    refused = 0
    for bit in range(8, 8 * len(body)):
        broken = bytearray(body)
        broken[bit // 8] ^= 128 >> bit % 8
        code = sealed(bytes(broken))
        try:
            assert share.encode_shared(share.decode(code)) == code
        except CodeError:
            refused += 1
    assert 20 < refused < 4 * len(body)


def test_errors_corruptions_are_noticed() -> None:
    dice = random.Random(0)
    code = share.encode(scene_of(sample_room()), 3)
    for _ in range(2000):
        at = dice.randrange(len(code))
        broken = code[:at] + dice.choice("ABCxyz019-_") + code[at + dice.randint(0, 2) :]
        if broken != code:
            with pytest.raises(CodeError):
                share.decode(broken)


@pytest.mark.parametrize("extra", [b"\x00", b"\x00\x00", b"\x01"])
def test_errors_bytes_left_over(extra: bytes) -> None:
    packed = boxes3d.pack(sample_room())
    assert boxes3d.unpack(packed).same(share.quantise(sample_room()))
    with pytest.raises(CodeError, match="damaged"):
        boxes3d.unpack(packed + extra)
    with pytest.raises(CodeError, match="damaged"):
        boxes3d.unpack(packed[:-1])


def test_errors_what_cannot_be_encoded() -> None:
    good = sample_room()
    bad = {
        "not finite": replace(good, lights=good.lights * float("nan")),
        "at most 40": repeated(41),
        "unique": replace(good, ids=(0,) * len(good)),
        "above 255": replace(good, rows=(300, *good.rows[1:])),
        "'sofa'": replace(good, classes=("sofa", *good.classes[1:])),
        "facing 5": replace(good, facings=(5, *good.facings[1:])),
    }
    for words, layout in bad.items():
        with pytest.raises(CodeError, match=words):
            share.encode(scene_of(layout), 3)
