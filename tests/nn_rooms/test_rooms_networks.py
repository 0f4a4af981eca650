"""The segmenter, the judge, and their training on a pool that can be learnt in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from spatial_edit.checkpoints import load
from spatial_edit.metrics.features import load_judge
from spatial_edit.nn.judge import Judge, ResidualBlock
from spatial_edit.nn.segmenter import Segmenter, build_segmenter
from spatial_edit.train.rooms_networks import draw, render_pool, score, ship, shrink, train_room_network

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("side", [16, 64])
def test_shapes(side: int) -> None:
    images = torch.zeros(2, 3, side, side)
    segmenter, judge = Segmenter().eval(), Judge().eval()
    assert segmenter(images).shape == (2, 20, side // 2, side // 2)
    widths = [(m.shape[1], m.shape[2]) for m in segmenter.features(images)]
    assert widths == [(24, side), (48, side // 2), (96, side // 4), (128, side // 8)]
    assert judge(images).shape == (2, 20, side, side)
    assert judge.features(images).shape == (2, judge.dimension) == (2, 224)
    assert [m.shape[1:] for m in judge.maps(images)] == [
        (32, side // 2, side // 2),
        (80, side // 4, side // 4),
    ]
    assert parameters(segmenter) < 600_000 and parameters(judge) < 600_000


def test_errors_sides() -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        Segmenter()(torch.zeros(1, 3, 20, 20))
    with pytest.raises(ValueError, match="multiples of 4"):
        Judge()(torch.zeros(1, 3, 18, 20))
    with pytest.raises(ValueError, match="segmenter"):
        Segmenter()(torch.zeros(3, 64, 64))


def test_numbers_judge_features_are_mean_and_deviation() -> None:
    torch.manual_seed(0)
    judge = Judge(8, 16).eval()
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    fine, coarse = judge.maps(images)
    pooled = judge.features(images)
    torch.testing.assert_close(pooled[:, :8], fine.mean((2, 3)))
    torch.testing.assert_close(pooled[:, 32:], coarse.flatten(2).std(2))
    torch.testing.assert_close(judge(images), judge.logits(images, (fine, coarse)))


def test_numbers_a_fresh_residual_block_is_the_identity() -> None:
    x = torch.randn(1, 8, 5, 5)
    assert torch.equal(ResidualBlock(8, 2)(x), x)


def test_gradients_segmenter_features_reach_the_picture() -> None:
    images = torch.rand(1, 3, 16, 16, requires_grad=True)
    segmenter = Segmenter().eval().requires_grad_(False)
    sum(m.square().mean() for m in segmenter.features(images)).backward()  # type: ignore[union-attr]
    assert images.grad is not None and bool((images.grad != 0).all())


@pytest.fixture(scope="module")
def pool() -> tuple[torch.Tensor, torch.Tensor]:
    """Three flat colours in random quadrants, class = colour."""
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (96, 2, 2), generator=random).repeat_interleave(8, 1).repeat_interleave(8, 2)
    colours = torch.tensor([[250, 10, 10], [10, 250, 10], [10, 10, 250]], dtype=torch.uint8)
    return colours[labels].permute(0, 3, 1, 2).contiguous(), labels


@pytest.mark.parametrize("which", ["segmenter", "judge"])
def test_smoke_training_learns_colours(
    which: str, pool: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    lines: list[str] = []
    network, report = train_room_network(
        which, pool, 0.06, 0, 1, classes=("a", "b", "c"), held_out=32, say=lines.append
    )
    assert report["accuracy"] > 0.7 and report["miou"] > 0.5 and report["iou_a"] > 0.4  # type: ignore[operator]
    assert not network.training and report["images_seen"] > 0  # type: ignore[operator]

    report |= {"rooms": 96, "hardware": "a test", "command": "pytest"}
    ship(tmp_path / "net", which, network, report)
    assert json.loads((tmp_path / "net" / "metrics.json").read_text())["accuracy"] == report["accuracy"]
    card = (tmp_path / "net" / "README.md").read_text()
    assert f"# rooms-{which}" in card and "| b |" in card
    if which == "judge":
        again: nn.Module = load_judge(tmp_path / "net")[0]
    else:
        again = load(tmp_path / "net", build_segmenter)[0]
    images = pool[0][:4].float() / 127.5 - 1
    with torch.no_grad():
        torch.testing.assert_close(again(images), network(images), atol=0.05, rtol=0.05)


def test_errors_training(pool: tuple[torch.Tensor, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="choose segmenter or judge"):
        train_room_network("critic", pool, 0.01)
    with pytest.raises(ValueError, match="held out"):
        train_room_network("judge", pool, 0.01)
    with pytest.raises(ValueError, match="uint8"):
        train_room_network("judge", (pool[0].float(), pool[1]), 0.01)
    with pytest.raises(ValueError, match="judge"):
        build_segmenter({"kind": "judge"})


def test_determinism_draw(pool: tuple[torch.Tensor, torch.Tensor]) -> None:
    first, second = (draw(*pool, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert first[0].shape == (32, 3, 16, 16) and first[1].shape == (32, 16, 16)


def test_numbers_score_and_shrink() -> None:
    class Fixed(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(len(images), 3, 4, 4)
            logits[:, 0, :, :2] = 1
            logits[:, 1, :, 2:] = 1
            return logits

    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[:, :, 6:] = 1  # the answer calls twice as much class 1
    result = score(Fixed(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), labels)
    assert result == {
        "accuracy": 0.75,
        "iou_0": round(2 / 3, 4),
        "iou_1": 0.5,
        "miou": round((2 / 3 + 0.5) / 2, 4),
    }
    assert shrink(torch.arange(16).view(1, 4, 4), 2).tolist() == [[[0, 2], [8, 10]]]


def test_determinism_pool() -> None:
    rgb, semantic = render_pool(3, 77, 16)
    again, _ = render_pool(2, 77, 16)
    assert rgb.shape == (3, 3, 16, 16) and semantic.shape == (3, 16, 16) and int(semantic.max()) < 20
    assert torch.equal(rgb[:2], again)


@pytest.mark.skipif(
    not (CHECKPOINTS / "rooms-judge" / "config.json").is_file()
    or not (CHECKPOINTS / "rooms-segmenter" / "config.json").is_file(),
    reason="needs checkpoints/rooms-segmenter and rooms-judge: spatial_edit.train.rooms_networks.build",
)
def test_numbers_bundled_networks_are_as_good_as_their_cards_say() -> None:
    rgb, semantic = render_pool(48, 6_000_000)
    segmenter = load(CHECKPOINTS / "rooms-segmenter", build_segmenter)[0]
    for name, network in (("segmenter", segmenter), ("judge", load_judge()[0])):
        stated = json.loads((CHECKPOINTS / f"rooms-{name}" / "metrics.json").read_text())["accuracy"]
        assert score(network, rgb, semantic)["accuracy"] == pytest.approx(stated, abs=0.03)
