"""Co-move, background change and dead blobs on a world of coloured discs, where every answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from spatial_edit.data.rooms.vocabulary import SEMANTIC, SEMANTIC_ID
from spatial_edit.layouts import Blobs, Latent, Layout, Scene
from spatial_edit.metrics.co_move import (
    DISTANCE,
    SIX,
    Steering,
    co_move,
    draw_step,
    measure_moves,
    propose,
    stays_inside,
)
from spatial_edit.metrics.locality import background_change, dead_blobs, dilate
from spatial_edit.metrics.segments import Segment, at, best_match, components, describe, read_segments

SIDE = 48
PALETTE = torch.stack([torch.arange(20) % 3, torch.arange(20) // 3 % 3, torch.arange(20) // 9], 1) - 1.0


class ColourJudge:
    """Names a pixel by the nearest of 20 colours; its maps are the colours themselves."""

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return avg_pool2d(images, 2), avg_pool2d(images, 4)

    def logits(self, images: Tensor, maps: object) -> Tensor:
        return -(images[:, None] - PALETTE[None, :, :, None, None]).square().sum(2)


class Discs:
    """Draws each element as a disc of its row's class. `follow`: how much of a displacement from 0.5 the disc
    takes.
    """

    def __init__(self, follow: float = 1.0, leak: float = 0.0, dead: tuple[int, ...] = ()) -> None:
        self.follow, self.leak, self.dead = follow, leak, dead

    def opacities(self, scenes: list[Scene], resolution: int) -> list[Tensor]:
        axis = (torch.arange(resolution) + 0.5) / resolution
        result = []
        for scene in scenes:
            assert isinstance(scene.layout, Blobs)
            drawn = 0.5 + (scene.layout.centres - 0.5) * self.follow
            dx, dy = axis - drawn[:, :1], axis - drawn[:, 1:]
            distance = (dx.square()[:, None] + dy.square()[:, :, None]).sqrt()
            result.append((distance < scene.layout.sizes[:, None, None]).float())
        return result

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        pictures = []
        for scene, opacities in zip(scenes, self.opacities(scenes, SIDE), strict=True):
            assert isinstance(scene.layout, Blobs)
            picture = PALETTE[SEMANTIC_ID["wall"]][:, None, None].expand(3, SIDE, SIDE)
            picture = picture + self.leak * scene.layout.centres.sum()
            for row, opacity in zip(scene.layout.rows, opacities, strict=True):
                if row not in self.dead:
                    picture = torch.where(opacity > 0.5, PALETTE[row][:, None, None], picture)
            pictures.append(picture)
        return torch.stack(pictures)


def scene(*elements: tuple[str, float, float, float], hidden: tuple[bool, ...] = ()) -> Scene:
    numbers = torch.tensor([e[1:] for e in elements])
    layout = Blobs(
        numbers[:, :2],
        numbers[:, 2],
        torch.ones(len(elements)),
        torch.zeros(len(elements)),
        tuple(range(len(elements))),
        tuple(SEMANTIC_ID[e[0]] for e in elements),
        hidden,
    )
    return Scene("discs", "0" * 16, layout, Latent(0, 0.0, torch.zeros(20, 1), torch.zeros(1)))


def segments_of(model: Discs, *scenes: Scene) -> list[list[Segment]]:
    return read_segments(ColourJudge(), model.render_batch(list(scenes)))  # type: ignore[arg-type]


def measure(model: Discs, scenes: list[Scene], seed: int = 0) -> dict[str, list[float]]:
    return measure_moves(model, ColourJudge(), scenes, seed).ratios  # type: ignore[arg-type]


ROOM = scene(("bed", 0.35, 0.4, 0.18), ("plant", 0.75, 0.7, 0.1))


@pytest.mark.parametrize("follow", [1.0, 0.5])
def test_numbers_ratio_is_the_share_that_follows(follow: float) -> None:
    # centres at 0.5 are drawn there whatever `follow` is, so the element lies in its own segment
    ratios = measure(Discs(follow), [scene(("bed", 0.5, 0.5, 0.18))] * 12)
    assert len(ratios["bed"]) == 12
    assert np.mean(ratios["bed"]) == pytest.approx(follow, abs=0.03)


def test_numbers_an_element_that_draws_nothing_counts_against_the_class_it_lies_on() -> None:
    world = scene(("bed", 0.5, 0.5, 0.2), ("rug", 0.5, 0.5, 0.1))
    model = Discs(dead=(SEMANTIC_ID["rug"],))
    ratios = measure(model, [world] * 8)
    assert set(ratios) == {"bed"} and sorted(round(r) for r in ratios["bed"]) == [0] * 8 + [1] * 8


def test_numbers_topmost_elements_are_those_that_nothing_covers() -> None:
    world = scene(("rug", 0.5, 0.5, 0.1), ("bed", 0.45, 0.5, 0.2))  # the bed is nearer and hides the rug
    steering = measure_moves(Discs(), ColourJudge(), [world] * 8)  # type: ignore[arg-type]
    assert len(steering.ratios["bed"]) == 16 and len(steering.topmost["bed"]) == 8
    assert np.mean(steering.topmost["bed"]) == pytest.approx(1, abs=0.05)
    assert np.mean(steering.ratios["bed"]) == pytest.approx(0.5, abs=0.05)


def test_numbers_elements_on_the_shell_and_hidden_ones_are_not_moved() -> None:
    world = scene(
        ("bed", 0.3, 0.5, 0.15),
        ("chair", 0.8, 0.5, 0.1),
        ("plant", 0.8, 0.2, 0.02),
        hidden=(False, True, False),
    )
    assert set(measure(Discs(), [world] * 3)) == {"bed"}  # the plant is smaller than 0.5 % of the picture


def test_determinism_same_seed_same_moves() -> None:
    assert measure(Discs(), [ROOM] * 3, 5) == measure(Discs(), [ROOM] * 3, 5)
    assert measure(Discs(), [ROOM] * 3, 5) != measure(Discs(), [ROOM] * 3, 6)


def test_numbers_steps_have_the_right_length_and_stay_inside() -> None:
    (segments,) = segments_of(Discs(), scene(("bed", 0.2, 0.8, 0.18)))
    bed = next(s for s in segments if s.label == SEMANTIC_ID["bed"])
    random = np.random.RandomState(0)
    steps = [draw_step(bed, random) for _ in range(300)]
    assert all(step is not None and stays_inside(bed, *step) for step in steps)
    lengths = [float(np.hypot(*step)) for step in steps if step is not None]
    assert min(lengths) >= DISTANCE[0] and max(lengths) <= DISTANCE[1]
    assert max(dx for dx, _ in filter(None, steps)) > 0.12  # away from the border it may go far
    wall = next(s for s in segments if s.label == SEMANTIC_ID["wall"])
    assert draw_step(wall, random) is None
    opacities = Discs().opacities([ROOM], SIDE)[0]
    elements = [move.element for move in propose(0, ROOM, segments, opacities, random)]
    assert elements == []  # the bed is elsewhere in this picture


def test_numbers_segments() -> None:
    (segments,) = segments_of(Discs(), ROOM)
    bed, plant = (next(s for s in segments if s.label == SEMANTIC_ID[n]) for n in ("bed", "plant"))
    assert bed.centroid == pytest.approx((0.35, 0.4), abs=0.01)
    assert bed.area == pytest.approx(np.pi * 0.18**2, rel=0.05)
    assert bed.box == pytest.approx((0.17, 0.22, 0.53, 0.58), abs=0.03)
    assert float(bed.descriptor.norm()) == pytest.approx(1, abs=1e-5)
    assert at(segments, 0.36, 0.41) is bed and at(segments, 0.75, 0.7) is plant
    assert at(segments, -0.01, 0.5) is None and at(segments, 0.5, 1.0) is None


def test_numbers_components_are_8_connected_and_not_too_small() -> None:
    labels = torch.zeros(20, 20, dtype=torch.long)
    labels[2:4, 2:4] = 4
    labels[4:6, 4:6] = 4  # touches by a corner
    labels[10, 10] = 4  # 0.25 % of the picture
    labels[15:17, 10:12] = 7
    found = components(labels)
    assert [(label, int(mask.sum())) for label, mask in found] == [(0, 387), (4, 8), (7, 4)]
    assert len(components(labels, 0.002)) == 4
    assert describe(torch.zeros(0, 4).long().expand(0, 4), []) == []


def test_numbers_best_match_wants_the_same_class_and_a_like_size() -> None:
    (one,), (other,) = (
        [s for s in segments if s.label == SEMANTIC_ID["bed"]]
        for segments in segments_of(Discs(), scene(("bed", 0.3, 0.3, 0.2)), scene(("bed", 0.7, 0.6, 0.19)))
    )
    assert best_match(one, [other]) is other
    assert best_match(one, [replace(other, label=SEMANTIC_ID["chair"])]) is None
    assert best_match(one, [replace(other, area=one.area * 2.6)]) is None
    assert best_match(one, [replace(other, descriptor=-other.descriptor)]) is None
    assert best_match(one, [replace(other, descriptor=0.6 * other.descriptor), other]) is other
    assert best_match(one, []) is None
    assert best_match(one, [other], [one]) is other  # another one stood elsewhere
    assert best_match(one, [other], [other]) is None  # it stood right there before


def test_numbers_summary_wants_100_moves_and_averages_the_six() -> None:
    ratios = {name: [0.5] * 100 for name in SIX} | {"rug": [1.0] * 200, "mirror": [1.0] * 99}
    ratios["chair"] = [1.0] * 99
    ratios["bed"] = [1.0] * 300
    result = co_move(Steering(ratios, {"bed": [0.7] * 100}))
    assert result["co_move_mirror_n"] == 99 and "co_move_mirror" not in result
    assert result["co_move_rug"] == 1.0 and result["co_move_bed"] == 1.0
    assert result["co_move"] == pytest.approx((1 + 4 * 0.5) / 5)
    assert result["co_move_classes"] == "bed window painting wardrobe plant"
    assert result["co_move_topmost"] == result["co_move_topmost_bed"] == 0.7
    assert "co_move" not in co_move(Steering({"bed": [1.0]})) and "background_change" not in result


def test_numbers_background_change_is_measured_outside_the_footprints() -> None:
    quiet = co_move(measure_moves(Discs(), ColourJudge(), [ROOM] * 4))  # type: ignore[arg-type]
    assert quiet["background_change"] == 0.0
    # leak * (sum of centres) lifts every pixel; a move by p lifts them by leak * (dx + dy)
    model, old = Discs(leak=0.25), scene(("bed", 0.4, 0.4, 0.1))
    new = scene(("bed", 0.5, 0.5, 0.1))
    before, after = model.render_batch([old]), model.render_batch([new])
    change, area = background_change(model, before, after, [old], [new], [0])
    wall = PALETTE[SEMANTIC_ID["wall"]]
    lifted = ((wall + 0.25).clamp(-1, 1) - (wall + 0.2).clamp(-1, 1)).abs().mean() / 2
    assert change == pytest.approx([float(lifted)], abs=1e-6)
    assert 0.03 < area[0] < 0.15


def test_numbers_dilate() -> None:
    masks = torch.zeros(1, 9, 9, dtype=torch.bool)
    masks[0, 4, 4] = True
    assert int(dilate(masks).sum()) == 25


def test_numbers_dead_blobs() -> None:
    # 20 slots; two are used, one of them draws nothing
    assert dead_blobs(Discs(), [ROOM] * 3) == pytest.approx(18 / 20)
    assert dead_blobs(Discs(dead=(SEMANTIC_ID["plant"],)), [ROOM] * 3) == pytest.approx(19 / 20)
    # alive in 1 of 20 scenes is dead (95 %), in 2 of 20 it is alive
    bare = scene(("bed", 0.35, 0.4, 0.18))
    assert dead_blobs(Discs(), [ROOM] + [bare] * 19) == pytest.approx(19 / 20)
    assert dead_blobs(Discs(), [ROOM] * 2 + [bare] * 18) == pytest.approx(18 / 20)


def test_errors() -> None:
    odd = replace(ROOM, layout=Layout())
    with pytest.raises(ValueError, match="layout of blobs"):
        measure(Discs(), [odd])
    with pytest.raises(ValueError, match="layout of blobs"):
        dead_blobs(Discs(), [odd])
    with pytest.raises(ValueError, match="one model"):
        dead_blobs(Discs(), [])


def test_smoke_palette_has_20_distinct_colours() -> None:
    assert len(SEMANTIC) == 20 and len({tuple(c) for c in PALETTE.tolist()}) == 20
