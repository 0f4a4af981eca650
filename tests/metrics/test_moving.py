"""Co-move of any layout by any detector, and patches found again, in worlds where the answer is known."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit import cli, commands
from spatial_edit.data.rooms.vocabulary import SEMANTIC_ID
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Blobs, Latent, Layout, Scene
from spatial_edit.layouts.boxes import Boxes
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.metrics.co_move import along, co_move, measure_moves
from spatial_edit.metrics.movable import chosen, covers, layout_of, shifted, visible, word
from spatial_edit.metrics.moving import (
    DETECTORS,
    PatchMoves,
    SegmenterReader,
    measure,
    measure_patches,
    plain_mean,
)
from spatial_edit.metrics.patches import Patches
from spatial_edit.nn.segmenter import Segmenter
from tests.metrics.test_co_move import PALETTE, ColourJudge

SIDE = 64


def heatmaps(centres: list[tuple[float, float]], levels: tuple[int, ...], **more: object) -> Heatmaps:
    return Heatmaps(
        torch.tensor(centres), torch.full((len(centres),), 0.1), levels, tuple(range(len(centres))), **more
    )  # type: ignore[arg-type]


HIERARCHY = heatmaps([(0.5, 0.5), (0.4, 0.45), (0.6, 0.45), (0.5, 0.6)], (0, 1, 1, 2))


class Textures:
    """Draws a texture of its own round every centre, on smooth noise. follow: the share of a centre's way
    from the middle that its texture takes."""

    weights = "0" * 16

    def __init__(self, follow: float = 1.0, layout: Layout = HIERARCHY, words: tuple[str, ...] = ()) -> None:
        self.follow, self.layout = follow, layout
        self.spec = ModelSpec(
            "textures", 251, "textures", "Textures", "heatmaps", SIDE, "MIT", "none", None, words
        )
        random = torch.Generator().manual_seed(3)
        ground = torch.randn(1, 3, 6, 6, generator=random)
        self.ground = F.interpolate(ground, (SIDE, SIDE), mode="bicubic")[0] * 0.15
        self.textures = torch.randn(8, 3, 7, 7, generator=random).clamp(-1, 1)

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        return Scene(
            "textures", self.weights, self.layout, Latent(seed, 0.0, torch.zeros(1, 1), torch.zeros(0))
        )

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        axis = (torch.arange(SIDE) + 0.5) / SIDE
        picture = self.ground
        layout = layout_of(scene)
        for number, centre in zip(layout.ids, layout.centres, strict=True):
            x, y = (0.5 + (centre - 0.5) * self.follow).tolist()
            grid = torch.stack(torch.meshgrid(axis - x, axis - y, indexing="xy"), -1) / 0.1
            texture = F.grid_sample(self.textures[number][None], grid[None], align_corners=False)[0]
            near = (grid.abs().amax(-1) < 1).float()
            picture = picture * (1 - near) + texture * near
        return picture.clamp(-1, 1)

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        return torch.stack([self.render(scene) for scene in scenes])


class Discs:
    """Discs of the colour judge's classes at the centres of the coarsest level."""

    def __init__(self, follow: float = 1.0) -> None:
        self.follow = follow

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        axis = (torch.arange(SIDE) + 0.5) / SIDE
        pictures = []
        for scene in scenes:
            layout = layout_of(scene)
            picture = PALETTE[SEMANTIC_ID["wall"]][:, None, None].expand(3, SIDE, SIDE)
            for k, (x, y) in enumerate((0.5 + (layout.centres - 0.5) * self.follow).tolist()):
                if isinstance(layout, Heatmaps) and layout.levels[k] > 0:
                    continue
                near = (axis[None, :] - x).square() + (axis[:, None] - y).square() < 0.15**2
                colour = PALETTE[(SEMANTIC_ID["bed"], SEMANTIC_ID["plant"])[k]]
                picture = torch.where(near, colour[:, None, None], picture)
            pictures.append(picture)
        return torch.stack(pictures)


def scene(layout: Layout) -> Scene:
    return Scene("discs", "0" * 16, layout, Latent(0, 0.0, torch.zeros(1, 1), torch.zeros(1)))


@pytest.fixture(scope="module")
def patches() -> Patches:
    return Patches.judge()


# what moves -------------------------------------------------------------------------------------------------


def test_numbers_finer_centres_follow_unless_detached() -> None:
    after = layout_of(shifted(scene(HIERARCHY), 0, 0.1, -0.2)).centres - HIERARCHY.centres
    assert torch.allclose(after, torch.tensor([0.1, -0.2]).expand(4, 2), atol=1e-6)
    loose = replace(HIERARCHY, detached=(False, True, False, False))
    after = layout_of(shifted(scene(loose), 0, 0.1, -0.2)).centres - loose.centres
    assert after[1].tolist() == [0, 0] and after[3].tolist() == pytest.approx([0.1, -0.2])
    after = layout_of(shifted(scene(HIERARCHY), 1, 0.1, 0.0)).centres - HIERARCHY.centres
    assert after.abs().sum(1).gt(0).tolist() == [False, True, False, False]
    assert HIERARCHY.centres[0].tolist() == [0.5, 0.5], "the scene itself stays"


def test_numbers_levels_are_chosen_and_hidden_elements_left_out() -> None:
    assert chosen(scene(HIERARCHY), (1,)) == [1, 2] and chosen(scene(HIERARCHY)) == [0, 1, 2, 3]
    hidden = replace(HIERARCHY, hidden=(False, True, False, False))
    assert layout_of(visible(scene(hidden))).ids == (0, 2, 3)


def test_numbers_later_boxes_cover_earlier_ones() -> None:
    boxes = Boxes(
        torch.tensor([[0.5, 0.5], [0.75, 0.5]]), torch.tensor([[0.5, 0.5], [0.5, 0.25]]), ("a", "b"), (0, 1)
    )
    (filled,) = covers(object(), [scene(boxes)], 8)
    assert filled is not None and filled.sum((1, 2)).tolist() == [16, 8]
    assert filled[1, 3:5, 4:8].all() and not filled[1, :, :4].any()
    assert covers(object(), [scene(HIERARCHY)], 8) == [None]
    assert word(Textures().spec, scene(boxes), 1) == "b"


def test_numbers_words_of_elements() -> None:
    assert word(Textures().spec, scene(HIERARCHY), 3) == "level 2"
    assert word(Textures(words=("face", "left eye")).spec, scene(HIERARCHY), 1) == "left eye"
    blobs = Blobs(torch.zeros(1, 2), torch.ones(1), torch.ones(1), torch.zeros(1), (0,), (1,))
    assert word(Textures(words=("a", "b")).spec, scene(blobs), 0) == "b"


def test_errors_of_layouts() -> None:
    with pytest.raises(ValueError, match="blobs, heatmaps or boxes, discs has none"):
        visible(scene(Layout()))
    with pytest.raises(ValueError, match="blobs, heatmaps or boxes"):
        measure_patches(Textures(layout=Layout()), Patches.judge(), [scene(Layout())])


# detectors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("follow", [1.0, 0.5, 0.0])
def test_numbers_heatmaps_by_a_judge(follow: float) -> None:
    world = scene(heatmaps([(0.5, 0.5), (0.5, 0.4)], (0, 1)))
    steering = measure_moves(Discs(follow), ColourJudge(), [world] * 12, levels=(0,))
    assert list(steering.ratios) == ["bed"] and len(steering.ratios["bed"]) == 12
    assert sum(steering.ratios["bed"]) / 12 == pytest.approx(follow, abs=0.04)
    figures = co_move(steering) | plain_mean(steering)
    assert figures["co_move_mean"] == pytest.approx(follow, abs=0.04) and figures["co_move_n"] == 12
    assert "background_change" not in figures, "heatmaps do not say where they draw"


def test_numbers_every_level_counts_when_none_is_named() -> None:
    world = scene(heatmaps([(0.5, 0.5), (0.5, 0.4)], (0, 1)))
    steering = measure_moves(Discs(), ColourJudge(), [world] * 8)
    assert sorted(round(ratio) for ratio in steering.ratios["bed"]) == [0] * 8 + [1] * 8


def test_shapes_of_the_segmenter_in_the_judges_place() -> None:
    torch.manual_seed(0)
    reader = SegmenterReader(Segmenter().eval())
    images = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        maps = reader.maps(images)
        logits = reader.logits(images, maps)
    assert [tuple(m.shape) for m in maps] == [(2, 48, 32, 32), (2, 128, 8, 8)]
    assert logits.shape == (2, 20, SIDE, SIDE)
    half = reader.segmenter(images)
    agree = (logits.argmax(1)[:, ::2, ::2] == half.argmax(1)).float().mean()
    assert agree > 0.7, "the same names at twice the side"


@pytest.mark.parametrize("follow", [1.0, 0.0])
def test_numbers_patches_are_found_where_they_went(patches: Patches, follow: float) -> None:
    model = Textures(follow, heatmaps([(0.5, 0.5)], (0,)))
    tally = measure_patches(model, patches, [model.sample(s) for s in range(10)])
    assert len(tally.ratios["level 0"]) == 10 and tally.lost == 0
    assert tally.figures()["co_move"] == pytest.approx(follow, abs=0.08)


def test_numbers_a_patch_between_cells_keeps_its_place(patches: Patches) -> None:
    model = Textures(1.0, heatmaps([(0.41, 0.47)], (0,)))
    one = model.sample(0)
    maps = patches.read(model.render_batch([one, shifted(one, 0, 0.17, 0.08)]))
    still, gone = (patches.find(maps[0], (0.41, 0.47), maps[k]) for k in (0, 1))
    assert (still.x, still.y) == pytest.approx((0.41, 0.47), abs=2e-3) and still.likeness > 0.999
    assert (gone.x, gone.y) == pytest.approx((0.58, 0.55), abs=0.015)


def test_determinism_of_patch_moves(patches: Patches) -> None:
    model = Textures()
    scenes = [model.sample(0)]
    first, again, other = (measure_patches(model, patches, scenes, seed).ratios for seed in (1, 1, 2))
    assert first == again and first != other and set(first) == {"level 0", "level 1", "level 2"}


def test_numbers_patch_figures() -> None:
    figures = PatchMoves({"left eye": [1.0, 0.5], "nose (tip)": [0.0]}, lost=1).figures("x")
    assert figures == {
        "x": 0.5, "x_n": 3, "x_left_eye": 0.75, "x_left_eye_n": 2, "x_nose_tip": 0.0, "x_nose_tip_n": 1,
        "x_lost": 0.3333,
    }  # fmt: skip
    assert PatchMoves().figures() == {"co_move_n": 0}


def test_numbers_the_share_of_the_way() -> None:
    assert along(0.1, 0.0, 0.07, 0.5) == pytest.approx(0.7)
    assert along(0.1, 0.0, 1.0, 0.0) == 2.0 and along(0.1, 0.0, -1.0, 0.0) == -1.0


# the command ------------------------------------------------------------------------------------------------


def test_the_command_prints_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def lookup(options: Namespace) -> object:
        return lambda name: Textures()

    monkeypatch.setattr(commands, "_lookup", lookup)
    words = ["co-move", "textures", "--detector", "features", "--scenes", "2", "--level", "0", "--json"]
    assert cli.main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["model"] == "textures" and said["detector"] == "features" and said["co_move_n"] == 2
    assert said["co_move"] > 0.8
    assert cli.main([*words, "--seed", str(2**32 - 1)]) == 2
    assert "no room for 2 scenes" in capsys.readouterr().err


def test_errors_of_detectors() -> None:
    with pytest.raises(ValueError, match="there is no detector 'eyes': choose from rooms-judge"):
        measure(Textures(), "eyes")
    with pytest.raises(SystemExit):
        cli.main(["co-move", "blobgan-rooms", "--detector", "eyes"])
    parser = cli._parser()
    for name in DETECTORS:
        assert parser.parse_args(["co-move", "m", "--detector", name]).detector == name
