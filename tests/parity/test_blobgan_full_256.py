"""The full-size published configuration: weights from a counting rule, numbers from a recording."""

from __future__ import annotations

import json
import math
import zlib
from fnmatch import fnmatch

import numpy as np
import pytest
import torch

from kernels.splat import splat
from spatial_edit.generators.blobgan.published import (
    PublishedBlobGAN,
    PublishedConfig,
    published_discriminator,
)
from spatial_edit.nn.resample import blur_kernel

LAWS = (  # pattern, standard deviation, mean; the first that fits counts
    ("*.mlp.*.weight", 100.0, 0.0),
    ("*.mlp.*.bias", 10.0, 0.0),
    ("*modulation.bias", 0.1, 1.0),
    ("*noise.weight", 0.05, 0.1),
    ("*.bias", 0.1, 0.0),
    ("*", 1.0, 0.0),
)


def hash_uniform(key: str, n: int) -> np.ndarray:
    """n numbers of zero mean and unit variance: splitmix64 of (crc32(key), index)."""
    start = ((zlib.crc32(key.encode()) << 32) + 0x9E3779B97F4A7C15) % 2**64
    x = np.arange(n, dtype=np.uint64)
    x += np.uint64(start)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    x >>= np.uint64(40)
    return ((x + 0.5) / 2**24 - 0.5) * math.sqrt(12)


def given(name: str, *shape: int) -> torch.Tensor:
    n = math.prod(shape)
    total = sum(hash_uniform(f"{name}#{i}", n) for i in range(4)) / 2
    return torch.from_numpy(total.astype(np.float32)).view(shape)


def by_rule(make, prefix=""):
    """The model that `make` builds, with weights by the rule and the usual blur kernels."""
    with torch.device("meta"):
        model = make()
    model.to_empty(device="cpu")
    for name, tensor in model.state_dict().items():
        if name.endswith("kernel"):
            tensor.copy_(blur_kernel(1.0 if prefix else 4.0))
            continue
        _, std, mean = next(law for law in LAWS if fnmatch(prefix + name, law[0]))
        values = hash_uniform(prefix + name, tensor.numel()) * std + mean
        tensor.copy_(torch.from_numpy(values.astype(np.float32)).view(tensor.shape))
    return model.eval()


def check_weights(checks, model, prefix=""):
    ours = {prefix + name: t for name, t in model.state_dict().items() if not name.endswith("kernel")}
    expected = {name for name in checks if name.startswith(prefix or ("generator.", "layout_net."))}
    assert set(ours) == expected
    for name, tensor in ours.items():
        assert list(tensor.shape) == checks[name]["shape"], name
        assert tensor.double().sum().item() == pytest.approx(checks[name]["sum"], rel=1e-6, abs=1e-2), name


@pytest.mark.slow
@torch.no_grad()
def test_numbers_full_size(vectors, vector_file, close):
    v = vectors("blobgan/full_256")
    checks = json.loads(vector_file("blobgan/full_256_weight_checks.json").read_text())
    config = PublishedConfig.official_256()
    model = by_rule(lambda: PublishedBlobGAN(config))
    check_weights(checks, model)

    z = given("full.z", 1, 512)
    assert torch.equal(z, v["in.z"])
    p = model.layout(z)
    close(p.centres[..., 0], v["out.layout.xs"], 5e-5)
    close(p.centres[..., 1], v["out.layout.ys"], 5e-5)
    close(p.covariances, v["out.layout.covs"], 5e-5)
    close(p.scores, v["out.layout.sizes"], 5e-5)
    close(p.features, v["out.layout.features"], 5e-5)
    close(p.styles, v["out.layout.spatial_style"], 5e-5)
    levels = model.alphas(p)
    for side in (64, 32, 16):
        close(levels[side], v[f"out.alpha_pyramid_{side}"], 2e-4)
    close(splat(levels[16], p.features), v["out.layout.feature_grid"], 5e-4)

    noise = [given(f"full.noise_{i}", 1, 1, r, r) for i, r in enumerate(model.generator.noise_sides)]
    close(model.decode(p, noise), v["out.image"], 2e-3)
    close(model.decode(p), v["out.image_noise_zero"], 2e-3)


@pytest.mark.slow
@torch.no_grad()
def test_numbers_full_size_discriminator(vectors, vector_file, close):
    v = vectors("blobgan/full_256")
    checks = json.loads(vector_file("blobgan/full_256_weight_checks.json").read_text())
    model = by_rule(lambda: published_discriminator(PublishedConfig.official_256()), "discriminator.")
    check_weights(checks, model, "discriminator.")
    close(model(v["out.image"]), v["out.logits_of_image"], 1e-5)
    close(model(given("full.x", 4, 3, 256, 256)), v["out.logits_of_x4"], 1e-5)
