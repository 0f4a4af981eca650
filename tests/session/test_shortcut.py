"""Codes too long for a link: kept as text, opened by a short code, the same picture bit for bit."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from spatial_edit import share
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.session import Session, resolve, shorten
from spatial_edit.session.shortcut import MARK
from spatial_edit.share import CodeError
from spatial_edit.store import NotFound, Store, StoreError


@pytest.fixture(scope="module")
def tiny() -> BlobGenerator:
    return BlobGenerator.tiny()


def new_session(tiny: BlobGenerator, store: Store) -> Session:
    return Session(lambda name: tiny, store, names=lambda number: tiny.spec.name)


def long_scene(session: Session, tiny: BlobGenerator) -> str:
    """The code of a scene with styles from other seeds and a mask that does not compress."""
    frame = session.generate(tiny.spec.name, 5)
    number, row = frame.scene.layout.ids[0], frame.scene.layout.rows[0]
    bits = np.random.RandomState(0).bytes(512)
    mask = base64.b64encode(bits).decode()
    session.edit([{"op": "protect", "mask": mask}, {"op": "appearance", "seed": 9, "share": 0.5}])
    return session.edit({"op": "restyle", "target": number, "row": row, "seed": 77, "share": 0.25}).code


def test_a_short_code_opens_the_long_one_bit_for_bit(tiny: BlobGenerator, tmp_path) -> None:
    session = new_session(tiny, Store(tmp_path))
    code = long_scene(session, tiny)
    receipt = shorten(session.store, code)
    short = share.encode_stored(receipt.id)
    assert len(short) == 24 < len(code)
    other = new_session(tiny, Store(tmp_path))  # another process later on
    frame = other.open(short)
    assert frame.code == code
    assert torch.equal(frame.image, session.frame.image)
    assert frame.scene.guard is not None and frame.scene.guard.same(session.frame.scene.guard)
    scene, _ = resolve(lambda name: tiny, other.store, short, names=lambda number: tiny.spec.name)
    assert scene.layout.same(frame.scene.layout)
    other.edit({"op": "unprotect"})  # and it can be edited further
    session.store.delete(receipt.id, receipt.key)
    with pytest.raises(NotFound):
        new_session(tiny, Store(tmp_path)).open(short)


@pytest.mark.parametrize(
    "data", [MARK, MARK + b"A" * 5000, MARK + "é".encode(), MARK + b"<script>", MARK + b"a b", MARK + b"\n"]
)
def test_a_damaged_shortcut_says_so(tiny: BlobGenerator, data: bytes) -> None:
    store = Store()
    session = new_session(tiny, store)
    with pytest.raises(StoreError, match="damaged"):
        session.open(share.encode_stored(store.put(data)))


def test_shortcuts_do_not_lead_to_shortcuts_or_carry_layouts(tiny: BlobGenerator) -> None:
    session = new_session(tiny, Store())
    frame = session.generate(tiny.spec.name, 5)
    first = shorten(session.store, frame.code)
    second = shorten(session.store, share.encode_stored(first.id))
    with pytest.raises(CodeError, match="another link"):
        session.open(share.encode_stored(second.id))
    itself = share.encode_stored(first.id, frame.scene.layout)
    with pytest.raises(CodeError, match="another link"):
        session.open(itself)
