"""Variations of a session's scene: committed like an edit, refused with a sentence."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D
from spatial_edit.session import Session


@pytest.fixture(scope="module")
def room() -> Box3DGenerator:
    return Box3DGenerator.tiny()


def session_of(generator: Box3DGenerator | BlobGenerator) -> Session:
    return Session(lambda name: generator, names=lambda number: generator.spec.name)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("kind", ["fill", "restyle", "rehouse"])
def test_a_variation_is_a_step_that_its_link_repeats(room: Box3DGenerator, kind: str) -> None:
    """Determinism: the link opens to the same pixels, undo gives the old ones back."""
    session = session_of(room)
    first = session.generate(room.spec.name, 3)
    varied = session.vary(kind, 8, [1] if kind == "fill" else ())
    assert varied.code != first.code and not torch.equal(varied.image, first.image)
    opened = session_of(room).open(varied.code)
    assert torch.equal(opened.image, varied.image) and opened.code == varied.code
    assert torch.equal(session.undo().image, first.image)


def test_a_stored_scene_varies_too(room: Box3DGenerator) -> None:
    """Determinism: filling keeps the entry, restyling makes a new one."""
    session = session_of(room)
    first = session.adopt(room.sample(3))
    filled = session.vary("fill", 8, [1])
    assert filled.code.startswith(first.code.split(".")[0])
    styled = session.vary("restyle", 8)
    assert styled.code.startswith("s:") and not styled.code.startswith(first.code)
    assert isinstance(styled.scene.layout, Boxes3D)


@pytest.mark.parametrize(
    ("kind", "seed", "keep", "sentence"),
    [
        ("shuffle", 1, (), "no variation"),
        ("fill", -1, (), "seed"),
        ("fill", True, (), "seed"),
        ("fill", 1, [77], "no element 77"),
        ("fill", 1, [1, 1], "twice"),
        ("fill", 1, "1", "list"),
        ("restyle", 1.5, (), "seed"),
    ],
)
def test_bad_input_leaves_the_scene(
    room: Box3DGenerator, kind: str, seed: object, keep: object, sentence: str
) -> None:
    """Errors: one sentence, the state unharmed."""
    session = session_of(room)
    frame = session.generate(room.spec.name, 3)
    with pytest.raises(ValueError, match=sentence):
        session.vary(kind, seed, keep)
    assert session.frame is frame


def test_blobs_cannot_be_rehoused() -> None:
    """Errors: a model without rooms, and no scene at all."""
    session = session_of(BlobGenerator.tiny())
    with pytest.raises(ValueError, match="no scene"):
        session.vary("fill", 1)
    session.generate("blobgan-tiny", 3)
    with pytest.raises(ValueError, match="boxes in a room"):
        session.vary("restyle", 1)


def test_a_blend_is_shared_like_any_room(room: Box3DGenerator) -> None:
    """Determinism, errors: its link opens to the same pixels, of blobs too; bad shares are refused."""
    session = session_of(room)
    frame = session.blend("box3d-tiny", 3, 4, 0.25)
    assert torch.equal(session_of(room).open(frame.code).image, frame.image)
    assert not torch.equal(frame.image, session.generate("box3d-tiny", 3).image)
    for share in (1.5, float("nan"), True, "half"):
        with pytest.raises(ValueError, match="share"):
            session.blend("box3d-tiny", 3, 4, share)
    blobs = session_of(BlobGenerator.tiny())
    frame = blobs.blend("blobgan-tiny", 3, 4, 0.25)
    assert torch.equal(session_of(BlobGenerator.tiny()).open(frame.code).image, frame.image)
    with pytest.raises(ValueError, match="share"):
        blobs.blend("blobgan-tiny", 3, 4, 1.5)
