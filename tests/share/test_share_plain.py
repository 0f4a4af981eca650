"""Codes of version 4: heatmaps, labelled boxes, segments, blocks and points."""

from __future__ import annotations

import base64
import random
import zlib
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings

from spatial_edit import share
from spatial_edit.layouts import Guard, Latent, Scene
from spatial_edit.layouts.segments import Segments
from spatial_edit.share import CodeError
from tests.layouts.test_kinds import any_plain
from tests.ui.fake_kinds import SAMPLES

ENTRY = "abcdefghijklmnopqrstuv"


def scene_of(layout, guard=None):
    return Scene(
        "m", "0123456789abcdef", layout, Latent(7, 0.25, torch.zeros(1, 2), torch.zeros(1)), guard=guard
    )


def raw(code):
    return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))


def sealed(body):
    return base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(4, "big")).rstrip(b"=").decode()


@settings(max_examples=100, deadline=None)
@given(any_plain())
def test_round_trip(layout):
    code = share.encode(scene_of(layout), 9)
    shared = share.decode(code)
    assert raw(code)[0] == 4 and share.encode_shared(shared) == code
    assert share.quantise(layout).same(shared.layout) and share.quantise(shared.layout).same(shared.layout)
    assert (shared.layout.ids, shared.layout.locked) == (layout.ids, layout.locked)
    for name, value in vars(layout).items():
        if isinstance(value, torch.Tensor) and value.numel():
            assert (getattr(shared.layout, name) - value).abs().max() <= 0.51e-4
    stored = share.decode_stored(share.encode_stored(ENTRY, layout))
    assert stored.layout.same(shared.layout)


@pytest.mark.parametrize("kind", SAMPLES)
def test_protect_masks_and_lengths(kind):
    layout = share.quantise(SAMPLES[kind]())
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[10:30, 20:50] = True
    code = share.encode(scene_of(layout, Guard(mask, layout, 3, 0.5)), 9)
    assert raw(code)[0] == 0x44 and share.decode(code).guard.layout.same(layout) and len(code) < 2000


@pytest.mark.parametrize("kind", SAMPLES)
def test_other_bytes_with_a_good_checksum_are_checked(kind):
    """Spaces, other orders of keys, other digits: the same layout must have one code."""
    body, dice = raw(share.encode(scene_of(SAMPLES[kind]()), 9))[:-4], random.Random(3)
    for _ in range(400):
        other = bytearray(body)
        at = dice.randrange(13, len(body))
        other[at : at + dice.randint(0, 1)] = dice.choice([b" ", b"0", b"9", b"e", b'"', b"\xff", b"", b"-"])
        code = sealed(bytes(other))
        try:
            shared = share.decode(code)
        except CodeError as error:
            assert "\n" not in str(error)
            continue
        assert share.encode_shared(shared) == code
    spaced = body[:13] + body[13:].replace(b",", b", ")
    with pytest.raises(CodeError, match="damaged"):
        share.decode(sealed(spaced))


def test_what_has_no_code_says_so():
    noise = torch.randint(0, 64, (64, 64), generator=torch.Generator().manual_seed(0))
    large = Segments(noise, ("thing",) * 64, tuple(range(64)))
    broken = replace(SAMPLES["boxes"](), centres=torch.full((3, 2), float("nan")))
    outside = replace(SAMPLES["boxes"](), centres=torch.full((3, 2), 3.0))
    for layout, words in ((large, "too large"), (broken, "not finite"), (outside, "must lie in")):
        with pytest.raises(CodeError, match=words):
            share.encode(scene_of(layout), 9)
