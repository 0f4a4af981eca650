"""Writes BlobGAN checkpoints as Lightning 1.5 does: for tests, from any weights.

The file is torch.save's, and its hyper_parameters hold an OmegaConf tree made by the real package: parts of
one configuration, which drag the whole of it along through their parents, references unresolved. Where
omegaconf is not installed, the recorded bytes of that tree are put in instead (hyper_parameters.pkl.fixture
beside this file). They were made with omegaconf 2.1.2 in an environment of its own:

    python tests/foreign/lightning_file.py        (needs torch and omegaconf 2.1.2)

The tree describes the recorded network of 64 px and 6 blobs (tests/data/parity/blobgan/generator_64)."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

RECORDED = Path(__file__).parent / "hyper_parameters.pkl.fixture"
PLACEHOLDER = "the hyper-parameters come here"
SECRETS = ("somebodys-team", "/home/somebody/lsun/bedrooms")  # what a configuration says of its owner
NESTED = ("generator", "layout_net", "discriminator", "λ")


def configuration() -> dict:
    """What the whole configuration says, as plain values."""
    return {
        "mode": "fit",
        "seed": 0,
        "logger": {"entity": SECRETS[0], "project": "rooms", "name": "${model.name}", "tags": ["a", "b"]},
        "dataset": {"path": SECRETS[1], "resolution": "${model.resolution}", "loader": {"batch": 24}},
        "model": {
            "name": "BlobGAN",
            "dim": 24,
            "noise_dim": 48,
            "resolution": 64,
            "feature_dim": 32,
            "n_features_max": 6,
            "lr_mul": 0.01,
            "norm": True,
            "size_in": 16,
            "generator": {
                "_target_": "models.networks.layoutstylegan.LayoutStyleGANGenerator",
                "style_dim": "${model.dim}",
                "size": "${model.resolution}",
                "c_model": 4,
                "size_in": "${..size_in}",
                "spatial_style": True,
            },
            "layout_net": {
                "_target_": "models.networks.layoutnet.LayoutGenerator",
                "noise_dim": "${model.noise_dim}",
                "style_dim": "${model.dim}",
                "n_features_max": "${model.n_features_max}",
                "mlp_lr_mul": "${model.lr_mul}",
                "norm_features": "${..norm}",
            },
            "discriminator": {"size": "${model.resolution}"},
            "λ": {"D_real": 1, "D_fake": "${.D_real}", "D_R1": 50, "G": 1, "G_feature_mean": 10},
        },
    }


def plain_settings() -> dict:
    """The fields that are numbers and words in hyper_parameters."""
    return {
        "dim": 24, "noise_dim": 48, "resolution": 64, "lr": 0.002, "eps": 1e-5, "n_features": 6,
        "n_features_min": 6, "n_features_max": 6, "feature_dim": 32, "ab_norm": 0.02, "spatial_style": True,
        "feature_jitter_xy": 0.04, "feature_jitter_shift": 0.5, "feature_jitter_angle": 0.1,
        "name": "BlobGAN",
    }  # fmt: skip


def hyper_parameters() -> bytes:
    """The pickle of hyper_parameters: made now where omegaconf is installed, else as it was recorded."""
    try:
        from omegaconf import OmegaConf
    except ImportError:
        return RECORDED.read_bytes()
    model = OmegaConf.create(configuration()).model
    return pickled({**plain_settings(), **{name: model[name] for name in NESTED}})


def pickled(value: object) -> bytes:
    """torch.save's pickle of a value without tensors."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return next(archive.read(name) for name in archive.namelist() if name.endswith("/data.pkl"))


def container(state: Mapping[str, Tensor]) -> dict:
    """A Lightning container; its last entry, the hyper-parameters, is a placeholder."""
    moments = {0: {"step": 3, "exp_avg": torch.zeros(4), "exp_avg_sq": torch.ones(4)}}
    groups = [{"lr": 0.002, "betas": (0.0, 0.99), "eps": 1e-5, "params": [0]}]
    return {
        "epoch": 7,
        "global_step": 1500000,
        "pytorch-lightning_version": "1.5.10",
        "state_dict": dict(state),
        "callbacks": {"ModelCheckpoint{'every_n_train_steps': 5000}": {"dirpath": SECRETS[1]}},
        "optimizer_states": [{"state": moments, "param_groups": groups}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": PLACEHOLDER,
    }


def write(path: Path, state: Mapping[str, Tensor], settings: bytes | None = None) -> Path:
    """A checkpoint with a state dict. settings: another pickle of hyper_parameters than the usual one."""
    buffer = io.BytesIO()
    torch.save(container(state), buffer)
    with zipfile.ZipFile(buffer) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith("/data.pkl"):
                data = _put_in(data, hyper_parameters() if settings is None else settings)
            out.writestr(name, data)
    return path


def _put_in(outer: bytes, inner: bytes) -> bytes:
    """The outer pickle with the inner one's value in the place of the placeholder. Nothing that follows the
    placeholder reads the memo, so the inner one may number its entries anew."""
    word = b"X" + struct.pack("<I", len(PLACEHOLDER)) + PLACEHOLDER.encode()
    start = outer.index(word)
    end = start + len(word)
    end += 2 if outer[end : end + 1] == b"q" else 5  # its own memo entry, BINPUT or LONG_BINPUT
    assert inner[:2] == b"\x80\x02" and inner[-1:] == b"." and outer[end:] in (b"u.", b"s.")
    return outer[:start] + inner[2:-1] + outer[end:]


def model_state(weights: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published model's state dict from "layout_net.*" and "generator.*" (used as the averaged weights; the
    trained ones are others) and "discriminator.*", with the buffers of noise that no layer uses."""
    state: dict[str, Tensor] = {}
    for name, value in weights.items():
        group, _, rest = name.partition(".")
        if group in ("layout_net", "generator"):
            state[f"{group}_ema.{rest}"] = value
            state[name] = value * 0.5 + 0.1
    state |= {name: value for name, value in discriminator.items() if name.startswith("discriminator.")}
    layers = [name for name in weights if name.startswith("generator.") and name.endswith("activate.bias")]
    for i in range(len(layers)):
        side = 4 << ((i + 1) // 2)
        for group in ("generator", "generator_ema"):
            state[f"{group}.noises.noise_{i}"] = torch.randn(1, 1, side, side)
    return state


if __name__ == "__main__":
    RECORDED.write_bytes(hyper_parameters())
    print(f"{RECORDED}: {RECORDED.stat().st_size} bytes")
