"""Scene vectors: pack and unpack are inverse within the ranges; unpack brings anything into them."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.vector import (
    SlotScene,
    angle_and_aspect,
    pack,
    slot_width,
    unpack,
    vector_length,
)

CONFIG = CompactConfig(resolution=32, slots=4, code=3, background_code=2)
numbers = st.floats(0, 1, width=32)


@st.composite
def scenes(draw) -> SlotScene:
    """Scenes in the model's ranges, angles within a quarter turn either side of the horizontal."""
    batch = draw(st.integers(1, 3))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    reach = draw(numbers)  # how close to the ends of the ranges

    def between(low: float, high: float, *shape: int) -> torch.Tensor:
        u = (torch.rand(batch, CONFIG.slots, *shape, generator=random) * 2 - 1) * (0.2 + 0.8 * reach)
        return (low + high) / 2 + u * (high - low) / 2

    quarter = math.pi / 4 - 1e-3
    rows = torch.cat(
        [between(math.log(0.32), 0.69, 16).exp(), between(-1, 1, 3), between(-3, 3, CONFIG.code)], -1
    )
    return SlotScene(
        torch.rand(batch, CONFIG.slots, generator=random) < 0.7,
        between(-0.2, 1.2, 2),
        between(math.log(0.0101), -0.01).exp(),
        between(-2.3, 2.3).exp(),
        between(-quarter, quarter),
        between(-1.59, 2.99).exp(),
        rows,
        torch.randn(batch, CONFIG.background, generator=random),
    )


@given(scenes())
def test_round_trip(scene):
    vectors, mask = pack(scene)
    assert vectors.shape == mask.shape == (len(scene.present), vector_length(CONFIG))
    again = unpack(vectors, CONFIG)
    assert torch.equal(again.present, scene.present) and torch.equal(again.background, scene.background)
    for name in ("centres", "sizes", "aspects", "distances", "rows"):
        assert torch.allclose(getattr(again, name), getattr(scene, name), rtol=1e-4, atol=1e-5), name
    stretched = scene.aspects.log().abs() > 0.36  # a nearly round blob has no angle
    difference = (again.angles - scene.angles).abs()[stretched]
    assert difference.numel() == 0 or difference.max() < 1e-2
    second, _ = pack(again)
    stretch = torch.zeros(slot_width(CONFIG), dtype=torch.bool)
    stretch[4:6] = True
    kept = ~torch.cat([stretch.repeat(CONFIG.slots), torch.zeros(CONFIG.background, dtype=torch.bool)])
    assert torch.allclose(second[:, kept], vectors[:, kept], atol=1e-3)


@given(scenes())
def test_mask_marks_what_absent_slots_do_not_say(scene):
    _, mask = pack(scene)
    slots = mask[:, : CONFIG.slots * slot_width(CONFIG)].unflatten(1, (CONFIG.slots, -1))
    assert (slots[..., 0] == 1).all()  # presence itself always counts
    assert torch.equal(slots[..., 1:].amin(-1).bool(), scene.present)
    assert torch.equal(slots[..., 1:].amax(-1).bool(), scene.present)
    assert (mask[:, -CONFIG.background :] == 1).all()


@given(st.integers(0, 2**31), st.floats(0.1, 1e6))
def test_any_vector_becomes_a_scene_within_its_ranges(seed, scale):
    vectors = torch.randn(2, vector_length(CONFIG), generator=torch.Generator().manual_seed(seed)) * scale
    scene = unpack(vectors, CONFIG)
    assert all(t.isfinite().all() for t in scene[:7])
    assert scene.centres.min() >= -0.2 and scene.centres.max() <= 1.2
    assert scene.sizes.min() >= 0.0099 and scene.sizes.max() <= 1
    assert scene.aspects.min() >= 0.1 and scene.aspects.max() <= 10
    assert scene.angles.abs().max() <= math.pi / 4 + 1e-5
    assert scene.rows[..., :16].min() > 0 and scene.rows[..., 16:19].abs().max() <= 1


@pytest.mark.parametrize("angle", [-0.7, -0.2, 0.0, 0.3, 0.78])
@pytest.mark.parametrize("aspect", [0.3, 0.6, 1.6, 4.0])
def test_numbers_angle_and_aspect(angle, aspect):
    stretch = math.log(aspect)
    first, second = (torch.tensor(stretch * f(2 * angle)) for f in (math.cos, math.sin))
    found_angle, found_aspect = angle_and_aspect(first, second)
    assert float(found_angle) == pytest.approx(angle, abs=1e-5)
    assert float(found_aspect) == pytest.approx(aspect, rel=1e-5)


def test_a_nearly_round_blob_loses_its_angle_gradually():
    found = [
        float(angle_and_aspect(*(torch.tensor(s * f(1.0)) for f in (math.cos, math.sin)))[0])
        for s in (0.0, 0.05, 0.1, 0.2, 0.3, 0.35)
    ]
    assert found[0] == found[1] == 0 and found[-1] == pytest.approx(0.5, abs=1e-5)
    assert all(a <= b for a, b in itertools.pairwise(found))


def test_gradients_of_a_disc_are_finite():
    numbers = torch.zeros(2, requires_grad=True)
    angle, aspect = angle_and_aspect(numbers[0], numbers[1])
    (angle + aspect).backward()
    assert numbers.grad.isfinite().all() and float(aspect) == pytest.approx(1, abs=1e-5)
