"""GANformer's snapshots (Hudson and Zitnick 2021, the PyTorch version): {dataset_args, G, D, Gs}.

Each network is a module with its source text, which the reader drops; Gs is the running average of G, and is
taken. A flat state dict with the same names is read too.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from spatial_edit.foreign.content import (
    Content,
    Converted,
    ForeignError,
    ImportOptions,
    Record,
    tensors_below,
)
from spatial_edit.foreign.formats import persistent
from spatial_edit.foreign.formats import stylegan2_build as build
from spatial_edit.foreign.formats.ganformer_config import Said, config_of, plain, unread
from spatial_edit.foreign.formats.ganformer_names import FILTER, generator_names
from spatial_edit.foreign.formats.stylegan2_names import NVLABS
from spatial_edit.foreign.reading.budget import shown
from spatial_edit.generators.ganformer.config import GANformerConfig, config_from_json, config_to_json
from spatial_edit.generators.ganformer.model import GANformer
from spatial_edit.generators.stylegan2 import discriminator_to_json

GENERATORS = ("Gs", "G_ema", "G")  # the averaged one first
MARK = "mapping.global_mlp.out_layer.weight"  # a layer that no other family has
WHAT = "a GANformer"
JUDGE = "a GANformer's discriminator"
GROUP = 4  # pictures in a group of the mini-batch standard deviation, where the file does not say


def recognises(content: Content) -> bool:
    """Whether a generator of the file has a mapping network for a global latent."""
    root = content.root
    if isinstance(root, Mapping) and isinstance(root.get(MARK), Tensor):
        return True
    mapping = _child(_generator(root), "mapping")
    return mapping is not None and _child(mapping, "global_mlp") is not None


def convert(content: Content, options: ImportOptions) -> Converted:
    """The generator as ours, the discriminator beside it."""
    root = content.root
    network = _generator(root)
    tensors = tensors_below(root) if network is None else persistent.state_dict(network)
    said = _said(network)
    config, assumed = config_of(tensors, said)
    names = _names(config)
    model = build.built(lambda: GANformer(config), _used(tensors, config), names, NVLABS, WHAT)
    notes = _notes(root, said, assumed, config)
    parts: dict[str, tuple[object, Mapping[str, object]]] = {}
    judge = persistent.network(root, "D")
    if judge is not None:
        parts["discriminator"] = _discriminator(judge)
    return Converted(
        format="GANformer snapshot" if network is not None else "GANformer state dict",
        family="ganformer",
        title=_title(config),
        resolution=config.resolution,
        config=config_to_json(config),
        module=model,
        parts=parts,
        notes=notes,
    )


def _names(config: GANformerConfig) -> dict[str, str]:
    """Our name -> the file's. ForeignError for sizes that no network has, or that could not be read again."""
    try:
        config_from_json(config_to_json(config))
        return generator_names(config)
    except ValueError as error:
        raise ForeignError(
            f"the file was recognised as {WHAT}, but its sizes make no sense: {error}"
        ) from error


def _generator(root: object) -> Record | None:
    if isinstance(root, Record):
        return root if persistent.is_module(root) else None
    return persistent.network(root, *GENERATORS)


def _child(module: Record | None, name: str) -> Record | None:
    children = None if module is None else module.attribute("_modules")
    child = children.get(name) if isinstance(children, Mapping) else None
    return child if isinstance(child, Record) else None


def _said(network: Record | None) -> Said:
    """The arguments of the whole and of the two networks in it, wherever the file has them."""
    if network is None:
        return Said({}, (), ())
    top = persistent.init_kwargs(network)
    places = {}
    for name in ("mapping", "synthesis"):
        child = _child(network, name)
        own = persistent.init_kwargs(child) if child is not None else {}
        places[name] = (plain(top.get(f"{name}_kwargs")), plain(own))
    return Said(plain(top), places["mapping"], places["synthesis"])


def _used(tensors: Mapping[str, Tensor], config: GANformerConfig) -> dict[str, Tensor]:
    """Without what is computed here, and what nothing in the network uses."""

    def is_used(name: str) -> bool:
        leaf = name.rpartition(".")[2]
        computed = leaf == "grid_pos" and config.grid == "sinus"
        unmodulated = ".affine." in name and not config.modulated
        silent = leaf == "noise_const" and not config.noise
        return not (computed or unmodulated or silent)

    plain_tensors = build.without_kernels(tensors, FILTER, WHAT)
    return {name: tensor for name, tensor in plain_tensors.items() if is_used(name)}


def _discriminator(record: Record) -> tuple[nn.Module, dict[str, object]]:
    """A discriminator's record as ours, and its config.json. It is NVIDIA's but for the names of biases."""
    tensors = {
        name.replace(".biasAct.bias", ".bias"): tensor
        for name, tensor in build.without_kernels(persistent.state_dict(record), FILTER, JUDGE).items()
    }
    said = persistent.init_kwargs(record)
    resolution = plain(said).get("img_resolution")
    group = {**plain(said), **plain(said.get("epilogue_kwargs"))}.get("mbstd_group_size")
    if group is not None and not (type(group) is int and 0 < group <= build.WHOLE_BATCH):
        raise ForeignError("the discriminator's mini-batch group is no number of pictures: damaged file")
    config = build.discriminator_config(tensors, NVLABS, group=GROUP if group is None else int(group))
    if resolution not in (None, config.resolution):
        raise ForeignError(
            f"the file was recognised as {JUDGE}, but it says img_resolution = {shown(resolution, 40)}, "
            f"while its tensors show {config.resolution}"
        )
    return build.discriminator(tensors, config, NVLABS, JUDGE), discriminator_to_json(config)


def _title(config: GANformerConfig) -> str:
    if config.attention is None:
        return f"StyleGAN2 of GANformer, {config.resolution} px"
    kind = "duplex" if config.attention.duplex else "simplex"
    return f"GANformer ({kind}), {config.components} latents, {config.resolution} px"


def _notes(root: object, said: Said, assumed: tuple[str, ...], config: GANformerConfig) -> tuple[str, ...]:
    notes = []
    if isinstance(root, Mapping) and "G" in root and ("Gs" in root or "G_ema" in root):
        notes.append("the averaged generator was taken")
    if assumed:
        notes.append(
            f"taken as in the published recipe, as neither the file nor its shapes say: {', '.join(assumed)}"
        )
    if ignored := unread(said):
        notes.append(f"settings of the file that were not looked at: {', '.join(ignored[:12])}")
    if not config.modulated:
        notes.append("nothing is modulated: the global latent has no influence, its layers were left out")
    return tuple(notes)
