"""Whole drags on tiny models: modes, ends, scenes, films; and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from spatial_edit.edits.drag import DragError, DragOptions, DragStep, drag
from spatial_edit.edits.drag.check import check_mask
from spatial_edit.edits.drag.watch import LOST_STEPS, NOTES, Watch
from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.ganformer.scenes import GANformerScenes
from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes
from spatial_edit.layouts import Heatmaps, Points, Provenance, Scene
from spatial_edit.layouts.codec import scene_from_bytes, scene_to_bytes

FAMILIES: dict[str, Any] = {
    "stylegan2": StyleGAN2Scenes.tiny,
    "spatialgan": SpatialGANScenes.tiny,
    "objects": lambda: SpatialGANScenes.tiny(objects=True),
    "eqgan": EqGANScenes.tiny,
    "blobgan": BlobGenerator.tiny,
    "published": PublishedScenes.tiny,
}
QUICK = DragOptions(steps=6, learning_rate=0.02, picture_every=2)


def pairs(*moves: tuple[float, float, float, float]) -> Points:
    places = torch.tensor(moves)
    return Points(places[:, :2], places[:, 2:], ids=tuple(range(1, len(moves) + 1)))


MOVE = pairs((0.4, 0.4, 0.7, 0.6))


def steps(generator: Any, scene: Scene, points: Points = MOVE, **more: Any) -> list[DragStep]:
    return list(drag(generator, scene, points, **{"options": QUICK, **more}))


@pytest.fixture(scope="module")
def stylegan2() -> StyleGAN2Scenes:
    return StyleGAN2Scenes.tiny()


@pytest.fixture(scope="module")
def heatmaps() -> SpatialGANScenes:
    return SpatialGANScenes.tiny()


# ---- what comes out ----


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("mode", ["latent", "coarse"])
def test_the_scene_draws_the_picture_bit_for_bit(name: str, mode: Any) -> None:
    generator = FAMILIES[name]()
    if name == "stylegan2" and mode == "coarse":
        pytest.skip("it has no centres")
    scene = generator.sample(3)
    *_, last = steps(generator, scene, options=replace(QUICK, mode=mode))
    assert last.scene is not None
    assert last.picture is not None
    assert torch.equal(generator.render(last.scene), last.picture)
    assert not torch.equal(last.picture, generator.render(scene))
    assert last.scene.provenance.kind == "drag"
    stored = scene_from_bytes(scene_to_bytes(last.scene))
    assert torch.equal(generator.render(stored), last.picture)
    again = next(drag(generator, stored, MOVE, options=QUICK))
    assert again.picture is not None
    assert torch.equal(again.picture, last.picture), "a dragged scene can be dragged on from where it is"


def test_determinism(heatmaps: SpatialGANScenes) -> None:
    scene = heatmaps.sample(1)
    first, second = (steps(heatmaps, scene) for _ in range(2))
    assert [s.loss for s in first] == [s.loss for s in second]
    assert torch.equal(first[-1].picture, second[-1].picture)  # type: ignore[arg-type]


def test_steps_are_told_in_order(stylegan2: StyleGAN2Scenes) -> None:
    told = steps(stylegan2, stylegan2.sample(2))
    assert [s.number for s in told] == list(range(len(told)))
    assert [s.number for s in told[:-1] if s.picture is not None] == [0, 2, 4]
    assert told[-1].picture is not None
    assert [s.scene is None for s in told] == [True] * (len(told) - 1) + [False]
    assert torch.equal(told[0].picture, stylegan2.render(stylegan2.sample(2)))  # type: ignore[arg-type]
    assert told[0].distance == pytest.approx((0.3**2 + 0.2**2) ** 0.5, abs=0.05)
    none = steps(stylegan2, stylegan2.sample(2), options=replace(QUICK, picture_every=0))
    assert [s.picture is None for s in none[1:-1]] == [True] * (len(none) - 2)


def test_only_the_first_rows_change(stylegan2: StyleGAN2Scenes) -> None:
    scene = stylegan2.sample(2)
    codes = stylegan2.codes_of(scene)[0]
    for space, differing in (("w+", False), ("w", True)):
        last = steps(stylegan2, scene, options=replace(QUICK, space=space))[-1].scene  # type: ignore[arg-type]
        assert last is not None
        change = last.latent.rows - codes
        assert not change[6:].any()
        assert change[:6].any()
        assert torch.allclose(change[:6], change[:1].expand(6, -1), atol=1e-7) == differing


def test_modes_change_what_they_say(heatmaps: SpatialGANScenes) -> None:
    scene = heatmaps.sample(1)
    codes, _ = heatmaps.codes_of(scene, heatmaps.levels_of(scene))
    for mode, moved in (("latent", False), ("joint", True)):
        last = steps(heatmaps, scene, options=replace(QUICK, mode=mode))[-1].scene  # type: ignore[arg-type]
        assert last is not None
        assert isinstance(last.layout, Heatmaps)
        assert isinstance(scene.layout, Heatmaps)
        assert torch.equal(last.layout.centres, scene.layout.centres) != moved
        assert not torch.equal(last.latent.rows, codes[0])


def test_hidden_and_locked_centres_stay(heatmaps: SpatialGANScenes) -> None:
    scene = heatmaps.sample(1)
    layout = scene.layout
    assert isinstance(layout, Heatmaps)
    layout = replace(layout, locked=(True,) + (False,) * 6, hidden=(False, True) + (False,) * 5)
    for mode in ("joint", "coarse"):
        options = replace(QUICK, mode=mode, reach=1.0)  # type: ignore[arg-type]
        last = steps(heatmaps, replace(scene, layout=layout), options=options)[-1].scene
        assert last is not None
        assert isinstance(last.layout, Heatmaps)
        assert torch.equal(last.layout.centres[:2], layout.centres[:2])
        assert not torch.equal(last.layout.centres[2:], layout.centres[2:])


def test_the_coarse_move_is_a_step(heatmaps: SpatialGANScenes) -> None:
    """A handle on the root: either the handle comes nearer by the move, or the move is taken back."""
    scene = heatmaps.sample(1)
    assert isinstance(scene.layout, Heatmaps)
    x, y = scene.layout.centres[0].clamp(0.1, 0.9).tolist()
    points = pairs((x, y, 1 - x, 1 - y))
    options = replace(QUICK, mode="coarse", reach=0.3, search=0.2)
    told = steps(heatmaps, scene, points, options=options)
    assert told[0].phase == "fine"
    coarse = [s for s in told if s.phase == "coarse"]
    assert len(coarse) <= 1
    if coarse:
        assert coarse[0].number == 1
        assert coarse[0].centres is not None
        step = coarse[0].centres - scene.layout.centres
        wanted = options.share * (points.targets[0] - points.handles[0])
        assert torch.allclose(step[0], wanted, atol=1e-6)
        assert torch.allclose(step[1:], step[:1].expand(6, -1), atol=1e-6), "the finer centres follow"


def test_a_tuned_photo_stays_a_photo(stylegan2: StyleGAN2Scenes) -> None:
    scene = stylegan2.sample(2)
    rows = stylegan2.codes_of(scene)[0]
    name = "layers.4.conv.weight"
    change = torch.full_like(stylegan2.model.synthesis.get_parameter(name), 0.25, dtype=torch.float16)
    photo = replace(
        scene,
        latent=replace(scene.latent, rows=rows),
        provenance=Provenance("photo", "a" * 64, "tune"),
        delta=((name, change),),
    )
    kept = stylegan2.model.synthesis.get_parameter(name).clone()
    *_, last = steps(stylegan2, photo)
    assert last.scene is not None
    assert last.scene.provenance == photo.provenance
    assert last.scene.delta is photo.delta
    assert torch.equal(stylegan2.render(last.scene), last.picture)  # type: ignore[arg-type]
    assert torch.equal(kept, stylegan2.model.synthesis.get_parameter(name)), "the model itself is untouched"
    bare = steps(stylegan2, replace(photo, delta=()))
    assert bare[1].loss != pytest.approx(steps(stylegan2, photo)[1].loss, rel=1e-3), (
        "features are the tuned ones"
    )


def test_hidden_points_are_not_dragged(stylegan2: StyleGAN2Scenes) -> None:
    two = pairs((0.4, 0.4, 0.7, 0.6), (0.2, 0.8, 0.3, 0.3))
    one = replace(two, hidden=(False, True))
    assert len(steps(stylegan2, stylegan2.sample(2), one)[0].points) == 1
    assert [s.loss for s in steps(stylegan2, stylegan2.sample(2), one)] == [
        s.loss for s in steps(stylegan2, stylegan2.sample(2))
    ]


def test_a_mask_holds_what_it_protects(stylegan2: StyleGAN2Scenes) -> None:
    scene = stylegan2.sample(2)
    mask = torch.ones(64, 64, dtype=torch.bool)
    mask[:, :20] = False
    options = replace(QUICK, steps=15)
    start = stylegan2.dragging(scene).features()

    def change(last: DragStep) -> float:
        assert last.scene is not None
        now = stylegan2.dragging(last.scene).features()
        return float((now - start)[..., :5].abs().mean())

    free = steps(stylegan2, scene, options=options)[-1]
    held = steps(stylegan2, scene, mask=mask, options=replace(options, mask_weight=200.0))[-1]
    assert change(held) < change(free)


# ---- how it ends ----


def test_it_stops_when_asked(stylegan2: StyleGAN2Scenes) -> None:
    asked: list[int] = []

    def keep_going() -> bool:
        asked.append(len(asked))
        return len(asked) < 3

    told = steps(stylegan2, stylegan2.sample(2), keep_going=keep_going)
    assert told[-1].state == "stopped"
    assert told[-1].number == 3
    assert told[-1].scene is not None


def test_it_offers_the_best_state(stylegan2: StyleGAN2Scenes) -> None:
    told = steps(stylegan2, stylegan2.sample(2), options=replace(QUICK, steps=30, learning_rate=0.3))
    assert told[-1].state in ("steps", "lost", "oscillating")
    assert told[-1].note == NOTES[told[-1].state]
    assert told[-1].distance == pytest.approx(min(s.distance for s in told))


def test_a_target_next_to_its_handle_has_arrived(stylegan2: StyleGAN2Scenes) -> None:
    told = steps(stylegan2, stylegan2.sample(2), pairs((0.5, 0.5, 0.51, 0.5)))
    assert [(s.state, s.number) for s in told] == [("arrived", 0)]


def test_numbers_that_diverge_end_the_drag(stylegan2: StyleGAN2Scenes) -> None:
    """Adam's step is as large as the rate; the square of such a code is infinite."""
    dragging = stylegan2.dragging(stylegan2.sample(2))

    class Breaking:
        def dragging(self, scene: Scene, space: str) -> object:
            return dragging

    told: Iterator[DragStep] = drag(Breaking(), stylegan2.sample(2), MOVE, options=QUICK)
    next(told)
    with torch.no_grad():
        dragging.rows.leaf.fill_(float("nan"))
    *_, last = told
    assert last.state == "diverged"
    assert last.scene is not None
    assert torch.isfinite(last.scene.latent.rows).all()


def watched(points: list[tuple[int, int]], unlike: float = 0.1, goal: int = 100) -> str:
    watch = Watch(arrived=1.0, patience=10, doubt=0.9)
    state = ""
    for p in points:
        state = watch.see([p], [abs(goal - p[1])], [unlike])
        if state != "running":
            break
    return state


def test_watch() -> None:
    assert watched([(0, i) for i in range(50)]) == "running"
    assert watched([(0, 2 * i) for i in range(60)]) == "arrived"
    assert watched([(0, 5)] * 60) == "stalled"
    assert watched([(0, 5 + 3 * (i % 2)) for i in range(60)]) == "oscillating"
    assert watched([(0, i) for i in range(LOST_STEPS)], unlike=1.0) == "lost"
    assert watched([(0, i) for i in range(LOST_STEPS - 1)], unlike=1.0) == "running"
    assert watched([(0, 1)], unlike=float("nan")) == "diverged"
    quiet = Watch(arrived=1.0, patience=2, doubt=0.9, strict=False)
    assert {quiet.see([(0, 5)], [50.0], [5.0]) for _ in range(20)} == {"running"}


# ---- what is refused ----


def places(handle: object, target: object) -> Points:
    return Points(torch.tensor([handle]), torch.tensor([target]), ids=(1,))


NAN = float("nan")
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("nothing to drag", {"points": Points(torch.zeros(0, 2), torch.zeros(0, 2), ids=())}),
    ("nothing to drag", {"points": replace(MOVE, hidden=(True,))}),
    ("every handle needs one target", {"points": replace(MOVE, targets=torch.zeros(0, 2))}),
    ("at its target already", {"points": places([0.5, 0.5], [0.5, 0.5])}),
    ("outside the picture", {"points": places([0.5, 1.5], [0.5, 0.5])}),
    ("outside the picture", {"points": places([0.5, 0.5], [-0.1, 0.5])}),
    ("is not a number", {"points": places([NAN, 0.5], [0.5, 0.5])}),
    ("is not a number", {"points": places([0.5, 0.5], [0.5, float("inf")])}),
    ("at most 32", {"points": pairs(*[(0.1, i / 200, 0.5, 0.5) for i in range(200)])}),
    ("two numbers", {"points": Points(torch.zeros(1, 3), torch.zeros(1, 3), ids=(1,))}),
    ("a handle and a target", {"points": 3}),
    ("mask is empty", {"mask": torch.zeros(64, 64, dtype=torch.bool)}),
    ("has the shape", {"mask": torch.ones(5, 64, dtype=torch.bool)}),
    ("true and false", {"mask": torch.ones(64, 64)}),
    ("true and false", {"mask": "white"}),
    ("mode 'sideways'", {"options": DragOptions(mode="sideways")}),  # type: ignore[arg-type]
    ("space 'z'", {"options": DragOptions(space="z")}),  # type: ignore[arg-type]
    ("has none: use latent", {"options": DragOptions(mode="coarse")}),
    ("has none: use latent", {"options": DragOptions(mode="joint")}),
    ("steps is 0", {"options": DragOptions(steps=0)}),
    ("steps is '3'", {"options": DragOptions(steps="3")}),  # type: ignore[arg-type]
    ("steps is '2.5'", {"options": DragOptions(steps=2.5)}),  # type: ignore[arg-type]
    ("learning_rate is nan", {"options": DragOptions(learning_rate=NAN)}),
    ("mask_weight is -1", {"options": DragOptions(mask_weight=-1)}),
    ("picture_every is 'True'", {"options": DragOptions(picture_every=True)}),
    ("watch is", {"options": DragOptions(watch="no")}),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("words", "given"), REFUSED)
def test_errors(stylegan2: StyleGAN2Scenes, words: str, given: dict[str, Any]) -> None:
    with pytest.raises(DragError, match=words) as complaint:
        drag(
            stylegan2, stylegan2.sample(1), given.get("points", MOVE), given.get("mask"), given.get("options")
        )
    assert "\n" not in str(complaint.value)


@pytest.mark.parametrize("make", [Box3DGenerator.tiny, GANformerScenes.tiny])
def test_errors_models_without_spatial_features(make: Any) -> None:
    generator = make()
    with pytest.raises(DragError, match="cannot be dragged"):
        drag(generator, generator.sample(1), MOVE)


def test_errors_features_that_are_not_finite(stylegan2: StyleGAN2Scenes) -> None:
    scene = stylegan2.sample(1)
    rows = torch.full_like(stylegan2.codes_of(scene)[0], NAN)
    broken = replace(scene, latent=replace(scene.latent, rows=rows), provenance=Provenance("drag"))
    with pytest.raises(DragError, match="not finite"):
        drag(stylegan2, broken, MOVE)


def test_errors_scenes_of_another_model(stylegan2: StyleGAN2Scenes, heatmaps: SpatialGANScenes) -> None:
    with pytest.raises(ValueError, match="was made for the model"):
        drag(stylegan2, heatmaps.sample(1), MOVE)


def test_masks() -> None:
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[:32] = True
    fixed: Tensor | None = check_mask(mask, 256)
    assert fixed is not None
    assert fixed.shape == (256, 256)
    assert not fixed[:128].any()
    assert fixed[128:].all()
    assert check_mask(torch.ones(64, 64, dtype=torch.bool), 256) is None
    assert check_mask(None, 256) is None
