"""Counterfactual pairs and figures of parsing, on a model of random weights."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from spatial_edit.data.rooms import sample_rooms
from spatial_edit.generators import registry
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.layouts import Blobs
from spatial_edit.metrics import parse_quality
from spatial_edit.metrics.parse_edits import Pair, edit_error, edit_figures, pairs
from spatial_edit.metrics.parse_quality import Sizes, evaluate_parse, photos


@pytest.fixture(scope="module")
def tiny() -> BlobGenerator:
    return BlobGenerator.tiny()


def test_numbers_pairs_differ_by_the_move(tiny):
    found = [p for p in pairs(sample_rooms(4, 77), 32) if p is not None]
    assert found
    for pair in found:
        change = (pair.after - pair.before).square().mean(0)
        assert change[pair.union].mean() > 3 * change[~pair.union].mean()
        assert 0.04 <= (pair.dx**2 + pair.dy**2) ** 0.5 <= 0.35
        assert 0 < pair.union.float().mean() < 0.9


def test_numbers_a_perfect_parse_scores_0_and_1(tiny):
    """The pair is drawn by the model itself, so the parsed scene is the true one."""
    scene = next(s for s in (tiny.sample(i) for i in range(50)) if len(s.layout) >= 3)
    layout = scene.layout
    assert isinstance(layout, Blobs)
    centres = layout.centres.clone()
    centres[-1] += torch.tensor([0.1, -0.05])
    after = tiny.render(replace(scene, layout=replace(layout, centres=centres)))
    before = tiny.render(scene)
    union = (after - before).abs().amax(0) > 0.05
    pair = Pair(before, after, union, layout.rows[-1], 0.1, -0.05)
    error = edit_error(tiny, scene, pair)
    assert error.found and error.inside < 1e-6 * error.inside_still and error.outside < 1e-6
    gone = edit_error(tiny, replace(scene, layout=layout.select([0])), pair)
    assert not gone.found and gone.inside == gone.inside_still
    figures = edit_figures(
        [replace(error, outside_own=2.0, outside=1.0), replace(gone, outside_own=2.0, outside=3.0)]
    )
    assert figures["parse_edit_outside_ratio"] == 1.0 and figures["parse_edit_found"] == 0.5
    assert edit_figures([]) == {}


def test_smoke_figures_are_flat_and_complete(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SPATIAL_EDIT_PHOTOS", str(tmp_path))
    from spatial_edit.images import save_png

    save_png(torch.rand(3, 40, 50) * 2 - 1, tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no photo")
    assert [name for name, _ in photos(10)] == ["a.png"]
    monkeypatch.setattr(registry, "load", lambda name: tiny)
    monkeypatch.setattr(parse_quality, "QUICK", Sizes(2, 1, 5, 1, 2, {"refine": 0.2, "tune": 0.6}))
    said: list[str] = []
    target = tmp_path / "out" / "metrics.json"
    target.parent.mkdir()
    figures = evaluate_parse("blobgan-rooms", quick=True, out=target, say=said.append)
    assert json.loads(target.read_text()) == figures
    for where, count in (("rooms", 2), ("photos", 1)):
        for effort in ("encode", "refine"):
            assert figures[f"parse_{where}_{effort}_count"] == count
            assert 0 < float(figures[f"parse_{where}_{effort}_psnr"]) < 60
            assert -1 <= float(figures[f"parse_{where}_{effort}_ssim"]) <= 1
    assert float(figures["parse_rooms_refine_psnr"]) >= float(figures["parse_rooms_encode_psnr"])
    assert {"parse_encode_seconds", "parse_refine_seconds", "parse_tune_seconds"} <= set(figures)
    assert all(isinstance(value, float | int | str) for value in figures.values())
    assert (target.parent / "parse_worst_rooms_refine.png").is_file() and said


def test_errors_a_model_that_cannot_parse(monkeypatch):
    class Other:
        spec = BlobGenerator.tiny().spec

    with pytest.raises(ValueError, match="no model"):
        evaluate_parse("nothing")
    monkeypatch.setattr(registry, "load", lambda name: Other())
    with pytest.raises(ValueError, match="cannot parse"):
        evaluate_parse("blobgan-rooms")


def test_numbers_the_co_move_of_an_unchanged_copy_is_kept(tiny, monkeypatch):
    """A delta of zeros draws the same pictures: the ratio is 1 where there is one."""
    name, weight = next(iter(tiny.model.decoder.blocks[-1].named_parameters()))
    delta = ((f"blocks.2.{name}", torch.zeros(weight.shape, dtype=torch.float16)),)
    scenes = [replace(tiny.sample(1), delta=delta)]
    monkeypatch.setattr(tiny, "spec", replace(tiny.spec, row_names=("a",) * 6))
    figures = parse_quality._kept(tiny, scenes, Sizes(samples=2), lambda text: None)
    assert figures["parse_tune_copies"] == 1 and figures.get("parse_tune_co_move_kept", 1.0) == 1.0
