"""Evaluation end to end on a tiny model and a small judge: the figures, the file, the real set and the
ceiling.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from spatial_edit.checkpoints import save
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.vocabulary import INSTANCE_ID, SEMANTIC_ID
from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.metrics import ceiling as ceiling_module
from spatial_edit.metrics import reference as reference_module
from spatial_edit.metrics.ceiling import measure_ceiling, project
from spatial_edit.metrics.co_move import Move
from spatial_edit.metrics.evaluate import Sizes, merge, quality, read, samples
from spatial_edit.metrics.frechet import moments
from spatial_edit.metrics.reference import Reference, read_stats, real_pictures, reference, write_stats
from spatial_edit.metrics.segments import Segment
from spatial_edit.metrics.truth import truth_scenes
from spatial_edit.nn.judge import Judge

evaluate_module = sys.modules["spatial_edit.metrics.evaluate"]


@pytest.fixture(scope="module")
def judge() -> Judge:
    torch.manual_seed(0)
    return Judge(8, 8).eval()


@pytest.fixture
def registry(judge: Judge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A registry with the tiny model alone, a judge's folder, an empty cache and small sizes; the folder."""
    generator = BlobGenerator.tiny()
    fake = ModuleType("spatial_edit.generators.registry")
    fake.MODELS = {"blobgan-tiny": generator.spec}  # type: ignore[attr-defined]
    fake.load = {"blobgan-tiny": generator}.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spatial_edit.generators.registry", fake)
    folder = tmp_path / "rooms-judge"
    save(folder, judge, judge.config)
    monkeypatch.setattr(evaluate_module, "JUDGE_FOLDER", folder)
    monkeypatch.setattr(evaluate_module, "QUICK", Sizes(12, 2, 2))
    load = evaluate_module.load_judge
    monkeypatch.setattr(evaluate_module, "load_judge", lambda: load(folder))
    monkeypatch.setattr(reference_module, "SHARD", 12)
    monkeypatch.setenv("SPATIAL_EDIT_CACHE", str(tmp_path / "cache"))
    return folder


def test_smoke_evaluate_fills_and_merges_the_file(registry: Path, tmp_path: Path) -> None:
    out, lines = tmp_path / "metrics.json", []
    out.write_text('{"images_seen": 5, "frechet": -1, "date": "then"}')
    figures = evaluate_module.evaluate("blobgan-tiny", quick=True, out=out, say=lines.append)
    assert json.loads(out.read_text()) == figures
    assert figures["date"] == "then" and figures["parameters"] < 50_000
    assert figures["images_seen"] == 5 and figures["frechet"] > 0
    assert figures["resolution"] == 32 and figures["samples"] == 12
    wanted = {"frechet_floor", "precision", "recall", "background_change", "dead_blobs", "co_move_classes"}
    wanted |= {"co_move_ceiling_classes", "evaluate_command", "evaluate_date", "evaluate_hardware"}
    assert wanted - set(figures) <= {"background_change"}  # a random judge may see nothing to move
    assert any("stylegan2-rooms is not there" in line for line in lines)

    again = evaluate_module.evaluate(
        "blobgan-tiny", quick=True, say=lines.append
    )  # determinism, the real set cached
    same = {"frechet", "frechet_floor", "precision", "recall", "dead_blobs"}
    assert {k: again[k] for k in same} == {k: figures[k] for k in same}


def test_numbers_the_baseline_is_its_own_baseline(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_module, "BASELINE", "blobgan-tiny")
    figures = evaluate_module.evaluate("blobgan-tiny", quick=True, say=lambda text: None)
    assert figures["frechet_baseline"] == figures["frechet"]


def test_numbers_reference_stats_round_trip(judge: Judge, registry: Path) -> None:
    real = reference(judge, "w", 16, 12)
    assert real.features.shape == (12, judge.dimension) and real.floor > 0
    write_stats(registry, "w", 16, real)
    write_stats(registry, "w", 32, Reference(real.features, moments(real.features + 1), 7.0))
    for resolution, floor in ((16, real.floor), (32, 7.0)):
        kept = read_stats(registry, "w", resolution)
        assert kept is not None and kept[1] == floor and kept[0].count == 12
    assert read_stats(registry, "other", 16) is None and read_stats(registry, "w", 64) is None
    again = reference(judge, "w", 16, 12, registry)
    assert torch.equal(again.features, real.features) and torch.equal(again.moments.mean, real.moments.mean)


def test_numbers_real_pictures_are_whole_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_module, "SHARD", 4)
    monkeypatch.setattr(reference_module, "STEP", 3)
    batches = list(real_pictures(6, 9, 16))
    assert [len(b) for b in batches] == [3, 1, 2]
    assert float(torch.cat(batches).abs().max()) <= 1


def test_numbers_quality_of_the_real_set_itself_is_perfect(judge: Judge) -> None:
    generator = BlobGenerator.tiny()
    pictures = torch.cat(list(samples(generator, 9)))
    own = reference_module.features(judge, [pictures])
    figures = quality(generator, judge, Reference(own, moments(own), 0.25), 9)
    assert figures["precision"] == figures["recall"] == 1.0
    assert figures["frechet"] == pytest.approx(0, abs=1e-5) and figures["frechet_floor"] == 0.25


def test_errors_merge_keeps_a_file_that_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "model" / "metrics.json"
    assert read(path) == {} and merge(path, {"a": 1}) == {"a": 1}
    assert merge(path, {"b": "x"}) == {"a": 1, "b": "x"}
    for text, message in (("{", "not JSON"), ('{"a": {}}', "flat")):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            merge(path, {"b": 1})
        assert path.read_text() == text
    path.write_text("{}")
    with pytest.raises(ValueError, match="JSON"):
        merge(path, {"b": math.nan})
    assert path.read_text() == "{}" and [p.name for p in path.parent.iterdir()] == ["metrics.json"]


def test_numbers_projection_agrees_with_the_renderer() -> None:
    rooms = sample_rooms(8, 3)
    drawn, seen = render(rooms, 48, amodal=True), 0
    assert drawn.amodal is not None
    cover = drawn.amodal[:, INSTANCE_ID["painting_a"]]
    axis = (torch.arange(48) + 0.5) / 48
    for i in range(len(rooms)):
        mask = cover[i]
        edge = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
        if mask.sum() < 20 or edge > 0:
            continue
        centre, front = ceiling_module._box_centre(rooms[i], "painting_a")
        x, y = float((mask.sum(0) * axis).sum() / mask.sum()), float((mask.sum(1) * axis).sum() / mask.sum())
        assert project(rooms[i], centre) == pytest.approx((x, y), abs=0.02)
        assert front != (0.0, 0.0)
        seen += 1
    assert seen >= 2


def test_numbers_ceiling_moves_the_object_by_what_it_says(judge: Judge) -> None:
    rooms = sample_rooms(6, 5)
    mask, box = torch.ones(8, 8, dtype=torch.bool), (0.4, 0.4, 0.6, 0.6)
    whole = Segment(SEMANTIC_ID["bed"], mask, 1.0, (0.5, 0.5), box, torch.ones(1))
    random = np.random.RandomState(0)
    instance = torch.full((8, 8), INSTANCE_ID["rug"])
    trials: list[tuple[Move, object]] = []
    for i in range(6):
        trials += ceiling_module.propose(rooms[i], i, [whole], instance, random)
    assert len(trials) > 10
    for move, _ in trials:
        assert move.topmost == (move.element == INSTANCE_ID["rug"])
        assert 0.059 < math.hypot(move.dx, move.dy) < 0.151
    ratios = measure_ceiling(judge, 2, 32).ratios
    assert all(-1 <= r <= 2 for values in ratios.values() for r in values)


def test_numbers_collisions_are_found_by_the_visible_area() -> None:
    segment = Segment(0, torch.ones(1, 1), 1.0, (0, 0), (0, 0, 1, 1), torch.ones(1))
    before, after = torch.zeros(10, 10), torch.zeros(10, 10)
    before[:5] = 7  # 50 pixels
    after[:2] = 7  # 20
    move = Move(0, 7, segment, 0.1, 0.0)
    assert not ceiling_module.collides(move, before, after)
    after[0, 0] = 0
    assert ceiling_module.collides(move, before, after)
    assert not ceiling_module.collides(Move(0, 7, segment, 0.1, 0.0, topmost=False), before, after)


def test_errors_truth_scenes_of_a_model_with_other_slots() -> None:
    with pytest.raises(ValueError, match="21 kinds of blobs"):
        truth_scenes(BlobGenerator.tiny(), 2)
