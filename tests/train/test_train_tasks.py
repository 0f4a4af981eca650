"""The recipes' tasks: detector targets, the layout flow's space, draws, what the joint stage watches."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from spatial_edit.data.rooms.blob_truth import SLOTS, BlobTruth, flip
from spatial_edit.data.rooms.pool import Pool, render_pool
from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.flow import FlowConfig, LayoutFlow
from spatial_edit.generators.blobgan.vector import pack, slot_width, unpack, vector_length
from spatial_edit.metrics.truth import encode_truth, slot_scene
from spatial_edit.train.blobgan_decoder import DecoderTask
from spatial_edit.train.blobgan_detector import DetectorTask, raw_targets
from spatial_edit.train.blobgan_layout import FlowTask, LayoutGanTask, encode_pool, entry_weights, prepare
from spatial_edit.train.recipes import blobgan_rooms_toy
from spatial_edit.train.scenes import as_float, contact_sheet, held_out

RECIPE = blobgan_rooms_toy()
CONFIG = RECIPE.decoder.config


@pytest.fixture(scope="module")
def pool() -> Pool:
    return render_pool(40, 11, 32)


@pytest.fixture(scope="module")
def encoded(pool) -> tuple[torch.Tensor, torch.Tensor]:
    task = DecoderTask(RECIPE.decoder, pool, None)
    return encode_pool(task.averages["codes"].module, pool)


def test_numbers_detector_targets(pool):
    presence, fields, planes = raw_targets(pool.truth)
    assert presence.shape == (40, SLOTS) and fields.shape == (40, SLOTS, 22) and planes.shape == (40, 5, 3)
    one = BlobTruth(**{k: v[:1].clone() for k, v in vars(pool.truth).items()})
    one.centres[0, 3] = torch.tensor([0.25, 0.75])
    one.sizes[0, 3], one.aspects[0, 3], one.angles[0, 3], one.distances[0, 3] = 0.2, 4.0, 0.3, 2.5
    one.profiles[0, 3] = 1.0
    _, fields, _ = raw_targets(one)
    want = [
        0.25,
        0.75,
        math.log(0.2),
        math.log(4) * math.cos(0.6),
        math.log(4) * math.sin(0.6),
        math.log(2.5),
    ]
    assert torch.allclose(fields[0, 3], torch.tensor(want + [0.0] * 16), atol=1e-6)


def test_detector_loss_of_the_truth_is_its_minimum(pool):
    task = DetectorTask(RECIPE.detector, pool)
    detector = task.modules["detector"]
    truth = pool.truth[:8]
    presence, fields, planes = raw_targets(truth)
    from spatial_edit.data.rooms.blob_truth import owners
    from spatial_edit.generators.blobgan.encoder import Detected

    shown = owners(pool.instances[:8, ::2, ::2])
    sure = 40 * torch.nn.functional.one_hot(shown, SLOTS + 5).permute(0, 3, 1, 2).float()
    perfect = Detected((presence * 2 - 1) * 40, fields, planes, sure)
    total, parts = task.loss(perfect, truth, shown)
    assert float(total) < 1e-4 and all(float(p) < 1e-4 for p in parts.values())
    moved = perfect._replace(fields=fields + detector.spread)  # one standard deviation in everything
    _, parts = task.loss(moved, truth, shown)
    assert float(parts["geometry"]) == pytest.approx(1, rel=1e-3)
    assert float(parts["outline"]) == pytest.approx(1, rel=1e-3)
    absent = ~truth.exists[..., None].expand_as(fields)
    ignored, _ = task.loss(perfect._replace(fields=torch.where(absent, 1e3, fields)), truth, shown)
    assert float(ignored) < 1e-4  # what is not there has no place


def test_draws_leave_the_held_out_pictures_alone(pool):
    task = DecoderTask(replace(RECIPE.decoder, batch=64), pool, None)
    held = held_out(len(pool))
    assert held == 10 and held_out(10_000) == 256
    shown = {p.numpy().tobytes() for p in pool.pictures[held:]}
    shown |= {p.flip(2).numpy().tobytes() for p in pool.pictures[held:]}
    for _ in range(4):
        pictures, _ = task.draw()
        drawn = ((pictures + 1) * 127.5).round().to(torch.uint8)
        assert all(p.numpy().tobytes() in shown for p in drawn)


def test_numbers_prepare_standardises(encoded):
    vectors, masks = encoded
    assert len(vectors) == 60 and vectors.shape[1] == vector_length(CONFIG)  # 30 pictures and their mirrors
    flow = LayoutFlow(FlowConfig(components=24, hidden=16, blocks=1, steps=2), vector_length(CONFIG))
    coefficients = prepare(flow, CONFIG, vectors, masks)
    assert torch.allclose(coefficients.mean(0), torch.zeros(24), atol=1e-3)
    assert torch.allclose(coefficients.std(0), torch.ones(24), atol=1e-3)
    assert torch.allclose(flow.basis.T @ flow.basis, torch.eye(24), atol=1e-4)
    assert torch.equal(coefficients, prepare(flow, CONFIG, vectors, masks))
    presence = torch.arange(CONFIG.slots) * slot_width(CONFIG)
    assert (flow.mean[presence] == 0).all()
    weights = entry_weights(CONFIG)
    assert weights.shape == (vector_length(CONFIG),) and (weights > 0).all()


def test_round_trip_of_the_layout_space(encoded):
    vectors, masks = encoded
    flow = LayoutFlow(FlowConfig(components=24, hidden=16, blocks=1, steps=2), vector_length(CONFIG))
    prepare(flow, CONFIG, vectors, masks)
    h = torch.randn(5, 24, generator=torch.Generator().manual_seed(0))
    everything = torch.ones(5, vector_length(CONFIG))
    assert torch.allclose(flow.project(flow.head(h), everything), h, atol=1e-3)
    # and the data: what 24 components keep is nearer than the mean
    again = flow.head(flow.project(vectors, masks))
    error = ((again - vectors) / flow.spread * masks).square().mean()
    nothing = ((flow.head(torch.zeros(1, 24)) - vectors) / flow.spread * masks).square().mean()
    assert error < 0.6 * nothing


def test_truncation_one_is_the_mean_scene(encoded):
    task = FlowTask(RECIPE.layout, CONFIG, *encoded)
    flow = task.modules["flow"]
    z = torch.randn(3, RECIPE.layout.flow.components, generator=torch.Generator().manual_seed(1))
    mean = flow.head(torch.zeros(1, RECIPE.layout.flow.components))
    with torch.no_grad():
        assert torch.allclose(flow(z, 1.0), mean.expand(3, -1), atol=1e-5)
        assert torch.equal(flow(z, 0.0), flow.head(flow.trunk(z)))
        half = flow(z, 0.5)
    assert torch.allclose(half, (flow(z).detach() + mean) / 2, atol=1e-4)


def test_flow_learns_where_the_data_lie():
    torch.manual_seed(0)
    config = CompactConfig(slots=2, code=1, background_code=1)
    length = vector_length(config)
    side = torch.randint(0, 2, (600, 1)).float() * 2 - 1  # two clusters
    vectors = side * torch.linspace(0.5, 2, length) + 0.05 * torch.randn(600, length)
    recipe = replace(RECIPE.layout, flow=FlowConfig(components=2, hidden=32, blocks=2, steps=12), batch=256)
    task = FlowTask(recipe, config, vectors, torch.ones_like(vectors))
    losses = [float(task.step(i / 300, 10**6)["flow"]) for i in range(300)]  # past its warm-up
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])
    with torch.no_grad():
        h = task.modules["flow"].trunk(torch.randn(400, 2, generator=torch.Generator().manual_seed(2)))
    assert (h[:, 0].abs() - 1).abs().median() < 0.35  # at one of the two, not between
    assert 0.3 < (h[:, 0] > 0).float().mean() < 0.7


def test_layout_gan_steps(encoded):
    data = FlowTask(RECIPE.layout, CONFIG, *encoded).data
    task = LayoutGanTask(RECIPE.layout, data)
    losses = task.step(0.0, 0)
    assert all(v.isfinite() for v in losses.values())


def test_truth_becomes_scenes_and_back(pool):
    task = DecoderTask(RECIPE.decoder, pool, None)
    truth, pictures = pool.truth[:6], as_float(pool.pictures[:6])
    scene = slot_scene(truth, CONFIG)
    assert torch.equal(scene.present, truth.exists)
    full = encode_truth(task.modules["codes"], pictures, truth, torch.float32)
    again = unpack(pack(full)[0], CONFIG)
    there = truth.exists
    assert torch.equal(again.present, there)
    assert torch.allclose(again.centres[there], truth.centres[there].clamp(-0.2, 1.2), atol=1e-5)
    colours = full.rows[..., 16:19][there]
    assert (colours - truth.colours[there]).abs().mean() < 0.1  # means under soft masks
    mirrored = slot_scene(flip(truth), CONFIG)
    assert torch.allclose(mirrored.centres[:, 1, 0], 1 - truth.centres[:, 1, 0])  # the bed


def test_numbers_contact_sheet():
    pictures = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 3, 2, 2) / 10
    sheet = contact_sheet(pictures, 3)
    assert sheet.shape == (3, 4, 6)
    assert sheet[0, 0].tolist() == pytest.approx([0, 0, 0.1, 0.1, 0.2, 0.2])
    assert sheet[0, 2].tolist() == pytest.approx([0.3, 0.3, 0.4, 0.4, -1, -1])
