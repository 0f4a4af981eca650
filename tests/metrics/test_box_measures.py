"""Measures of models of boxes, on a world whose pictures are flat colours of what is seen: answers are known.

The judge of this world names a pixel by its colour; the renderer and the model draw true masks."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from spatial_edit.checkpoints import save
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.vocabulary import SEMANTIC_ID
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Latent, Scene
from spatial_edit.layouts.blobs import Blobs
from spatial_edit.metrics import box_co_move, box_edits, box_evaluate
from spatial_edit.metrics import reference as reference_module
from spatial_edit.metrics.box_co_move import SEMANTIC_OF_CLASS, measure_box_moves, measure_true_moves
from spatial_edit.metrics.box_edits import measure_edits
from spatial_edit.metrics.box_evaluate import STAGES, BoxSizes
from spatial_edit.metrics.box_latency import frame_times
from spatial_edit.metrics.box_masks import owners
from spatial_edit.metrics.box_rooms import TrueRoom, true_rooms
from spatial_edit.metrics.box_samples import sample_figures
from spatial_edit.metrics.evaluate import Sizes
from spatial_edit.nn.judge import Judge

evaluate_module = sys.modules["spatial_edit.metrics.evaluate"]
SIDE = 64
PALETTE = torch.stack([torch.arange(20) % 3, torch.arange(20) // 3 % 3, torch.arange(20) // 9], 1) - 1.0
WALL = SEMANTIC_ID["wall"]


class ColourJudge:
    """Names a pixel by the nearest of 20 colours; its maps are the colours themselves."""

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return avg_pool2d(images, 2), avg_pool2d(images, 4)

    def logits(self, images: Tensor, maps: object) -> Tensor:
        return -80 * (images[:, None] - PALETTE[None, :, :, None, None]).square().sum(2)


class Flat(Box3DGenerator):
    """The tiny model, painting every element in the colour of its class; `frozen` draws a scene of a room as
    it was when it was first seen."""

    frozen = False

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        return torch.stack([self.flat(scene) for scene in scenes])

    def flat(self, scene: Scene) -> Tensor:
        layout = scene.layout
        assert isinstance(layout, Boxes3D)
        seen = self.__dict__.setdefault("seen", {})
        first = seen.setdefault(scene.latent.seed, layout)
        scene = replace(scene, layout=first if self.frozen else layout)
        return paint(self, scene)


def paint(generator: Box3DGenerator, scene: Scene) -> Tensor:
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    names = [SEMANTIC_ID[SEMANTIC_OF_CLASS[name]] for name in layout.classes]
    labels = torch.tensor([*names, WALL])[owners(generator, scene, SIDE)[..., 0]]
    return PALETTE[labels].permute(2, 0, 1)


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> Flat:
    """The model of the flat world; its renderer too draws flat colours."""
    model = Flat(Box3DGenerator.tiny().model, Box3DGenerator.tiny().spec, "0" * 16)

    def draw_rooms(rooms: list[TrueRoom | Scene], side: int) -> Tensor:
        return torch.stack([paint(model, r.scene if isinstance(r, TrueRoom) else r) for r in rooms])

    def as_scene(true: TrueRoom, layout: Boxes3D) -> Scene:
        return replace(true.scene, layout=layout)

    for module in (box_co_move, box_edits):
        monkeypatch.setattr(module, "draw_rooms", draw_rooms)
        monkeypatch.setattr(module, "furnished", as_scene)
    return model


@pytest.fixture
def true(flat: Flat) -> list[TrueRoom]:
    """Rooms whose renderer's picture is painted from their scenes."""
    rooms = true_rooms(flat, sample_rooms(3, 4_400_000))
    return [room._replace(room=room.scene) for room in rooms]  # type: ignore[arg-type]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_numbers_a_world_of_true_masks_moves_along(flat: Flat, true: list[TrueRoom]) -> None:
    scenes = [room.scene for room in true]
    tally = measure_box_moves(flat, ColourJudge(), scenes)  # type: ignore[arg-type]
    own = [r for values in tally.own.ratios.values() for r in values]
    every = [r for values in tally.every.ratios.values() for r in values]
    assert len(every) >= len(own) >= 10 and mean(own) > 0.4
    assert len(tally.every.changes) == len(every) and mean(tally.every.changes) < 1e-3
    assert 0.01 < mean(tally.every.areas) < 0.9
    again = measure_box_moves(flat, ColourJudge(), scenes)  # type: ignore[arg-type]
    assert again.every.ratios == tally.every.ratios and again.every.changes == tally.every.changes
    names = tally.figures("co_move")
    assert names["co_move_own_classes"] == "" and not [k for k in names if "own_topmost" in k]


def test_numbers_a_model_that_moves_nothing_scores_nothing(flat: Flat, true: list[TrueRoom]) -> None:
    flat.frozen = True
    tally = measure_true_moves(flat, ColourJudge(), true)  # type: ignore[arg-type]
    ours = [r for values in tally.model.own.ratios.values() for r in values]
    renderers = [r for values in tally.renderer.own.ratios.values() for r in values]
    assert len(ours) == len(renderers) >= 10
    assert set(ours) == {0.0} and mean(renderers) > 0.4
    figures = tally.figures()
    assert figures["counterfactual_ratio"] == 1.0 and float(figures["counterfactual_error"]) > 0.01
    assert not [name for name in figures if name.startswith("background")]


def test_numbers_a_model_like_the_renderer_has_no_counterfactual_error(
    flat: Flat, true: list[TrueRoom]
) -> None:
    tally = measure_true_moves(flat, ColourJudge(), true)  # type: ignore[arg-type]
    assert tally.model.every.ratios == tally.renderer.every.ratios
    assert tally.model.own.ratios == tally.renderer.own.ratios
    figures = tally.figures()
    assert figures["counterfactual_error"] == figures["counterfactual_ratio"] == 0.0
    assert float(figures["counterfactual_error_in_place"]) > 0.01


def test_numbers_medians_and_removal_of_true_masks(flat: Flat, true: list[TrueRoom]) -> None:
    figures = measure_edits(flat, ColourJudge(), true)  # type: ignore[arg-type]
    assert figures["co_move_median"] == figures["co_move_median_ceiling"]
    assert float(figures["co_move_median"]) == pytest.approx(1, abs=0.06)
    assert figures["removal"] == figures["removal_ceiling"] == pytest.approx(1, abs=0.02)
    assert "recolour" not in figures  # this world's colours are those of classes

    flat.frozen = True
    still = measure_edits(flat, ColourJudge(), true)  # type: ignore[arg-type]
    assert abs(float(still["co_move_median"])) < 0.01 and abs(float(still["removal"])) < 0.01
    assert still["removal_ceiling"] == figures["removal_ceiling"]


def test_numbers_what_the_edits_of_a_room_change() -> None:
    tiny = Box3DGenerator.tiny()
    judge = Judge(8, 8).eval()
    rooms = true_rooms(tiny, sample_rooms(3, 4_400_000))
    assert all(isinstance(value, float | int) for value in measure_edits(tiny, judge, rooms[:1]).values())
    for room in rooms:
        layout = room.scene.layout
        assert isinstance(layout, Boxes3D)
        owner = owners(tiny, room.scene, 32)
        bed = layout.classes.index("bed")
        edited = box_edits.Edited(room, bed, "bed", torch.zeros(3, 32, 32), torch.zeros(32, 32), owner)
        dyed = edited.dyed()
        assert (dyed.colours - layout.colours).abs().sum(1).nonzero().flatten().tolist() == [bed]
        assert (
            dyed.colours[bed, 0] >= layout.colours[bed, 0] and dyed.colours[bed, 2] <= layout.colours[bed, 2]
        )
        assert len(edited.without()) == len(layout) - len(edited.moving)
        shift = edited.moved(0.1).centres - layout.centres
        assert set(shift.abs().sum(1).nonzero().flatten().tolist()) == set(edited.moving)


def test_numbers_flawed_samples_are_counted() -> None:
    tiny = Box3DGenerator.tiny()
    scene = tiny.sample(0)
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    index = layout.classes.index("wardrobe")
    lifted = layout.centres.clone()
    lifted[index, 1] += 0.3
    into = layout.centres.clone()
    into[index, [0, 2]] = layout.centres[layout.classes.index("bed"), [0, 2]]
    beyond = layout.centres.clone()
    beyond[index, 0] += 0.5
    scenes = [replace(scene, layout=replace(layout, centres=c)) for c in (lifted, into, beyond)]
    figures = sample_figures([scene, *scenes], [scene])
    assert figures["samples_looked_at"] == 4 and figures["objects"] == len(layout)
    base = int(float(figures["data_flawed_share"]))
    assert base == 0 and figures["samples_flawed"] == 2 and figures["samples_outside"] == 1
    with pytest.raises(ValueError, match="no scenes"):
        sample_figures([], [scene])


def test_errors_other_kinds_of_layout() -> None:
    empty = torch.zeros(0)
    blobs = Blobs(torch.zeros(0, 2), empty, empty, empty, (), ())
    scene = Scene("blobs", "0" * 16, blobs, Latent(0, 0.0, torch.zeros(1, 1), torch.zeros(1)))
    tiny = Box3DGenerator.tiny()
    with pytest.raises(ValueError, match="layout of boxes"):
        sample_figures([scene], [scene])
    with pytest.raises(ValueError, match="layout of boxes"):
        measure_box_moves(tiny, ColourJudge(), [scene])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layout of boxes"):
        frame_times(tiny, [scene], 1)


def test_smoke_latency_leaves_the_threads_alone() -> None:
    tiny = Box3DGenerator.tiny()
    threads = torch.get_num_threads()
    times = frame_times(tiny, [tiny.sample(0)], 2)
    assert torch.get_num_threads() == threads
    assert {"drag_preview_ms_1_thread", "drag_full_ms_2_threads", "drag_cores"} <= set(times)
    assert all(float(value) > 0 for value in times.values())


def test_smoke_evaluate_of_boxes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator, judge = Box3DGenerator.tiny(), Judge(8, 8).eval()
    fake = ModuleType("spatial_edit.generators.registry")
    fake.MODELS = {"box3d-tiny": generator.spec}  # type: ignore[attr-defined]
    fake.load = {"box3d-tiny": generator}.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spatial_edit.generators.registry", fake)
    folder = tmp_path / "rooms-judge"
    save(folder, judge, judge.config)
    load = evaluate_module.load_judge
    monkeypatch.setattr(evaluate_module, "JUDGE_FOLDER", folder)
    monkeypatch.setattr(evaluate_module, "load_judge", lambda: load(folder))
    sizes = BoxSizes(moves=2, true_moves=2, held_out=2, edited=1, orbited=1, frames=1)
    monkeypatch.setattr(evaluate_module, "QUICK", Sizes(6, 2, 2, boxes=sizes))
    monkeypatch.setattr(reference_module, "SHARD", 6)
    monkeypatch.setattr(box_evaluate, "LOOKED_AT", 4)
    monkeypatch.setattr(box_evaluate, "POOL_SHARD", 6)
    monkeypatch.setenv("SPATIAL_EDIT_CACHE", str(tmp_path / "cache"))

    out, lines = tmp_path / "metrics.json", []
    figures = evaluate_module.evaluate("box3d-tiny", quick=True, out=out, say=lines.append)
    assert json.loads(out.read_text()) == figures
    wanted = {"frechet", "precision", "held_out_l1", "held_out_l1_shading", "orbit_l1", "samples_flawed"}
    wanted |= {"drag_preview_ms_1_thread", "co_move_classes", "co_move_from_truth_classes", "parameters"}
    wanted |= {"co_move_ceiling_classes", "evaluate_command", "evaluate_minutes", "objects_data"}
    assert not wanted - set(figures) and "dead_blobs" not in figures

    alone = evaluate_module.evaluate("box3d-tiny", quick=True, stages=["views"], say=lines.append)
    assert "frechet" not in alone and alone["held_out_l1"] == figures["held_out_l1"]
    assert (
        alone["evaluate_command_views"] == "python -m spatial_edit evaluate box3d-tiny --quick --stage views"
    )
    with pytest.raises(ValueError, match=f"no stage 'nonsense': choose from quality, {', '.join(STAGES)}"):
        evaluate_module.evaluate("box3d-tiny", quick=True, stages=["nonsense"], say=lines.append)
