"""Real drags through the session, of every family that has them: random weights, two steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes
from spatial_edit.layouts import Provenance
from spatial_edit.parse.delta import tunable
from spatial_edit.session import Session, Store

PAIRS = [{"x": 0.3, "y": 0.4, "to_x": 0.6, "to_y": 0.4}, {"x": 0.7, "y": 0.7, "to_x": 0.6, "to_y": 0.6}]
MODELS: dict[str, Callable[[], Any]] = {
    "blobs": BlobGenerator.tiny,
    "stylegan2": StyleGAN2Scenes.tiny,
    "hierarchy": SpatialGANScenes.tiny,
    "objects": lambda: SpatialGANScenes.tiny(objects=True),
}


def session_of(generator: Any, store: Store | None = None) -> Session:
    return Session(
        {generator.spec.name: generator}.__getitem__, store, names=lambda number: generator.spec.name
    )


@pytest.mark.parametrize("space", ["w+", "w"])
@pytest.mark.parametrize("name", MODELS)
def test_the_committed_picture_is_that_of_its_link(name: str, space: str) -> None:
    generator = MODELS[name]()
    session = session_of(generator)
    first = session.generate(generator.spec.name, 5)
    frame = session.drag(PAIRS, options={"steps": 2, "space": space, "learning_rate": 0.02})
    assert frame.scene.provenance.kind == "drag" and not torch.equal(frame.image, first.image)
    assert torch.equal(session_of(generator, session.store).open(frame.code).image, frame.image)
    again = session.drag(PAIRS, options={"steps": 1})
    assert torch.equal(session_of(generator, session.store).open(again.code).image, again.image)
    session.undo()
    assert torch.equal(session.undo().image, first.image) and not session.can_undo


@pytest.mark.parametrize("name", ["blobs", "stylegan2"])
def test_a_tuned_photo_keeps_its_weights(name: str) -> None:
    generator = MODELS[name]()
    session = session_of(generator)
    start = session.generate(generator.spec.name, 5).scene
    parameter, value = next((n, v) for n, v in tunable(generator).items() if v.dim() > 1)
    delta = ((parameter, torch.full_like(value, 0.05).half()),)
    latent = start.latent
    if name == "stylegan2":
        latent = replace(latent, rows=generator.codes_of(start)[0])
    photo = session.adopt(
        replace(start, latent=latent, provenance=Provenance("photo", "ab" * 32, "tune"), delta=delta)
    )
    frame = session.drag(PAIRS, options={"steps": 2, "learning_rate": 0.02})
    ((kept, difference),) = frame.scene.delta
    assert kept == parameter and torch.equal(difference, delta[0][1])
    assert frame.scene.provenance == photo.scene.provenance and not torch.equal(frame.image, photo.image)
    assert torch.equal(session_of(generator, session.store).open(frame.code).image, frame.image)
