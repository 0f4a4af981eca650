"""Codes of heatmaps: version 4 for centres alone, byte for byte as ever; version 6 for what there is more."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spatial_edit import share
from spatial_edit.layouts import Guard, Latent, Scene
from spatial_edit.layouts.codec import layout_from_json, layout_to_json, scene_from_bytes, scene_to_bytes
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.strict_json import JsonError
from spatial_edit.share import CodeError

ENTRY = "abcdefghijklmnopqrstuv"
# made before there were looks
OLD = (
    "BAkBI0VnAAAABwnEeyJlbGVtZW50cyI6W3siaGlkZGVuIjpmYWxzZSwiaWQiOjAsImxldmVsIjowLCJsb2NrZWQiOmZhbHNlLCJzaWdtYSI6"
    "MC4yNSwieCI6MC41LCJ5IjowLjZ9LHsiaGlkZGVuIjp0cnVlLCJpZCI6MSwibGV2ZWwiOjEsImxvY2tlZCI6ZmFsc2UsInNpZ21hIjowLjEs"
    "IngiOjAuNCwieSI6MC40fSx7ImhpZGRlbiI6ZmFsc2UsImlkIjoyLCJsZXZlbCI6MSwibG9ja2VkIjp0cnVlLCJzaWdtYSI6MC4xMiwieCI6"
    "MC42MiwieSI6MC40Mn0seyJoaWRkZW4iOmZhbHNlLCJpZCI6MywibGV2ZWwiOjIsImxvY2tlZCI6ZmFsc2UsInNpZ21hIjowLjA2LCJ4Ijow"
    "LjMsInkiOjAuMn1dLCJraW5kIjoiaGVhdG1hcHMifTOVcQw"
)
OLD_DOCUMENT = (
    '{"kind": "heatmaps", "elements": [{"id": 3, "level": 1, "x": 0.5, "y": 0.25, "sigma": 0.125, '
    '"hidden": false, "locked": true}]}'
)


def old_layout() -> Heatmaps:
    return Heatmaps(
        torch.tensor([[0.5, 0.6], [0.4, 0.4], [0.62, 0.42], [0.3, 0.2]]),
        torch.tensor([0.25, 0.1, 0.12, 0.06]),
        (0, 1, 1, 2),
        (0, 1, 2, 3),
        hidden=(False, True, False, False),
        locked=(False, False, True, False),
    )


def scene_of(layout: Heatmaps, guard: Guard | None = None) -> Scene:
    latent = Latent(7, 0.25, torch.zeros(1, 2), torch.zeros(1))
    return Scene("m", "0123456789abcdef", layout, latent, guard=guard)


def raw(code: str) -> bytes:
    return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))


def sealed(body: bytes) -> str:
    return base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(4, "big")).rstrip(b"=").decode()


SEEDS = st.none() | st.integers(0, 2**32 - 1)


@st.composite
def styled(draw: st.DrawFn) -> Heatmaps:
    """Heatmaps with at least one thing that is not a centre."""
    n = draw(st.integers(1, 7))
    flags = st.lists(st.booleans(), min_size=n, max_size=n).map(tuple)
    appearance = draw(SEEDS)
    layout = Heatmaps(
        torch.rand(n, 2, generator=torch.Generator().manual_seed(n)) * 3 - 1,
        torch.rand(n, generator=torch.Generator().manual_seed(n)).clamp(0.01),
        tuple(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))),
        tuple(draw(st.lists(st.integers(0, 255), min_size=n, max_size=n, unique=True))),
        draw(flags),
        draw(flags),
        draw(flags),
        tuple(draw(st.lists(SEEDS, min_size=n, max_size=n))),
        appearance,
        appearance is not None and draw(st.booleans()),
    )
    return replace(layout, appearance=5) if layout.is_plain else layout


def test_an_old_code_opens_and_is_made_again_byte_for_byte():
    shared = share.decode(OLD)
    assert shared.layout.same(share.quantise(old_layout())) and shared.layout.is_plain
    assert share.encode(scene_of(old_layout()), 9) == OLD and share.encode_shared(shared) == OLD


def test_an_old_document_is_read_and_written_as_ever():
    layout = layout_from_json(json.loads(OLD_DOCUMENT))
    assert layout.is_plain and layout.detached == (False,) and layout.looks == (None,)
    assert json.dumps(layout_to_json(layout)) == OLD_DOCUMENT


@given(styled())
def test_round_trip(layout):
    again = layout_from_json(json.loads(json.dumps(layout_to_json(layout), allow_nan=False)))
    assert again.same(layout)
    code = share.encode(scene_of(layout), 9)
    shared = share.decode(code)
    assert raw(code)[0] == 6 and share.encode_shared(shared) == code
    assert shared.layout.same(share.quantise(layout))
    for name in ("ids", "levels", "hidden", "locked", "detached", "looks", "appearance", "noise"):
        assert getattr(shared.layout, name) == getattr(layout, name)
    stored = share.decode_stored(share.encode_stored(ENTRY, layout))
    assert stored.layout.same(shared.layout)
    assert scene_from_bytes(scene_to_bytes(scene_of(layout))).layout.same(layout)


def test_masks_hold_either_state():
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[10:30, 20:50] = True
    plain = share.quantise(old_layout())
    dressed = replace(plain, appearance=5)
    for now, before, version in ((dressed, plain, 0x46), (plain, dressed, 0x44), (dressed, dressed, 0x46)):
        code = share.encode(scene_of(now, Guard(mask, before, 3, 0.5)), 9)
        shared = share.decode(code)
        assert raw(code)[0] == version and shared.layout.same(now) and shared.guard.layout.same(before)


def test_a_layout_has_one_version():
    """Centres alone under version 6, or more than centres under version 4, is not what is ever made."""
    for layout, version in ((old_layout(), 6), (replace(old_layout(), appearance=5), 4)):
        body = bytearray(raw(share.encode(scene_of(layout), 9))[:-4])
        body[0] = version
        with pytest.raises(CodeError, match="damaged"):
            share.decode(sealed(bytes(body)))
    body = raw(share.encode(scene_of(replace(old_layout(), detached=(False, True, False, False))), 9))[:-4]
    with pytest.raises(CodeError, match="damaged"):  # said, though it says nothing
        share.decode(sealed(body.replace(b'"detached":true', b'"detached":false')))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"appearance": -1}, "appearance"),
        ({"appearance": 2**32}, "appearance"),
        ({"appearance": 1.0}, "appearance"),
        ({"noise": True}, "name its seed"),
        ({"noise": 1, "appearance": 1}, "noise"),
        ({"more": 1}, "unknown key"),
        ({"detached": True}, "unknown key"),
    ],
)
def test_errors_of_a_document(change, words):
    with pytest.raises(JsonError, match=words):
        layout_from_json(json.loads(OLD_DOCUMENT) | change)


@pytest.mark.parametrize(
    "change", [{"look": "5"}, {"look": -1}, {"look": 2**32}, {"detached": 1}, {"seed": 1}]
)
def test_errors_of_an_element(change):
    document = json.loads(OLD_DOCUMENT)
    document["elements"][0] |= change
    with pytest.raises(JsonError, match=next(iter(change))):
        layout_from_json(document)
