"""The synthesis network's three architectures against an independent computation: weights scaled for every
sample, resampling written out; limits, fixed noise, blocks one by one."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.nn.mapping import ConditionalMapping
from spatial_edit.nn.stylegan2 import ModulatedConv, SynthesisNetwork, ToRGB, eps_before_scaling

CHANNELS = {4: 5, 8: 4, 16: 3}
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def network(**options) -> SynthesisNetwork:
    torch.manual_seed(0)
    net = SynthesisNetwork(16, CHANNELS, 6, **options).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return net


def zeros_between(x: Tensor) -> Tensor:
    out = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    out[:, :, ::2, ::2] = x
    return out


def filtered(x: Tensor, before: int, after: int) -> Tensor:
    """A true convolution with the kernel of sum 4, one channel at a time."""
    kernel = (4 * torch.outer(TAPS, TAPS)).to(x)[None, None]
    x = F.pad(x, (before, after, before, after))
    return torch.cat([F.conv2d(x[:, i : i + 1], kernel) for i in range(x.shape[1])], 1)


def doubled(x: Tensor) -> Tensor:
    return filtered(zeros_between(x), 2, 1)


def styled(conv: ModulatedConv, x: Tensor, w: Tensor, up: bool, demodulate: bool, eps: float) -> Tensor:
    """Equations 1 and 3, sample by sample."""
    style = w @ conv.affine.weight.t() / math.sqrt(w.shape[1]) + conv.affine.bias
    pictures = []
    for picture, s in zip(x, style, strict=True):
        fan_in = conv.weight[0].numel()
        weight = conv.weight / math.sqrt(fan_in) * s[None, :, None, None]
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + eps).sqrt()
        if up:  # zeros between the samples, a convolution with the turned kernel, then the filter
            wide = F.conv2d(F.pad(zeros_between(picture[None]), (2, 1, 2, 1)), weight.flip(2, 3))
            pictures.append(filtered(wide, 1, 1))
        else:
            pictures.append(F.conv2d(picture[None], weight, padding=weight.shape[2] // 2))
    return torch.cat(pictures)


def expected(net: SynthesisNetwork, codes: Tensor, noise: list[Tensor], clamp: float = math.inf) -> Tensor:
    """The picture by the description of figure 7, block by block."""
    x = net.const[None].repeat(len(codes), 1, 1, 1)
    rgb = None
    for step, side in enumerate([4, 8, 16]):
        entering = x
        for i in [0] if step == 0 else [2 * step - 1, 2 * step]:
            layer = net.layers[i]
            x = styled(layer.conv, x, codes[:, i], step > 0 and i % 2 == 1, True, layer.conv.eps)
            x = x + layer.noise_strength * noise[i] + layer.bias[None, :, None, None]
            x = torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)
            x = x.clamp(-clamp, clamp)
        if step and net.architecture == "resnet":
            weight = net.skips[step - 1].conv.weight
            skip = doubled(F.conv2d(entering, weight / math.sqrt(weight.shape[1])))
            x = (x + skip) * math.sqrt(0.5)
        if net.architecture == "skip" or side == 16:
            to_rgb = net.rgbs[step if net.architecture == "skip" else 0]
            own = styled(to_rgb.conv, x, codes[:, 2 * step + 1], False, False, 0)
            own = (own + to_rgb.bias[None, :, None, None]).clamp(-clamp, clamp)
            rgb = own if rgb is None else doubled(rgb) + own
    assert rgb is not None
    return rgb


@torch.no_grad()
@pytest.mark.parametrize("architecture", ["skip", "orig", "resnet"])
@pytest.mark.parametrize("options", [{}, {"clamp": 0.6}, {"image_channels": 1}, {"exact_eps": True}])
def test_numbers_follow_the_description(architecture: str, options: dict) -> None:
    net = network(architecture=architecture, **options)
    codes = torch.randn(2, net.num_codes, 6, dtype=torch.float64)
    noise = [torch.randn(2, 1, r, r, dtype=torch.float64) for r in net.noise_sides]
    got = net(codes, noise)
    assert torch.allclose(got, expected(net, codes, noise, options.get("clamp", math.inf)), atol=1e-9)
    assert got.shape == (2, options.get("image_channels", 3), 16, 16)


def test_shapes_of_the_architectures() -> None:
    assert [len(network(architecture=a).rgbs) for a in ("skip", "orig", "resnet")] == [3, 1, 1]
    assert [len(network(architecture=a).skips) for a in ("skip", "orig", "resnet")] == [0, 0, 2]
    assert {network(architecture=a).num_codes for a in ("skip", "orig", "resnet")} == {6}
    # a network without options has the weights it always had
    assert not [n for n in network().state_dict() if n.startswith(("skips", "noise"))]


@torch.no_grad()
@pytest.mark.parametrize("architecture", ["skip", "orig", "resnet"])
def test_numbers_blocks_are_computed_when_asked_for(architecture: str) -> None:
    net = network(architecture=architecture, fixed_noise=True)
    codes, noise = torch.randn(2, 6, dtype=torch.float64), net.own_noise()
    whole = list(net.blocks(codes, noise))
    assert [(b.side, tuple(b.features.shape)) for b in whole] == [
        (4, (2, 5, 4, 4)),
        (8, (2, 4, 8, 8)),
        (16, (2, 3, 16, 16)),
    ]
    assert [b.rgb is not None for b in whole] == [architecture == "skip"] * 2 + [True]
    assert torch.equal(whole[-1].rgb, net(codes, noise))
    for layer in net.layers[3:]:  # of side 16: not needed for the features of side 8
        layer.conv.weight.fill_(float("nan"))
    assert torch.equal(net.features(codes, 8, noise), whole[1].features)
    assert net(codes, noise).isnan().all()


@pytest.mark.parametrize("architecture", ["orig", "resnet"])
def test_gradients_twice(architecture: str) -> None:
    net = network(architecture=architecture, clamp=100.0)
    codes = torch.randn(1, 6, dtype=torch.float64, requires_grad=True)
    noise = [torch.randn(1, 1, r, r, dtype=torch.float64) for r in net.noise_sides]
    (slope,) = torch.autograd.grad(net(codes, noise).square().sum(), codes, create_graph=True)
    slope.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    step = 1e-6 * torch.randn_like(codes)
    change = net(codes + step, noise).square().sum() - net(codes - step, noise).square().sum()
    assert torch.allclose(change / 2, (slope * step).sum(), rtol=1e-4)


def test_numbers_eps_before_scaling_is_that_of_unscaled_weights() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv(3, 2, 3, 4, eps=eps_before_scaling(3, 3)).double()
    x, w = torch.randn(1, 3, 5, 5, dtype=torch.float64), torch.randn(1, 4, dtype=torch.float64)
    with torch.no_grad():
        layer.affine.weight.mul_(1e-5)  # tiny styles: where the two kinds differ
        layer.affine.bias.fill_(1e-5)
        weight = layer.weight * layer.affine(w)[0][None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        assert torch.allclose(layer(x, w), F.conv2d(x, weight, padding=1), rtol=1e-6)
        plain = ModulatedConv(3, 2, 3, 4).double()
        plain.load_state_dict(layer.state_dict())
        assert not torch.allclose(layer(x, w), plain(x, w), rtol=1e-2)


def test_numbers_a_limit_holds() -> None:
    layer = ToRGB(3, 4, 2, clamp=0.25)
    y = layer(50 * torch.randn(2, 3, 4, 4), torch.randn(2, 4))
    assert y.abs().max() == 0.25


def test_errors() -> None:
    with pytest.raises(ValueError, match="one of skip, orig, resnet"):
        SynthesisNetwork(8, CHANNELS, 3, architecture="dense")
    net = network()
    with pytest.raises(ValueError, match="no noise maps"):
        net.own_noise()
    with pytest.raises(ValueError, match="blocks of 4, 8, 16"):
        net.features(torch.zeros(1, 6).double(), 32)


# class labels ----------------------------------------------------------------------------------------------


def test_numbers_conditional_mapping() -> None:
    torch.manual_seed(0)
    net = ConditionalMapping(4, 3, 5, hidden=6, embedding=2, layers=2)
    z, labels = torch.randn(2, 4), torch.eye(3)[:2]
    embedded = labels @ net.embed.weight.t() / math.sqrt(3) + net.embed.bias
    norm = [v * (v.square().mean(1, keepdim=True) + 1e-8).rsqrt() for v in (z, embedded)]
    x = torch.cat(norm, 1)
    for layer in net.layers:
        x = F.leaky_relu(x @ layer.weight.t() * 0.01 / math.sqrt(x.shape[1]) + layer.bias * 0.01, 0.2)
        x = x * math.sqrt(2)
    assert torch.allclose(net(z, labels), x, atol=1e-6)
    with pytest.raises(ValueError, match="2 classes given, this network knows 3"):
        net(z, labels[:, :2])
