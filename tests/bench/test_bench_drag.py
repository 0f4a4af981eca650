"""`bench drag`: the reference and ours are one drag, calls take turns, and the figures are whole."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest
import torch

from spatial_edit import cli
from spatial_edit.bench import BenchError, drag
from spatial_edit.bench.drag_reference import motion, paint, tracked
from spatial_edit.bench.drag_steps import Steps, options, pixels, random_model, reference, step_speedup
from spatial_edit.bench.paired import in_turn, ratio, threads
from spatial_edit.bench.sel_cost import sel_cost, widths
from spatial_edit.edits import drag as edits_drag
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes
from spatial_edit.metrics.drag_distance import Outcome, Outcomes, Pull

SIDE = 256


def test_numbers_reference_and_ours_are_one_drag() -> None:
    """Points equal, losses within 1e-4, over updates: so code, tracking, motion and Adam agree."""
    generator = random_model(SIDE, base=256)
    scene, points = generator.sample(3), pixels([(0.37, 0.41)], [(0.63, 0.52)], SIDE)
    usual = reference(generator, scene, points)
    ours = edits_drag.drag(generator, scene, points, None, options(20))
    moved = set()
    for _ in range(6):
        theirs, step = usual.step(), next(ours)
        assert torch.equal((step.points * SIDE - 0.5).round().flip(1), theirs.points)
        assert step.loss == pytest.approx(theirs.loss, rel=1e-4)
        assert step.distance == pytest.approx(theirs.distance / SIDE, rel=1e-5)
        moved.add(tuple(theirs.points[0].tolist()))
    assert len(moved) > 3, "the handle must go somewhere"


@torch.no_grad()
def test_numbers_reference_paints_the_same_picture() -> None:
    generator = random_model(64, base=256)
    scene = generator.sample(1)
    codes, noise = generator.codes_of(scene), generator.noise_of(scene)
    for layer in generator.model.synthesis.layers:
        layer.noise_strength.fill_(0.3)
    picture, features = paint(generator.model.synthesis, codes, noise)
    ours = generator.model.synthesis(codes, noise)
    assert torch.allclose(picture, ours, atol=1e-5 * float(ours.abs().max()))
    assert not torch.allclose(picture, generator.model.synthesis(codes), rtol=0.1), "the noise must matter"
    assert features.shape == (1, 4, 64, 64)


def test_gradients_reference_gives_every_weight_up_to_the_features_its_gradient() -> None:
    generator = random_model(SIDE, base=256)
    scene, points = generator.sample(0), pixels([(0.4, 0.4)], [(0.6, 0.6)], SIDE)
    usual = reference(generator, scene, points)
    usual.step()
    used = list(usual.synthesis.layers)[:11]  # sides 4 to 128
    assert all(layer.conv.weight.grad is not None for layer in used)
    assert all(not p.requires_grad for p in generator.model.parameters()), "the model itself stays frozen"


def test_numbers_tracking_takes_the_first_of_the_best_within_the_window() -> None:
    features = torch.ones(2, SIDE, SIDE)
    features[:, 100, 103] = features[:, 101, 97] = 0.0
    features[:, 100, 110] = -1.0  # nearer to what is held, but beyond the window of 6 pixels
    found = tracked(features, torch.tensor([100.0, 100.0]), torch.tensor([-1.0, -1.0]))
    assert found.tolist() == [100.0, 103.0]


def test_numbers_motion_is_zero_at_the_target_and_a_slope_otherwise() -> None:
    slope = (torch.arange(SIDE).float() * 0.25).expand(1, 1, SIDE, SIDE)  # rises by 1/4 a pixel to the right
    at = torch.tensor([100.0, 100.0])
    assert float(motion(slope, at, torch.tensor([100.0, 140.0]))) == pytest.approx(0.25, rel=1e-3)
    assert float(motion(slope, at, torch.tensor([140.0, 100.0]))) == pytest.approx(0.0, abs=1e-4)
    assert float(motion(slope, at, torch.tensor([100.0, 101.0]))) == 0.0


def test_numbers_calls_take_turns_and_ratios_are_paired() -> None:
    order: list[str] = []
    times = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3, warm=1)
    assert order == ["a", "b", "b", "a"] * 2
    assert [len(v) for v in times.values()] == [3, 3]
    assert ratio({"slow": [2.0, 30.0, 3.0], "fast": [1.0, 10.0, 2.0]}, "slow", "fast") == 2.0
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_shapes_of_the_timed_network_are_stylegan2s() -> None:
    assert widths(256) == {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64}


def test_smoke_steps_and_encoding() -> None:
    figures = step_speedup(rounds=1, resolution=SIDE, base=256, count=1, drags=1)
    best = figures["step_speedup_fp32"], figures["step_speedup_bf16"]
    allowed = figures["step_distance_bf16"] <= figures["step_distance_fp32"]
    assert figures["step_speedup"] == (max(best) if allowed else best[0])
    cost = sel_cost(rounds=1, resolution=64, base=256, count=1)
    assert cost["sel_cost"] > 0.3 and cost["sel_seconds"] > 0 and cost["sel_cost_eqgan"] > 0.3


def test_determinism_a_step_is_taken_anew_when_the_drag_has_ended() -> None:
    generator = random_model(64, base=256)
    steps = Steps(generator, generator.sample(0), pixels([(0.4, 0.4)], [(0.6, 0.6)], 64), steps=2)
    assert [steps.step().number for _ in range(5)] == [1, 2, 1, 2, 1]


def test_smoke_the_three_ways_on_the_same_pulls(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {"spatial": SpatialGANScenes.tiny(), "plain": StyleGAN2Scenes.tiny()}
    monkeypatch.setattr(drag, "_model", models.__getitem__)
    monkeypatch.setattr(drag, "QUICK_CAP", 3)
    monkeypatch.setattr(drag, "step_speedup", lambda **_: {"step_speedup": 3.5, "step_speedup_fp32": 3.5})
    monkeypatch.setattr(drag, "sel_cost", lambda **_: {"sel_cost": 1.4})
    words = ["--model", "spatial", "--baseline", "plain", "--moves", "1", "--threads", "1", "--quick"]
    assert cli.main(["bench", "drag", *words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    for name in (
        *("coarse_fine_speedup_30", "coarse_fine_speedup_60", "distance_drag", "distance_coarse_fine"),
        *("step_speedup", "step_speedup_fp32", "sel_cost", "joint_30_misses", "drag_60_step_seconds"),
        *("refound_drag", "refound_coarse_fine", "joint_speedup_60", "coarse_fine_speedup_30_median"),
    ):
        assert name in figures, name
    assert figures["joint_60_steps"] <= figures["cap"] == 3 and figures["moves"] == 1
    ratio_30 = figures["drag_30_seconds"] / figures["coarse_fine_30_seconds"]
    assert figures["coarse_fine_speedup_30"] == pytest.approx(ratio_30, rel=0.05)
    told = drag.table(figures).splitlines()
    assert any(line.startswith("step_speedup ") and line.endswith("reached") for line in told)
    assert any(line.startswith("sel_cost ") and line.endswith("missed") for line in told)


@pytest.mark.parametrize(("field", "value"), [("moves", 0), ("moves", 1001), ("threads", 0)])
def test_errors_numbers(field: str, value: int) -> None:
    given = {"moves": 1, "threads": 1, "quick": True, "part": None, "seed": 0, "rate": 0.002, field: value}
    with pytest.raises(BenchError, match="--moves goes from 1 to 1000"):
        drag.run(Namespace(**given))


def test_errors_rate() -> None:
    for rate in (0.0, -1.0, float("nan"), 2.0):
        with pytest.raises(BenchError, match="--rate is"):
            drag.run(Namespace(moves=1, threads=1, quick=True, part=None, seed=0, rate=rate))


def test_numbers_speed_ups_are_ratios_of_means_and_of_those_that_arrived() -> None:
    def drags(*runs: tuple[float, bool]) -> Outcomes:
        pull = Pull(0, (0.1, 0.1), (0.2, 0.1))
        return Outcomes([Outcome(pull, 9, time, (0.1,), 0.02, arrived) for time, arrived in runs])

    slow, fast = drags((9.0, False), (2.0, True), (1.0, True)), drags((1.0, True), (1.0, True), (1.0, False))
    figures = drag._told({"drag": slow, "joint": slow, "coarse_fine": fast}, 30)
    assert figures["coarse_fine_speedup_30"] == 4.0 and figures["coarse_fine_speedup_30_median"] == 2.0
    assert figures["coarse_fine_speedup_30_arrived"] == 2.0 and figures["joint_speedup_30"] == 1.0


def test_errors_models_that_cannot_be_dragged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drag, "_model", lambda name: object())
    given = {"moves": 1, "threads": 1, "quick": True, "part": ["moves"], "seed": 0, "rate": 0.002}
    with pytest.raises(BenchError, match="cannot be dragged"):
        drag.run(Namespace(**given, model="a", baseline="b"))
