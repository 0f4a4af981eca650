"""Codes of version 3 and protect masks: round trips, canonical form, length, corruptions."""

from __future__ import annotations

import base64
import math
import random
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit import share
from spatial_edit.layouts import Blobs, Guard, Latent, Scene, Source
from spatial_edit.layouts.scene import GUARD_SIDE
from spatial_edit.share import CodeError, guards
from spatial_edit.share.envelope import Reader
from tests.layouts.sample_room import sample_room

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ENTRY = "abcdefghijklmnopqrstuv"
COLOURS = st.none() | st.tuples(*[st.integers(0, 255)] * 3)
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.integers(0, 100).map(lambda step: step / 100)


def sources(seeds):
    return st.none() | st.builds(Source, st.none() | seeds, st.integers(0, 255), SHARES)


@st.composite
def layouts(draw, most=8):
    n = draw(st.integers(0, most))
    few = st.sampled_from(draw(st.lists(SEEDS, min_size=1, max_size=3)))

    def column(low, high):
        return torch.tensor(draw(st.lists(st.floats(low, high), min_size=n, max_size=n)), dtype=torch.float32)

    def each(values, unique=False):
        return tuple(draw(st.lists(values, min_size=n, max_size=n, unique=unique)))

    return Blobs(
        centres=torch.stack([column(-0.2, 1.2), column(-0.2, 1.2)], -1),
        sizes=column(0.005, 1.0),
        aspects=column(0.1, 10.0),
        angles=column(-10, 10),
        ids=each(st.integers(0, 255), unique=True),
        rows=each(st.integers(0, 255)),
        hidden=each(st.booleans()),
        locked=each(st.booleans()),
        opacities=each(SHARES),
        sources=each(sources(few)),
        colours=each(COLOURS),
        backdrop=draw(st.none() | st.builds(Source, few, st.just(0), SHARES)),
        surfaces=tuple(draw(COLOURS) for _ in range(5)),
    )


@st.composite
def masks(draw):
    """Plain, striped, painted and noisy ones."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = np.zeros((GUARD_SIDE, GUARD_SIDE), bool)
    for _ in range(draw(st.integers(0, 4))):
        top, left, low, right = dice.integers(0, GUARD_SIDE, 4)
        cells[top:low, left:right] ^= True
    cells ^= dice.random(cells.shape) < draw(st.sampled_from([0.0, 0.0, 0.01, 0.5]))
    return torch.from_numpy(cells ^ draw(st.booleans()))


@st.composite
def guard_of(draw):
    return Guard(draw(masks()), draw(layouts(4)), draw(SEEDS), draw(st.integers(0, 10_000)) / 10_000)


def scene_of(layout, guard=None):
    latent = Latent(7, 0.25, torch.zeros(64, 2), torch.zeros(2))
    return Scene("m", "0123456789abcdef", layout, latent, guard=guard)


def same_styles(a, b):
    names = ("ids", "rows", "hidden", "locked", "opacities", "sources", "colours", "backdrop", "surfaces")
    return all(getattr(a, name) == getattr(b, name) for name in names)


@settings(max_examples=150, deadline=None)
@given(layouts())
def test_styles_survive_a_code(layout):
    code = share.encode(scene_of(layout), 1)
    shared = share.decode(code)
    assert same_styles(shared.layout, layout) and shared.guard is None
    assert share.encode_shared(shared) == code
    assert share.quantise(layout).same(shared.layout) and share.quantise(shared.layout).same(shared.layout)


@settings(max_examples=100, deadline=None)
@given(layouts(4), guard_of())
def test_protect_masks_survive_a_code(layout, guard):
    code = share.encode(scene_of(layout, guard), 1)
    shared = share.decode(code)
    exact = replace(guard, layout=share.quantise(guard.layout))
    assert exact.same(shared.guard) and share.encode_shared(shared) == code
    for own in (layout, None):
        stored = share.decode_stored(share.encode_stored(ENTRY, own, guard))
        assert exact.same(stored.guard) and stored.entry == ENTRY
        assert stored.layout is None if own is None else stored.layout.same(share.quantise(layout))
        assert share.encode_stored(ENTRY, stored.layout, stored.guard) == share.encode_stored(
            ENTRY, own, guard
        )


@settings(max_examples=200, deadline=None)
@given(masks())
def test_a_mask_takes_513_bytes_at_most(mask):
    packed = guards.pack_mask(mask)
    reader = Reader(packed)
    assert torch.equal(guards.unpack_mask(reader), mask) and len(packed) <= 513
    reader.finish()


def test_opacity_and_share_are_whole_hundredths():
    layout = replace(plain(2), opacities=(0.333, 1.0), sources=(None, Source(3, 4, 0.6651)))
    near = share.quantise(layout)
    assert near.opacities == (0.33, 1.0) and near.sources == (None, Source(3, 4, 0.67))
    assert share.quantise(replace(plain(2), opacities=(0.999, 1.0))).same(share.quantise(plain(2)))


def plain(n, seed=0):
    dice = torch.Generator().manual_seed(seed)
    return Blobs(
        centres=torch.rand(n, 2, generator=dice),
        sizes=0.05 + 0.3 * torch.rand(n, generator=dice),
        aspects=(2 * torch.rand(n, generator=dice) - 1).exp(),
        angles=3 * torch.rand(n, generator=dice),
        ids=tuple(range(n)),
        rows=tuple(range(n)),
    )


def busy(n, seed=0):
    """Everything used on every element, with 6 seeds."""
    dice = random.Random(seed)
    seeds = [dice.randrange(2**32) for _ in range(6)]

    def colour():
        return tuple(dice.randrange(256) for _ in range(3))

    return replace(
        plain(n, seed),
        opacities=tuple(dice.randrange(100) / 100 for _ in range(n)),
        sources=tuple(Source(dice.choice(seeds), dice.randrange(n), 0.5) for _ in range(n)),
        colours=tuple(colour() for _ in range(n)),
        backdrop=Source(seeds[0], 0, 0.75),
        surfaces=tuple(colour() for _ in range(5)),
    )


def painted():
    """A mask as five strokes of a round brush leave it."""
    y, x = np.mgrid[:GUARD_SIDE, :GUARD_SIDE]
    cells = np.zeros((GUARD_SIDE, GUARD_SIDE), bool)
    for k in range(5):
        for t in np.linspace(0, 1, 30):
            cx, cy = 8 + 48 * t, 10 + 10 * k + 6 * math.sin(6 * t + k)
            cells |= (x - cx) ** 2 + (y - cy) ** 2 < 9
    return torch.from_numpy(cells)


def test_24_edited_blobs_with_a_mask_fit_a_link():
    code = share.encode(scene_of(busy(24), Guard(painted(), busy(24, 1), 5, 0.5)), 1)
    print("24 blobs, every style, painted mask:", len(code))
    assert len(code) <= 2000
    noise = torch.rand(GUARD_SIDE, GUARD_SIDE, generator=torch.Generator().manual_seed(0)) < 0.5
    worst = share.encode(scene_of(busy(64), Guard(noise, busy(64, 1), 5, 0.5)), 1)
    assert share.encode_shared(share.decode(worst)) == worst  # 64 of all and noise can still be opened


def test_what_uses_nothing_new_is_of_version_1():
    layout = plain(3)
    assert raw(share.encode(scene_of(layout), 1))[0] == 1
    assert raw(share.encode(scene_of(replace(layout, opacities=(1.0, 0.5, 1.0))), 1))[0] == 3
    assert raw(share.encode(scene_of(layout, Guard(painted(), layout, 5, 0.0)), 1))[0] == 0x41


def raw(code):
    return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))


def sealed(body):
    return base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(4, "big")).rstrip(b"=").decode()


def test_codes_made_in_the_past_are_made_the_same_today():
    layout = replace(
        plain(2),
        centres=torch.tensor([[0.5, 0.25], [1.2, -0.2]]),
        sizes=torch.tensor([0.1, 1.0]),
        aspects=torch.tensor([1.0, 2.0]),
        angles=torch.tensor([0.5, 3.0]),
        opacities=(0.5, 1.0),
        sources=(None, Source(9, 3, 0.25)),
        colours=((1, 2, 3), None),
        backdrop=Source(9, 0, 1.0),
        surfaces=(None, (255, 128, 0), None, None, None),
    )
    code = "AwEBI0VnAAAABwnEAn_FIpCf8owAAP-AAP_pn0gEBD8BAAAACYAyQAEDGYABAgMBZED_gABoUjz4"
    assert share.encode(scene_of(layout), 1) == code
    assert same_styles(share.decode(code).layout, layout)


def test_20000_corruptions_are_all_noticed():
    dice = random.Random(1)
    codes = [
        share.encode(scene_of(busy(5)), 1),
        share.encode(scene_of(busy(3), Guard(painted(), plain(3), 5, 0.5)), 1),
    ]
    for _ in range(20_000):
        code = bytearray(dice.choice(codes).encode())
        for _ in range(dice.randint(1, 4)):
            code[dice.randrange(len(code))] = dice.choice(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop0123456789-_"
            )
        broken = code.decode()
        if broken in codes:
            continue
        with pytest.raises(CodeError):
            share.decode(broken)


def test_bodies_with_a_good_checksum_are_checked_too():
    """Bytes changed under a new checksum: refused, or a code that is made again as it is."""
    dice = random.Random(2)
    bodies = [
        raw(share.encode(scene_of(busy(4)), 1))[:-4],
        raw(share.encode(scene_of(busy(2), Guard(painted(), plain(2), 5, 0.5)), 1))[:-4],
    ]
    read = 0
    for _ in range(6000):
        body = bytearray(dice.choice(bodies))
        body[dice.choice([0, *range(11, len(body))])] = dice.randrange(256)
        if dice.random() < 0.2:
            body = body[: dice.randrange(1, len(body))] + dice.choice([b"", b"\0", b"\xff"])
        code = sealed(bytes(body))
        try:
            shared = share.decode(code)
        except CodeError:
            continue
        read += 1
        assert share.encode_shared(shared) == code
    assert read > 100


@pytest.mark.parametrize("first", [0, 7, 0x40, 0x47, 0x80, 0x81, 0xC3, 0xFF])
def test_other_versions_say_so(first):
    body = raw(share.encode(scene_of(busy(2)), 1))[:-4]
    with pytest.raises(CodeError, match="this program reads versions 1 to 6"):
        share.decode(sealed(bytes([first]) + body[1:]))


@pytest.mark.parametrize(
    "change",
    [
        {"opacities": (math.nan, 1.0)},
        {"opacities": (1.5, 1.0)},
        {"sources": (Source(3, 256, 0.5), None)},
        {"sources": (Source(3, 2, -0.5), None)},
        {"sources": (Source(2**32, 2, 0.5), None)},
        {"colours": ((0, 0, 256), None)},
        {"backdrop": Source(None, 0, 1.0)},
        {"surfaces": ((0, -1, 0), None, None, None, None)},
    ],
)
def test_what_has_no_code_says_so(change):
    with pytest.raises(CodeError):
        share.encode(scene_of(replace(plain(2), **change)), 1)


def test_a_protect_mask_is_checked_when_it_is_written():
    layout, mask = plain(2), painted()
    for guard in (
        Guard(mask[:32], layout, 5, 0.0),
        Guard(mask.float(), layout, 5, 0.0),
        Guard(mask, layout, -1, 0.0),
        Guard(mask, layout, 5, 1.5),
    ):
        with pytest.raises(CodeError):
            share.encode(scene_of(layout, guard), 1)


def test_a_room_may_have_a_protect_mask():
    room = share.quantise(sample_room())
    guard = Guard(painted(), room, 9, 0.25)
    code = share.encode(scene_of(room, guard), 2)
    shared = share.decode(code)
    assert raw(code)[0] == 0x42 and guard.same(shared.guard) and shared.layout.same(room)
    assert guard.same(share.decode_stored(share.encode_stored(ENTRY, room, guard)).guard)
    with pytest.raises(CodeError, match="protect it again"):
        share.encode(scene_of(plain(2), guard), 1)
