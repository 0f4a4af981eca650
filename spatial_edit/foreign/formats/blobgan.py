"""BlobGAN's checkpoints (Epstein et al. 2022): Lightning containers of a model or of its inversion encoder.

    {"state_dict": {"layout_net_ema.mlp.1.weight": .., "generator_ema.conv1.conv.weight": .., ..},
     "hyper_parameters": {"ab_norm": 0.02, "generator": OmegaConf tree, ..}, "optimizer_states": .., ..}

What is drawn from are the averaged weights, `layout_net_ema.*` and `generator_ema.*`. Sizes are read off the
shapes; what shapes do not tell (ab_norm, norm_features, lr_mul, size_in) is looked up in hyper_parameters,
and nothing else of them is kept: they drag the whole configuration along, with names and paths of whoever
trained the model. The mean latent lies in a file beside the checkpoint, or is measured anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions, tensors_below
from spatial_edit.foreign.fill import fill
from spatial_edit.foreign.formats.blobgan_sizes import (
    ENCODER,
    MODEL,
    Settings,
    channels_of_encoder,
    model_sizes,
    tensor,
    unfit,
)
from spatial_edit.generators.blobgan.published_files import (
    ENCODER_KIND,
    MODEL_KIND,
    MeanedBlobGAN,
    built_encoder,
    built_model,
    check_encoder_fits,
    encoder_config,
    model_config,
)
from spatial_edit.generators.blobgan.published_scenes import EDITS, ENCODER_FOLDER
from spatial_edit.safetensors_header import few
from spatial_edit.seeds import normal

GROUPS = ("generator_ema.", "layout_net_ema.", "generator.", "layout_net.", "discriminator.", "inverter.")
UNUSED_NOISE = "generator.noises."  # buffers of sizes that no layer has
MEAN_COUNT, MEAN_SEED = 10_000, 0


def recognises(content: Content) -> bool:
    """Whether the file holds a layout network beside a generator, or an inversion encoder."""
    state = _state(content)
    return any(str(key).startswith(("layout_net_ema.", "layout_net.", "inverter.")) for key in state)


def convert(content: Content, options: ImportOptions) -> Converted:
    """The model, with its encoder where the file has both; or the encoder alone."""
    state = _state(content)
    if not any(str(key).startswith("layout_net") for key in state):
        module, config, notes = _encoder(state)
        side = config["resolution"]
        assert isinstance(side, int)
        title = f"BlobGAN's encoder, {side} px"
        return Converted(
            "BlobGAN inversion encoder (Lightning)", ENCODER_KIND, title, side, config, module, notes=notes
        )
    return _model(content, state, options)


def check_encoder(encoder: Mapping[str, object], model: Mapping[str, object]) -> None:
    """ForeignError when an encoder is not this model's, by their configurations."""
    try:
        check_encoder_fits(encoder, model)
    except ValueError as error:
        raise ForeignError(str(error)) from error


def _model(content: Content, state: Mapping[str, object], options: ImportOptions) -> Converted:
    if any(str(key).startswith("generator_ema.style.") for key in state):
        raise unfit(MODEL, "its style does not vary over the picture (spatial_style off): not known here")
    tensors = {f"layout_net.{n}": t for n, t in tensors_below(state, "layout_net_ema.").items()}
    tensors |= {f"generator.{n}": t for n, t in tensors_below(state, "generator_ema.").items()}
    settings = Settings(_hyper_parameters(content))
    config = model_sizes(tensors, state, settings)
    as_json = model_config(config)
    hidden = config.hidden_dim
    mean, where = _mean(content.path, options, hidden)
    tensors["mean"] = torch.zeros(1, hidden) if mean is None else mean
    module = _filled(lambda: built_model(as_json), tensors, MODEL)
    assert isinstance(module, MeanedBlobGAN)
    if mean is None:
        measure_mean(module)
    parts: dict[str, tuple[object, Mapping[str, object]]] = {}
    if any(str(key).startswith("inverter.") for key in state):
        encoder, own, _ = _encoder(state)
        check_encoder(own, as_json)
        parts[ENCODER_FOLDER] = (encoder, own)
    notes = [where, *settings.notes, *_jitter(settings), *_others(state)]
    return Converted(
        format="BlobGAN (Lightning)",
        family=MODEL_KIND,
        title=f"BlobGAN, {config.blobs} blobs, {config.resolution} px",
        resolution=config.resolution,
        config=as_json,
        module=module,
        parts=parts,
        notes=tuple(notes),
        kind="blobs",
        row_names=tuple(f"blob {number}" for number in range(config.blobs)),
        edits=EDITS,
    )


def _encoder(state: Mapping[str, object]) -> tuple[nn.Module, dict[str, object], tuple[str, ...]]:
    tensors = tensors_below(state, "inverter.")
    resolution, channels = channels_of_encoder(tensors)
    outputs = tensor(tensors, "final_linear.1.weight", 2, ENCODER).shape[0]
    config = encoder_config(resolution, channels, outputs)
    module = _filled(lambda: built_encoder(config), tensors, ENCODER)
    return module, config, tuple(_others(state))


def _filled(build: Callable[[], nn.Module], tensors: Mapping[str, Tensor], what: str) -> nn.Module:
    """The network with the tensors. ForeignError, with names, when they are not exactly its own.

    It is built without memory first: sizes that a file claims are compared with what it holds before any
    room is made for them.
    """
    try:
        with torch.device("meta"):
            module = build()
    except (ValueError, LookupError, RuntimeError) as error:
        raise unfit(what, f"no network is of its sizes: {error}") from error
    wanted = set(module.state_dict())
    if strange := [n for n, value in tensors.items() if n in wanted and value.is_complex()]:
        raise unfit(what, f"complex numbers are in {few(strange)}")
    if extra := {name for name in set(tensors) - wanted if not name.startswith(UNUSED_NOISE)}:
        raise unfit(what, f"it also holds {few(extra)}")
    used = {name: value.float() for name, value in tensors.items() if name in wanted}
    fill(module, used, what)
    module = module.to_empty(device="cpu")
    fill(module, used, what)
    return module


def measure_mean(module: MeanedBlobGAN) -> None:
    """Set the mean latent: over MEAN_COUNT z of a fixed seed, in one batch."""
    z = normal(MEAN_SEED, (MEAN_COUNT, module.config.noise_dim))
    with torch.no_grad():
        module.mean.copy_(module.layout_net.hidden(z).mean(0, keepdim=True))


def _mean(path: Path, options: ImportOptions, hidden: int) -> tuple[Tensor | None, str]:
    """The mean latent (1, hidden) of a file, None to measure it; and a sentence that says which."""
    beside = path.with_name(f"{path.stem}_mean_latent.pt")
    file = options.mean or (beside if beside.is_file() else None)
    if file is None:
        return None, f"the mean latent, the centre of truncation, was measured anew over {MEAN_COUNT} scenes"
    from spatial_edit.foreign.reading.reader import read

    value, name = read(Path(file)).root, Path(file).name
    if not isinstance(value, Tensor) or value.numel() != hidden or not value.is_floating_point():
        raise ForeignError(f"{name} is no mean latent of this model: one tensor of {hidden} numbers is")
    if not torch.isfinite(value).all():
        raise ForeignError(f"{name} holds NaN or infinity: leave it out, and the mean is measured anew")
    return value.float().reshape(1, hidden), f"the mean latent, the centre of truncation, is that of {name}"


def _jitter(settings: Settings) -> list[str]:
    """What to say of a model that was trained with moving blobs."""
    amounts = {name: settings.number(f"feature_jitter_{name}") for name in ("xy", "shift", "angle")}
    if not any(amounts.values()):
        return []
    said = ", ".join(f"{name} {amount:g}" for name, amount in amounts.items() if amount)
    return [f"it was trained with jitter ({said}); it is drawn without, as it was published to be used"]


def _others(state: Mapping[str, object]) -> list[str]:
    """What the file holds that nothing here uses."""
    strange = sorted({str(key) for key in state if not str(key).startswith(GROUPS)})
    return [f"not used: {few(strange)}"] if strange else []


def _state(content: Content) -> Mapping[str, object]:
    """The state dict of a Lightning container, or the file itself where it is one; empty for all else."""
    root = content.root
    if not isinstance(root, Mapping):
        return {}
    inner = root.get("state_dict", root)
    return inner if isinstance(inner, Mapping) else {}


def _hyper_parameters(content: Content) -> object:
    return content.root.get("hyper_parameters") if isinstance(content.root, Mapping) else None
