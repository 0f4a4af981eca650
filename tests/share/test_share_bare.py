"""Codes of version 5: pictures of models without a layout."""

from __future__ import annotations

import base64
import zlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit import share
from spatial_edit.layouts import Blobs, Guard, Latent, Layout, Scene
from spatial_edit.share import CodeError, SharedScene

WEIGHTS = "0123456789abcdef"
ENTRY = "A" * 22


def scene_of(seed: int = 7, truncation: float = 0.25, guard: Guard | None = None) -> Scene:
    latent = Latent(seed, truncation, torch.zeros(1, 4), torch.zeros(0))
    return Scene("plain", WEIGHTS, Layout(), latent, guard=guard)


def sealed(body: bytes) -> str:
    return base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(4, "big")).rstrip(b"=").decode()


def raw(code: str) -> bytes:
    return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))


def guard() -> Guard:
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[:8] = True
    return Guard(mask, Layout(), 7, 0.25)


@settings(deadline=None)
@given(
    number=st.integers(0, 255), seed=st.integers(0, 2**32 - 1), step=st.integers(0, share.TRUNCATION_STEPS)
)
def test_round_trip(number: int, seed: int, step: int) -> None:
    code = share.encode(scene_of(seed, step / share.TRUNCATION_STEPS), number)
    shared = share.decode(code)
    assert (shared.model_number, shared.weights, shared.seed) == (number, WEIGHTS[:8], seed)
    assert shared.truncation == step / share.TRUNCATION_STEPS
    assert share.is_bare(shared.layout) and shared.guard is None
    assert share.encode_shared(shared) == code and len(code) == 22


def test_a_code_written_first() -> None:
    """Links outlive refactorings: version, number, weights, seed, truncation, CRC32; worked out by hand."""
    body = bytes([5, 9]) + bytes.fromhex("01234567") + bytes([0, 0, 0, 7]) + (2500).to_bytes(2, "big")
    assert share.encode(scene_of(), 9) == sealed(body)


def test_nothing_may_follow() -> None:
    body = raw(share.encode(scene_of(), 9))[:-4]
    for more in (b"\0", b"\1\2\3"):
        with pytest.raises(CodeError, match="damaged"):
            share.decode(sealed(body + more))
    for short in range(1, len(body)):
        with pytest.raises(CodeError):
            share.decode(sealed(body[:short]))


def test_an_empty_layout_is_no_version_of_another_kind() -> None:
    body = raw(share.encode(scene_of(), 9))[:-4]
    for version in (1, 2, 3, 4):
        with pytest.raises(CodeError):
            share.decode(sealed(bytes([version]) + body[1:]))


def test_nothing_is_protected() -> None:
    with pytest.raises(CodeError, match="nothing to protect"):
        share.encode(scene_of(guard=guard()), 9)
    with pytest.raises(CodeError, match="nothing to protect"):
        share.encode_stored(ENTRY, None, guard())
    with pytest.raises(CodeError, match="nothing to protect"):
        share.encode_shared(SharedScene(9, WEIGHTS[:8], 7, 0.0, Layout(), guard()))
    head = raw(share.encode(scene_of(), 9))[1:-4]
    mask = bytes([1, 0, 3]) + bytes([0x80, 0x04, 0x00])
    for shown in (1, 4, 5):
        with pytest.raises(CodeError):
            share.decode(sealed(bytes([0x45]) + head + b"\0\0" + mask + bytes(6) + bytes([shown])))


def test_of_a_stored_one_the_id_is_all() -> None:
    assert share.encode_stored(ENTRY, Layout()) == f"s:{ENTRY}" == share.encode_stored(ENTRY)
    body = bytes([5])
    packed = base64.urlsafe_b64encode(body + zlib.crc32(ENTRY.encode() + body).to_bytes(4, "big"))
    with pytest.raises(CodeError, match="damaged"):
        share.decode_stored(f"s:{ENTRY}.{packed.rstrip(b'=').decode()}")


def test_quantise_and_which_layouts_are_bare() -> None:
    assert share.quantise(Layout()).same(Layout()) and share.is_bare(Layout())
    empty = Blobs(torch.zeros(0, 2), torch.zeros(0), torch.zeros(0), torch.zeros(0), ids=(), rows=())
    assert not share.is_bare(empty)
