"""What the tensors of published GANformer files are called.

ours                                                  theirs
positions, w_mean                                     pos, mapping.w_avg
mapping.local.blocks.0.fc0.*, .attentions.0.*         mapping.mlp.l0.fc0.*, .sa0.*
mapping.whole.last.*                                  mapping.global_mlp.out_layer.*
synthesis.layers.1.conv.weight, .conv.affine.*        synthesis.b8.conv0.weight, .affine.*
synthesis.layers.1.bias, synthesis.noise_1            synthesis.b8.conv0.biasAct.bias, .noise_const
synthesis.layers.1.attention.*, .grid                 synthesis.b8.conv0.transformer.*, .grid_pos
synthesis.skips.0.conv.weight, synthesis.rgbs.1.*     synthesis.b8.skip.weight, .torgb.*
synthesis.last.*                                      synthesis.b8.conv_last.* (of the last side)
"""

from __future__ import annotations

import torch

from spatial_edit.generators.ganformer.config import GANformerConfig
from spatial_edit.generators.ganformer.model import GANformer

FILTER = "resample_kernel"  # a constant, in every module that convolves

_TOP = {"positions": "pos", "w_mean": "mapping.w_avg", "synthesis.const": "synthesis.b4.const"}
_NETWORKS = {"whole": "global_mlp", "local": "mlp"}
_ATTENTION = {
    "queries": "to_queries",
    "keys": "to_keys",
    "values": "to_values",
    "pixel_positions": "from_pos_map",
    "latent_positions": "to_pos_map",
    "modulation": "modulation",
    "centroid_scale": "att_weight",
    "centroids": "centroids",
    "first_centroids": "queries2centroids",
    "pixel_gate.content": "from_gate_attention.gate",
    "pixel_gate.position": "from_gate_attention.gate_pos",
    "latent_gate.content": "to_gate_attention.gate",
    "latent_gate.position": "to_gate_attention.gate_pos",
}


def generator_names(config: GANformerConfig) -> dict[str, str]:
    """Our name -> the file's, for every tensor of a generator but its constant kernels."""
    with torch.device("meta"):
        ours = GANformer(config).state_dict()
    return {name: _theirs(name, config) for name in ours if not name.endswith("kernel")}


def attention_name(ours: str) -> str:
    """The same inside one attention layer: "queries.weight" -> "to_queries.weight"."""
    stem, _, leaf = ours.rpartition(".")
    return f"{_ATTENTION[stem]}.{leaf}" if leaf in ("weight", "bias") else _ATTENTION[ours]


def layer_name(index: int) -> str:
    """Our layer 0, 1, 2, 3 .. as theirs: "synthesis.b4.conv1", "synthesis.b8.conv0", .. ."""
    return f"synthesis.b{4 << ((index + 1) // 2)}.conv{0 if index % 2 else 1}"


def _theirs(ours: str, config: GANformerConfig) -> str:
    if ours in _TOP:
        return _TOP[ours]
    part, group, *rest = ours.split(".")
    if part == "mapping":
        return f"mapping.{_NETWORKS[group]}.{_in_mapping(rest)}"
    if group.startswith("noise_"):
        return f"{layer_name(int(group.removeprefix('noise_')))}.noise_const"
    if group == "last":
        return f"synthesis.b{config.resolution}.conv_last.{'.'.join(rest)}"
    index, inside = int(rest[0]), ".".join(rest[1:])
    if group == "skips":
        return f"synthesis.b{8 << index}.skip.weight"
    if group == "rgbs":
        side = 4 << index if config.architecture == "skip" else config.resolution
        return f"synthesis.b{side}.torgb.{_in_layer(inside)}"
    return f"{layer_name(index)}.{_in_layer(inside)}"


def _in_mapping(rest: list[str]) -> str:
    if rest[0] == "last":
        return ".".join(["out_layer", *rest[1:]])
    if rest[0] == "attentions":
        return f"sa{rest[1]}.{attention_name('.'.join(rest[2:]))}"
    return ".".join([f"l{rest[1]}", *rest[2:]])


def _in_layer(inside: str) -> str:
    if inside.startswith("attention."):
        return f"transformer.{attention_name(inside.removeprefix('attention.'))}"
    return {"bias": "biasAct.bias", "grid": "grid_pos"}.get(inside, inside.removeprefix("conv."))
