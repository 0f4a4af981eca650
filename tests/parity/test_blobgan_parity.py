"""The published BlobGAN against recorded numbers, file by file, within the tolerances recorded with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from kernels.splat import composite, opacity, pyramid, splat
from spatial_edit.generators.blobgan.geometry import raw_to_covariance
from spatial_edit.generators.blobgan.jitter import Jitter
from spatial_edit.generators.blobgan.layout_network import LayoutNetwork, RawLayout
from spatial_edit.generators.blobgan.published import BlobParameters, PublishedBlobGAN, PublishedConfig
from spatial_edit.generators.blobgan.viz import blob_map, doubled_blob_map, entropy_picture, mark_centres
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.nn.equalised import EqualisedLinear, pixel_norm
from spatial_edit.nn.resample import Blur, Downsample, Upsample, upfirdn

SMALL = PublishedConfig(
    resolution=64, blobs=6, noise_dim=48, feature_dim=32, style_dim=24, hidden_dim=64, c_model=4
)
WIDTHS_16 = dict.fromkeys((4, 8, 16, 32, 64), 16)
RAW_NAMES = {
    "xs": "xs",
    "ys": "ys",
    "scores": "sizes",
    "shapes": "covs",
    "features": "features",
    "styles": "spatial_style",
}


def weights(tensors, *prefixes):
    return {name: t for name, t in tensors.items() if name.startswith(prefixes)}


def stripped(tensors, prefix):
    return {name.removeprefix(prefix): t for name, t in weights(tensors, prefix).items()}


def channels_first(recorded):
    return recorded.permute(0, 3, 1, 2)


@pytest.fixture
def generator(vectors):
    v = vectors("blobgan/generator_64")
    model = PublishedBlobGAN(SMALL).eval()
    model.load_state_dict(weights(v, "generator.", "layout_net."), strict=True)
    return model, v


def noise_of(v, rows=slice(None)):
    return [v[f"in.noise_{i}"][rows] for i in range(5)]


# ops ------------------------------------------------------------------------------------------------------


def test_numbers_resampling(vectors, close):
    v = vectors("blobgan/ops")
    x = v["in.x"]
    close(Upsample()(x), v["out.upsample"], 1e-6)
    close(Downsample()(x), v["out.downsample"], 1e-6)
    close(Blur(1, gain=4.0)(x), v["out.blur_conv_up"], 1e-6)
    close(Blur(2)(x), v["out.blur_conv_down_k3"], 1e-6)
    close(Blur(1)(x), v["out.blur_conv_down_k1"], 1e-6)
    kernel = v["in.kernel_asym"]
    close(upfirdn(x, kernel, up=2, pad=(2, 1)), v["out.upfirdn_asym_up2_pad21"], 1e-6)
    close(upfirdn(x, kernel, down=2, pad=(1, 1)), v["out.upfirdn_asym_up1_down2_pad11"], 1e-6)


def test_numbers_primitives(vectors, close):
    v = vectors("blobgan/ops")
    close(pixel_norm(v["in.v"], 1e-5), v["out.pixel_norm"], 1e-6)
    slow = EqualisedLinear(16, 7, lr_mul=0.01, activate=True)
    slow.load_state_dict(stripped(v, "w.lin_lrelu."))
    close(slow(v["in.v"]), v["out.lin_lrelu_lrmul001"], 1e-6)
    plain = EqualisedLinear(16, 7)
    plain.load_state_dict(stripped(v, "w.lin."))
    close(plain(v["in.v"]), v["out.lin_plain"], 1e-6)
    close(splat(v["in.scores"], v["in.features"]), v["out.splat_8"], 1e-6)
    levels = pyramid(v["in.pyramid"], 4)
    close(levels[8], v["out.pyramid_8"], 1e-6)
    close(levels[4], v["out.pyramid_4"], 1e-6)


# layout network -------------------------------------------------------------------------------------------


def test_numbers_layout_network(vectors, close):
    v = vectors("blobgan/layout_small")
    net = LayoutNetwork(noise_dim=48, hidden_dim=64, blobs=6, feature_dim=32, style_dim=24)
    net.load_state_dict(stripped(v, "layout_net."), strict=True)

    def same(layout, prefix):
        for ours, recorded in RAW_NAMES.items():
            close(getattr(layout, ours), v[f"{prefix}.{recorded}"], 1e-5)

    raw = net(v["in.z"])
    close(raw, v["out.raw"], 1e-5)
    close(net.hidden(v["in.z"]), v["out.hidden"], 1e-5)
    same(net.parse(raw), "out")
    same(net.parse(raw).first(4), "out.n4")
    same(net.parse(v["out.raw"]), "out.from_raw")
    mean = net.hidden(v["in.z_for_mean"]).mean(0, keepdim=True)
    close(mean, v["out.mean_latent"], 1e-5)
    for t in (0.4, 1.0):
        same(net.parse(net(v["in.z"], t, mean)), f"out.trunc{t}")


# splat ----------------------------------------------------------------------------------------------------


def splat_input(v):
    centres = torch.stack([v["in.xs"], v["in.ys"]], -1)
    return centres, raw_to_covariance(v["in.covs_raw"], 0.02), v["in.sizes"][:, 1:]


@pytest.mark.parametrize("side", [64, 256])
def test_numbers_splat(vectors, close, side):
    v = vectors(f"blobgan/splat_{side}")
    centres, covariances, scores = splat_input(v)
    close(covariances, v["out.covs"], 5e-6)
    opacities = opacity(centres, covariances, scores, side)
    alphas = composite(opacities)
    kept = len(v[f"out.opacity_{side}"])  # large maps are kept of scene 0 only
    close(opacities[:kept], channels_first(v[f"out.opacity_{side}"])[:, 1:], 5e-6)
    close(alphas[:kept], channels_first(v[f"out.alpha_{side}"]), 5e-6)
    levels = pyramid(alphas, 16)
    compared = 0
    for level, got in levels.items():
        if (want := v.get(f"out.alpha_pyramid_{level}")) is not None:
            close(got[: len(want)], want, 5e-6)
            compared += 1
        if (want := v.get(f"out.feature_grid_{level}")) is not None:
            close(splat(got, v["in.features"])[: len(want)], want, 1e-5)
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize("side", [16, 32])
def test_numbers_splat_direct(vectors, close, side):
    v = vectors("blobgan/splat_64")
    alphas = composite(opacity(*splat_input(v), side))
    close(alphas, channels_first(v[f"out.direct_alpha_{side}"]), 5e-6)
    close(splat(alphas, v["in.features"]), v[f"out.direct_feature_grid_{side}"], 1e-5)


def test_numbers_blob_maps(vectors, close):
    v = vectors("blobgan/splat_64")
    centres, covariances, scores = splat_input(v)
    opacities = opacity(centres, covariances, scores, 64)
    alphas = composite(opacities)
    plain = blob_map(alphas, v["in.viz_colors"])
    close(plain, v["out.blobmap_plain_64"], 5e-6)
    close(doubled_blob_map(opacities, v["in.viz_colors"]), v["out.blobmap_x2_64"], 5e-6)
    close(mark_centres(plain, centres), v["out.blobmap_centers_64"], 5e-6)
    close(entropy_picture(alphas, released=True), v["out.entropy_rgb_64"], 5e-6)


# jitter ---------------------------------------------------------------------------------------------------


def test_numbers_released_jitter(vectors, close):
    v = vectors("blobgan/jitter")
    model = PublishedBlobGAN(SMALL)
    raw = RawLayout(
        v["in.xs"], v["in.ys"], v["in.sizes"], v["in.covs_raw"], v["in.features"], v["in.features"]
    )
    drawn = Jitter(v["in.u_x"], v["in.u_y"], v["in.u_angle"], v["in.u_shift"], released_jitter=True)
    got = model.parameters_of(raw, drawn)
    close(got.centres[..., 0], v["out.xs"], 1e-5)
    close(got.centres[..., 1], v["out.ys"], 1e-5)
    close(got.covariances, v["out.covs"], 1e-5)
    levels = model.alphas(got)  # the score's jitter shows here
    close(levels[64], channels_first(v["out.alpha_64"]), 1e-5)
    close(splat(levels[16], got.features), v["out.feature_grid_16"], 1e-5)

    zero = torch.zeros_like(drawn.x)
    still = Jitter(zero, zero, zero, zero, released_jitter=True)
    mirrored = model.parameters_of(raw, still).covariances
    close(mirrored, v["out.covs_angle_jitter_zero_amplitude"], 1e-5)
    close(model.parameters_of(raw).covariances, v["out.covs_no_jitter"], 1e-5)
    right = model.parameters_of(raw, replace(still, released_jitter=False)).covariances
    close(right, v["out.covs_no_jitter"], 1e-5)
    assert (mirrored - right).abs().max() > 1e-3, "the vectors hold a blob that the released code mirrors"


# generator and edits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("gradients", [True, False])  # with and without the cached weights
def test_numbers_generator(generator, close, gradients):
    model, v = generator
    with torch.set_grad_enabled(gradients):
        parameters = model.layout(v["in.z"])
        close(parameters.centres[..., 0], v["out.layout.xs"], 1e-5)
        close(parameters.covariances, v["out.layout.covs"], 1e-5)
        close(parameters.scores, v["out.layout.sizes"], 1e-5)
        close(parameters.features, v["out.layout.features"], 1e-5)
        close(parameters.styles, v["out.layout.spatial_style"], 1e-5)
        levels = model.alphas(parameters)
        grid = splat(levels[16], parameters.features)
        close(grid, v["out.layout.feature_grid"], 3e-5)
        first = model.generator.conv1(grid, levels[16], parameters.styles, v["in.noise_0"])
        close(first, v["mid.conv1"], 3e-5)
        close(model.generator.to_rgb1(first, levels[16], parameters.styles), v["mid.to_rgb1"], 3e-5)
        close(model(v["in.z"], noise_of(v)), v["out.image"], 1e-4)
        close(model(v["in.z"]), v["out.image_noise_zero"], 1e-4)


EDITS = (
    "identity",
    "move_blob2",
    "enlarge_blob1",
    "remove_blob3",
    "restyle_blob2_from_scene1",
    "style_swap_all_from_scene1",
    "background_from_scene1",
    "reorder_depth",
    "clone_blob2",
    "rotate_blob2",
)


@pytest.mark.parametrize("edit", EDITS)
@torch.no_grad()
def test_numbers_edits(generator, vectors, close, edit):
    model, v = generator
    edits = vectors("blobgan/edits")
    given = stripped(edits, f"in.{edit}.")
    parameters = BlobParameters(
        centres=torch.stack([given["xs"], given["ys"]], -1),
        covariances=given["covs"],
        scores=given["sizes"],
        features=given["features"],
        styles=given["spatial_style"],
    )
    close(model.alphas(parameters)[16], edits[f"out.{edit}.alpha_16"], 1e-5)
    close(model.decode(parameters, noise_of(v, slice(1))), edits[f"out.{edit}.image"], 1e-4)


def test_every_recorded_edit_is_tested(vectors):
    assert {name.split(".")[1] for name in vectors("blobgan/edits")} == set(EDITS)


# discriminator and inversion encoder ----------------------------------------------------------------------


@pytest.fixture
def discriminator(vectors):
    v = vectors("blobgan/discriminator_64")
    model = Discriminator(64, WIDTHS_16)
    model.load_state_dict(stripped(v, "discriminator."), strict=True)
    return model, v


def test_numbers_discriminator(discriminator, close):
    model, v = discriminator
    for batch in (8, 4, 2, 1):
        close(model(v["in.x"][:batch]), v[f"out.logits_b{batch}"], 2e-6)
    close(model.convs(v["in.x"]), v["mid.convs_b8"], 2e-6)


def gradient_penalty(model, images, *, create_graph=False):
    """R1: the mean over the batch of the squared gradient of the logits."""
    images = images.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(images).sum(), images, create_graph=create_graph)
    return slope.square().sum((1, 2, 3)).mean()


def test_gradients_discriminator_losses(discriminator, close):
    model, v = discriminator
    penalty = gradient_penalty(model, v["in.x"][:4], create_graph=True)
    loss_real = F.softplus(-model(v["in.x"][:4])).mean()
    loss_fake = F.softplus(model(v["in.fake"])).mean()
    total = loss_real + loss_fake + 50 * 16 * penalty
    close(loss_real, v["out.loss_D_real"], 2e-6)
    close(loss_fake, v["out.loss_D_fake"], 2e-6)
    close(F.softplus(-model(v["in.fake"])).mean(), v["out.loss_G"], 2e-6)
    close(penalty, v["out.r1_unscaled"], 3e-10)  # 6e-4: five units in the last place of float32
    close(total, v["out.loss_D_total_with_r1"], 2e-6)
    total.backward()
    for name, want in stripped(v, "out.grad.").items():
        close(model.get_parameter(name).grad, want, 2e-6)


def test_numbers_gradient_penalty_in_float64(discriminator, close):
    # the order of summation moves the last bits in float32, so the tight bound is checked in float64
    model, v = discriminator
    penalty = gradient_penalty(model.double(), v["in.x"][:4].double())
    close(penalty, v["out.r1_unscaled"].double(), 1e-10)


def test_numbers_inverter(vectors, close):
    v = vectors("blobgan/inverter_64")
    encoder = Discriminator(64, WIDTHS_16, group=0, outputs=37)
    encoder.load_state_dict(stripped(v, "inverter."), strict=True)
    close(encoder(v["in.x"]), v["out.raw"], 5e-6)
