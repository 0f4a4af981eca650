"""Networks for measures: names and shapes as published, sizes, LPIPS as a distance, Inception by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spatial_edit.nn.backbones import KINDS, build_backbone
from spatial_edit.nn.inception import Inception, Unit, max_pool, mean_pool
from spatial_edit.nn.lpips import Lpips
from spatial_edit.nn.trunks import alexnet, squeezenet, vgg16

# the published files' tensors: numbers of the layers, and shapes of their weights
VGG16 = {
    0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256), 14: (256, 256),
    17: (512, 256), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512),
}  # fmt: skip
ALEXNET = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
SQUEEZENET = {  # squeeze, expand, inputs
    3: (16, 64, 64), 4: (16, 64, 128), 6: (32, 128, 128), 7: (32, 128, 256),
    9: (48, 192, 256), 10: (48, 192, 384), 11: (64, 256, 384), 12: (64, 256, 512),
}  # fmt: skip


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(t.shape) for name, t in module.state_dict().items()}


def convolution(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def test_shapes_of_the_trunks_are_those_of_the_published_files():
    wanted: dict[str, tuple[int, ...]] = {}
    for n, (outputs, inputs) in VGG16.items():
        wanted |= convolution(f"features.{n}", outputs, inputs, 3, 3)
    assert shapes(vgg16()) == wanted

    wanted = {}
    for n, (outputs, inputs, side) in ALEXNET.items():
        wanted |= convolution(f"features.{n}", outputs, inputs, side, side)
    assert shapes(alexnet()) == wanted

    wanted = convolution("features.0", 64, 3, 3, 3)
    for n, (squeeze, expand, inputs) in SQUEEZENET.items():
        wanted |= convolution(f"features.{n}.squeeze", squeeze, inputs, 1, 1)
        wanted |= convolution(f"features.{n}.expand1x1", expand, squeeze, 1, 1)
        wanted |= convolution(f"features.{n}.expand3x3", expand, squeeze, 3, 3)
    assert shapes(squeezenet()) == wanted


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("inception", 21_785_568),  # without the 1008 outputs
        ("vgg16", 14_714_688),
        ("alexnet", 2_469_696),
        ("squeezenet", 722_496),
        ("lpips-vgg", 14_714_688 + 1472),
        ("lpips-alex", 2_469_696 + 1152),
        ("lpips-squeeze", 722_496 + 2240),
    ],
)
def test_numbers_of_parameters(kind, count):
    assert kind in KINDS
    with torch.device("meta"):
        assert sum(p.numel() for p in build_backbone({"kind": kind}).parameters()) == count


@torch.no_grad()
def test_shapes_of_the_taps():
    images = torch.rand(2, 3, 64, 64)
    sides = {vgg16: (64, 32, 16, 8, 4), alexnet: (15, 7, 3, 3, 3), squeezenet: (31, 15, 7, 3, 3, 3, 3)}
    for make, wanted in sides.items():
        trunk = make()
        taps = trunk(images)
        assert tuple(t.shape[-1] for t in taps) == wanted
        assert tuple(t.shape[1] for t in taps) == trunk.widths
        assert all(t.min() >= 0 for t in taps)  # behind a ReLU


@pytest.fixture(scope="module")
def distance() -> Lpips:
    torch.manual_seed(0)
    lpips = Lpips(squeezenet()).eval()
    for head in lpips.heads:
        nn.init.uniform_(head.weight, 0, 1)
    return lpips


@torch.no_grad()
def test_numbers_lpips_is_a_distance(distance):
    a, b = torch.rand(2, 3, 3, 64, 48) * 2 - 1
    assert torch.equal(distance(a, a), torch.zeros(3))
    assert (distance(a, b) > 0).all()
    assert torch.allclose(distance(a, b), distance(b, a), rtol=1e-5)
    noisy = [distance(a, (a + s * torch.randn_like(a)).clamp(-1, 1)).mean() for s in (0.05, 0.2, 0.8)]
    assert noisy[0] < noisy[1] < noisy[2]
    one = distance(a[1:2], b[1:2])
    assert torch.allclose(one, distance(a, b)[1:2], rtol=1e-5)


@torch.no_grad()
def test_numbers_lpips_by_hand():
    """One head that counts one channel of the first tap; both pictures' vectors have length one."""
    lpips = Lpips(alexnet()).eval()
    for p in lpips.parameters():
        p.zero_()
    lpips.trunk.features[0].bias[0] = 3.0  # everywhere (3, 0, 0, ..): its unit vector is (1, 0, 0, ..)
    lpips.trunk.features[0].weight[1, 0, 5, 5] = 1.0  # channel 1: red, behind the ReLU
    lpips.heads[0].weight[0, 1] = 2.0
    black, red = torch.full((1, 3, 64, 64), -1.0), torch.full((1, 3, 64, 64), -1.0)
    red[:, 0] = 1.0
    seen = (1.0 + 0.030) / 0.458
    unit = seen / (9 + seen**2) ** 0.5
    assert lpips(black, red).item() == pytest.approx(2 * unit**2, rel=1e-4)


def test_gradients_of_lpips_reach_the_picture(distance):
    a = torch.zeros(1, 3, 32, 32, requires_grad=True)
    distance(a, torch.rand(1, 3, 32, 32)).sum().backward()
    assert a.grad.isfinite().all() and a.grad.abs().max() > 0


def test_errors_of_lpips(distance):
    with pytest.raises(ValueError, match="one shape"):
        distance(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 32))
    with pytest.raises(ValueError, match="32 pixels"):
        distance(torch.zeros(1, 3, 31, 64), torch.zeros(1, 3, 31, 64))
    with pytest.raises(ValueError, match="describes 'resnet'"):
        build_backbone({"kind": "resnet"})


def test_numbers_pooling_by_hand():
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])[None, None]
    # the corner's mean is over the four that are there: with the padding counted it would be 12 / 9
    assert mean_pool(x)[0, 0, 0].tolist() == [3.0, 3.5, 4.0]
    assert mean_pool(x)[0, 0, 1, 1].item() == 5.0
    assert max_pool(-x)[0, 0].tolist() == [[-1, -1, -2], [-1, -1, -2], [-4, -4, -5]]


@torch.no_grad()
def test_numbers_batch_norm_has_eps_one_thousandth():
    unit = Unit(1, 1, 1).eval()
    unit.conv.weight.fill_(1.0)
    unit.bn.running_var.fill_(0.003)
    assert unit(torch.ones(1, 1, 1, 1)).item() == pytest.approx(1 / 0.004**0.5, rel=1e-5)


@pytest.fixture(scope="module")
def inception() -> Inception:
    torch.manual_seed(1)
    return Inception().eval()


@torch.no_grad()
def test_shapes_of_inception(inception):
    names = shapes(inception)
    assert names["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert names["Mixed_5b.branch5x5_2.conv.weight"] == (64, 48, 5, 5)
    assert names["Mixed_5b.branch_pool.conv.weight"] == (32, 192, 1, 1)
    assert names["Mixed_6a.branch3x3dbl_3.conv.weight"] == (96, 96, 3, 3)
    assert names["Mixed_6b.branch7x7_2.conv.weight"] == (128, 128, 1, 7)
    assert names["Mixed_6e.branch7x7dbl_5.conv.weight"] == (192, 192, 1, 7)
    assert names["Mixed_7a.branch7x7x3_4.conv.weight"] == (192, 192, 3, 3)
    assert names["Mixed_7b.branch3x3dbl_3b.conv.weight"] == (384, 384, 3, 1)
    assert names["Mixed_7c.branch1x1.conv.weight"] == (320, 2048, 1, 1)
    assert names["Mixed_7c.branch_pool.bn.running_var"] == (192,)
    assert len([n for n in names if n.endswith("conv.weight")]) == 94
    assert not any(name.endswith("conv.bias") for name in names)

    sides = []
    parts = [inception.Conv2d_2b_3x3, inception.Conv2d_4a_3x3]
    parts += [inception.Mixed_5d, inception.Mixed_6e, inception.Mixed_7c]
    hooks = [p.register_forward_hook(lambda m, i, o: sides.append(tuple(o.shape[1:3]))) for p in parts]
    features = inception(torch.rand(1, 3, 40, 56))
    for hook in hooks:
        hook.remove()
    assert sides == [(64, 147), (192, 71), (288, 35), (768, 17), (2048, 8)]
    assert features.shape == (1, 2048) and features.min() >= 0


@torch.no_grad()
def test_numbers_only_the_last_block_takes_the_maximum(inception):
    """Its pooling branch sees the largest neighbour, that of the block before it the mean."""
    x = torch.zeros(1, 2048, 8, 8)
    x[:, :, 4, 4] = 1.0
    seen = []
    hook = inception.Mixed_7c.branch_pool.register_forward_pre_hook(lambda m, i: seen.append(i[0]))
    inception.Mixed_7c(x)
    hook.remove()
    hook = inception.Mixed_7b.branch_pool.register_forward_pre_hook(lambda m, i: seen.append(i[0]))
    inception.Mixed_7b(x[:, :1280])
    hook.remove()
    assert seen[0][0, 0, 3:6, 3:6].eq(1).all() and seen[0].sum() == 9 * 2048
    assert seen[1][0, 0, 3:6, 3:6].eq(1 / 9).all()
