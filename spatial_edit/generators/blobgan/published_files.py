"""What config.json says of a published BlobGAN and of its inversion encoder, and the networks built from it.

{"kind": "blobgan-published", "resolution": 256, "blobs": 10, ..}      the fields of `PublishedConfig`
{"kind": "blobgan-encoder", "resolution": 256, "channels": [[4, 512], ..], "outputs": 14151}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.published import PublishedBlobGAN, PublishedConfig
from spatial_edit.nn.discriminator import Discriminator

MODEL_KIND, ENCODER_KIND = "blobgan-published", "blobgan-encoder"
MAX_RESOLUTION, MAX_BLOBS, MAX_WIDTH, MAX_LAYERS = 1024, 64, 4096, 64


class MeanedBlobGAN(PublishedBlobGAN):
    """A published BlobGAN with its mean latent h (1, hidden_dim), the centre of truncation, as a buffer."""

    mean: Tensor

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(1, config.hidden_dim))


def model_config(config: PublishedConfig) -> dict[str, object]:
    """As JSON."""
    return {"kind": MODEL_KIND, **asdict(config)}


def encoder_config(resolution: int, channels: Mapping[int, int], outputs: int) -> dict[str, object]:
    """As JSON."""
    pairs = [[side, width] for side, width in sorted(channels.items())]
    return {"kind": ENCODER_KIND, "resolution": resolution, "channels": pairs, "outputs": outputs}


def read_model_config(data: Mapping[str, object]) -> PublishedConfig:
    """From JSON; ValueError, with a sentence, when it describes something else or sizes are out of range."""
    _check_kind(data, MODEL_KIND)
    names = {field.name for field in fields(PublishedConfig)}
    if missing := sorted(names - set(data)):
        raise ValueError(f"config.json lacks {', '.join(missing)}")
    values: dict[str, object] = {name: data[name] for name in names}
    for name, most in _LARGEST.items():
        values[name] = _whole(values[name], name, most)
    for name in ("lr_mul", "ab_norm", "cov_eps"):
        values[name] = _positive(values[name], name)
    if not isinstance(values["norm_features"], bool):
        raise ValueError("norm_features must be true or false")
    return PublishedConfig(**values)  # type: ignore[arg-type]


_LARGEST = {
    "resolution": MAX_RESOLUTION,
    "size_in": MAX_RESOLUTION,
    "blobs": MAX_BLOBS,
    "mlp_layers": MAX_LAYERS,
    "c_model": 512,
    "channel_multiplier": 8,
    **dict.fromkeys(("noise_dim", "feature_dim", "style_dim", "hidden_dim"), MAX_WIDTH),
}


def built_model(data: Mapping[str, object]) -> MeanedBlobGAN:
    """The network of a config.json, without its weights."""
    return MeanedBlobGAN(read_model_config(data))


def built_encoder(data: Mapping[str, object]) -> Discriminator:
    """Picture (B, 3, R, R) -> raw layout (B, outputs), without its weights."""
    _check_kind(data, ENCODER_KIND)
    pairs = data.get("channels")
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ValueError("channels must be pairs of side and width")
    channels = {_whole(a, "a side", MAX_RESOLUTION): _whole(b, "a width", MAX_WIDTH) for a, b in pairs}
    outputs = _whole(data.get("outputs"), "outputs", 1_000_000)
    resolution = _whole(data.get("resolution"), "resolution", MAX_RESOLUTION)
    return Discriminator(resolution, channels, group=0, outputs=outputs)


def check_encoder_fits(encoder: Mapping[str, object], model: Mapping[str, object]) -> None:
    """ValueError when an encoder does not speak a model's raw layouts, by their configurations."""
    config = read_model_config(model)
    vectors = 1 + config.feature_dim + config.style_dim
    outputs = (config.blobs + 1) * vectors + 6 * config.blobs
    if encoder.get("outputs") != outputs or encoder.get("resolution") != config.resolution:
        raise ValueError(
            f"the encoder gives {encoder.get('outputs')} numbers of {encoder.get('resolution')}-px pictures, "
            f"the model takes {outputs} of {config.resolution}-px ones: it belongs to another model"
        )


def _check_kind(data: Mapping[str, object], kind: str) -> None:
    if data.get("kind") != kind:
        raise ValueError(f"config.json describes '{data.get('kind')}', this loader reads '{kind}'")


def _whole(value: object, what: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{what} is {str(value)[:30]}: it must be a whole number from 1 to {most}")
    return value


def _positive(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"{what} is {str(value)[:30]}: it must be a number in (0, 1]")
    if not math.isfinite(value):
        raise ValueError(f"{what} is not finite")
    return float(value)
