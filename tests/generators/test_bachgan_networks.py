"""SPADE and BachGAN: variants of fusion, sizes, gradients, retrieval by hand, configurations, bad input."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spatial_edit.generators.bachgan.discriminator import PatchConfig, discriminator_of
from spatial_edit.generators.bachgan.encoding import (
    Rectangle,
    box_maps,
    instance_edges,
    rectangles_of_instances,
    rectangles_of_regions,
)
from spatial_edit.generators.bachgan.fusion import Fusion
from spatial_edit.generators.bachgan.generator import BachGAN, BachGANConfig
from spatial_edit.generators.bachgan.names import (
    ADE_NAMES,
    ADE_THINGS,
    CITYSCAPES_NAMES,
    CITYSCAPES_THINGS,
)
from spatial_edit.generators.bachgan.retrieval import layout_scores, ranking, retrieve
from spatial_edit.nn.patch_discriminator import MultiScaleDiscriminator
from spatial_edit.nn.spade import SpadeStyle, SpectralConv2d, fold_spectral
from spatial_edit.train.patch_losses import LOSSES, feature_matching, over_scales

TINY = BachGANConfig.tiny()


def network(config: BachGANConfig = TINY) -> BachGAN:
    torch.manual_seed(0)
    return BachGAN(config).eval()


def maps(config: BachGANConfig = TINY, count: int = 2, height: int = 32, width: int = 32, batch: int = 1):
    draw = torch.Generator().manual_seed(3)
    shape = (batch, count + 1, config.condition, height, width)
    whole = (torch.rand(shape, generator=draw) > 0.6).float()
    return whole[:, 0], whole[:, 1:]


# fusion ---------------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("skip", ["query", "running"])
@pytest.mark.parametrize("stages", [1, 2, 3])
def test_numbers_fusion_by_hand(stages: int, skip: str) -> None:
    torch.manual_seed(0)
    fusion = Fusion(5, stages, skip)
    query, retrieved = maps(count=4)
    a = fusion.encode(query)
    m = a + sum(fusion.encode(retrieved[:, i]) for i in range(4)) / 4
    for stage in fusion.stages:
        m = stage(m) + (a if skip == "query" else m)
    assert torch.allclose(fusion(query, retrieved), m, atol=1e-6)


@torch.no_grad()
def test_numbers_the_order_and_repetition_of_retrieved_maps_mean_nothing() -> None:
    fusion = Fusion(5)
    query, retrieved = maps(count=3)
    want = fusion(query, retrieved)
    assert torch.allclose(fusion(query, retrieved.flip(1)), want, atol=1e-6)
    assert torch.allclose(fusion(query, retrieved.repeat(1, 2, 1, 1, 1)), want, atol=1e-6)
    assert not torch.allclose(fusion(query, retrieved[:, :1]), want, atol=1e-3)
    nothing = torch.zeros(1, 3, 5, 32, 32)  # one empty map stands for three, as scenes use it
    assert torch.allclose(fusion(query, nothing), fusion(query, nothing[:, :1]), atol=1e-6)


def test_errors_fusion() -> None:
    for stages, skip in ((0, "query"), (1, "none")):
        with pytest.raises(ValueError, match="fusion with"):
            Fusion(5, stages, skip)
    query, retrieved = maps()
    for wrong in (retrieved[:, :0], retrieved[:, 0]):
        with pytest.raises(ValueError, match="retrieved maps of shape"):
            Fusion(5)(query, wrong)


# the generator --------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize(("doublings", "step"), [("normal", 32), ("more", 64), ("most", 128)])
def test_shapes_doublings(doublings: str, step: int) -> None:
    config = replace(TINY, doublings=doublings, height=step, width=2 * step)
    model = network(config)
    first = []
    model.fc.register_forward_hook(lambda m, i, out: first.append(out.shape[-2:]))
    assert model(*maps(config, 1, step, 2 * step)).shape == (1, 3, step, 2 * step)
    assert tuple(first[0]) == (1, 2)
    with pytest.raises(ValueError, match=f"multiples of {step}"):
        model(*maps(config, 1, step // 2, step))


@torch.no_grad()
def test_numbers_a_training_pass_settles_the_spectral_norm() -> None:
    model = network(replace(TINY, spectral=True)).train()
    for _ in range(30):
        model(*maps(batch=2))
    kernel = model.head_0.conv_0
    assert isinstance(kernel, SpectralConv2d)
    largest = torch.linalg.matrix_norm(kernel.normalised().flatten(1), 2)
    assert largest.item() == pytest.approx(1, abs=1e-3)
    before = model.eval()(*maps())
    fold_spectral(model)
    assert torch.allclose(model(*maps()), before, atol=1e-6)
    assert network(TINY).state_dict().keys() == model.state_dict().keys()


def test_gradients() -> None:
    model = network(replace(TINY, spectral=True)).train()
    boxes, retrieved = (m.clone().requires_grad_() for m in maps(batch=2))
    condition = model.condition(boxes, retrieved)
    model.image(model.features(condition)).square().mean().backward()
    assert boxes.grad is not None and boxes.grad.abs().max() > 0
    assert retrieved.grad is not None and retrieved.grad.isfinite().all()
    silent = {n for n, p in model.named_parameters() if p.grad is None}
    assert silent == {"conv_seg.weight", "conv_seg.bias"}
    model.log_classes(model.features(condition.detach())).exp().square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_errors_generator() -> None:
    boxes, retrieved = maps()
    with pytest.raises(ValueError, match="with fusion"):
        network()(boxes)
    plain = network(replace(TINY, stages=0, segment=False))
    with pytest.raises(ValueError, match="with fusion"):
        plain(boxes, retrieved)
    with pytest.raises(ValueError, match="no segmentation head"):
        plain.log_classes(torch.zeros(1, 1, 2, 2))


def test_numbers_configuration_round_trip() -> None:
    for config in (
        TINY,
        replace(TINY, skip="running", stages=2, edges=True, doublings="more", height=64, width=128),
    ):
        assert BachGANConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "blobgan"},
        {"labels": 0}, {"labels": True}, {"height": 33}, {"width": 4096}, {"width": "32"},
        {"doublings": "least"}, {"skip": "both"}, {"norm": "layer"}, {"stages": -1}, {"names": ["a"]},
        {"names": [1, 2, 3, 4, 5]}, {"things": [5]}, {"background": -1}, {"things": [True]},
    ],
)  # fmt: skip
def test_errors_configuration(wrong: dict) -> None:
    with pytest.raises((ValueError, TypeError)):
        BachGANConfig.from_dict({**TINY.to_dict(), **wrong})


def test_errors_styles_and_discriminators() -> None:
    for wrong in ({"norm": "group"}, {"kernel": 4}, {"hidden": 0}):
        with pytest.raises(ValueError):
            SpadeStyle(5, **wrong)
    config = PatchConfig(8, 4, 3, 2)
    assert len(discriminator_of(config.to_dict())(torch.zeros(1, 8, 32, 32))) == 2
    for changes in ({"kind": "x"}, {"layers": 1}, {"scales": 0}, {"width": 10**9}, {"width": 2.5}):
        with pytest.raises(ValueError):
            discriminator_of({**config.to_dict(), **changes})


# discriminator and losses ---------------------------------------------------------------------------------


def test_shapes_widths_stop_growing() -> None:
    with torch.device("meta"):
        judge = MultiScaleDiscriminator(6, 128, 5, 1)
    widths = [m.weight.shape[0] for m in judge.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [128, 256, 512, 512, 512, 1]


def test_gradients_and_numbers_losses() -> None:
    fake = [[torch.tensor([[1.0]]), torch.tensor([-2.0, 0.5])], [torch.tensor([[3.0]]), torch.tensor([0.0])]]
    real = [[torch.tensor([[0.0]]), torch.tensor([2.0])], [torch.tensor([[1.0]]), torch.tensor([0.5])]]
    hinge = LOSSES["hinge"]
    assert over_scales(hinge.fake, fake).item() == pytest.approx(((0 + 1.5) / 2 + 1) / 2)
    assert over_scales(hinge.real, real).item() == pytest.approx((0 + 0.5) / 2)
    assert over_scales(hinge.generator, fake).item() == pytest.approx((0.75 + 0) / 2)
    ours, theirs = fake[0][0].requires_grad_(), real[0][0].requires_grad_()
    loss = feature_matching(fake, real)
    assert loss.item() == pytest.approx((1 + 2) / 2)
    loss.backward()
    assert ours.grad is not None and theirs.grad is None


# encodings and retrieval ----------------------------------------------------------------------------------


def test_numbers_box_maps_by_hand() -> None:
    rectangles = [Rectangle(2, 0, 0, 1, 1), Rectangle(1, 1, 1, 2, 3)]
    encoded = box_maps(rectangles, 3, 3, 4)
    assert encoded.painted.tolist() == [[2, 2, 0, 0], [2, 1, 1, 1], [0, 1, 1, 1]]
    assert encoded.boxes[2].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert encoded.boxes[1].tolist() == [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1]]
    assert torch.equal(encoded.boxes[0], 1 - encoded.boxes[2])  # round the first box, whatever comes later
    assert box_maps([], 3, 3, 4).boxes.sum() == 0
    with pytest.raises(ValueError, match="class 3"):
        box_maps([Rectangle(3, 0, 0, 1, 1)], 3, 3, 4)


def test_numbers_rectangles_by_hand() -> None:
    instances = torch.zeros(6, 8, dtype=torch.int32)
    instances[1:3, 2:5] = 26_001
    instances[4, 6] = 26_001  # two parts of one car
    instances[0, 0] = 25  # a crowd
    instances[5, :2] = 7
    assert rectangles_of_instances(instances, CITYSCAPES_THINGS) == [
        Rectangle(25, 0, 0, 0, 0),
        Rectangle(26, 1, 2, 4, 6),
    ]
    labels = torch.zeros(20, 30, dtype=torch.long)
    labels[2:10, 3:12] = 7
    labels[15:18, 20:22] = 7  # (17 - 15) (21 - 20) is below the least area
    labels[0:3, 20:29] = 1  # stuff
    assert rectangles_of_regions(labels, ADE_THINGS) == [Rectangle(7, 2, 3, 9, 11)]


def test_numbers_scores_by_hand() -> None:
    query = torch.zeros(3, 2, 2)
    query[1, 0] = 1  # the upper row
    query[0] = 1
    memory = torch.tensor([[[1, 1], [0, 0]], [[1, 0], [1, 0]], [[2, 2], [2, 2]], [[1, 1], [2, 2]]])
    assert layout_scores(query, memory, (1, 2)).tolist() == [1, 1 / 3, 0, 1]
    query[2, 1, 0] = 1
    assert layout_scores(query, memory, (1, 2)).tolist() == [2 / 3, 1 / 4, 1 / 6, 3 / 4]
    assert layout_scores(torch.zeros(3, 2, 2), memory, (1, 2)).tolist() == [0, 0, 0, 0]
    with pytest.raises(ValueError, match="a query of"):
        layout_scores(torch.zeros(3, 2, 3), memory, (1,))


def test_numbers_ranking_keeps_the_order_of_equals() -> None:
    scores = torch.tensor([0.5, 0.9, 0.5, 0.9, 0.1])
    assert ranking(scores, 4).tolist() == [1, 3, 0, 2]
    assert retrieve(scores, itself=1) == [3, 0, 2] and retrieve(scores) == [1, 3, 0]
    assert retrieve(scores, count=9) == [1, 3, 0, 2, 4] and retrieve(scores[:2], itself=0) == [1]


@given(st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_numbers_edges_are_symmetric(ids: list[int]) -> None:
    picture = torch.tensor(ids).view(1, 1, 3, 4)
    edges = instance_edges(picture)
    assert torch.equal(instance_edges(picture.flip(-1)), edges.flip(-1))
    assert torch.equal(instance_edges(picture.transpose(2, 3)), edges.transpose(2, 3))
    assert edges.any() == (len(set(ids)) > 1)


def test_numbers_words() -> None:
    assert len(ADE_NAMES) == 151 == len(set(ADE_NAMES)) and len(ADE_THINGS) == 115
    assert len(CITYSCAPES_NAMES) == 35 == len(set(CITYSCAPES_NAMES))
    assert [ADE_NAMES[i] for i in (0, 7, 12, 57, 149)] == ["wall", "bed", "person", "pillow", "flag"]
    assert [CITYSCAPES_NAMES[i] for i in (24, 33)] == ["person", "bicycle"]
    assert {ADE_NAMES[i] for i in (0, 2, 6, 25, 140)} & {ADE_NAMES[i] for i in ADE_THINGS} == set()
