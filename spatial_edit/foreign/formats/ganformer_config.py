"""A published GANformer's configuration: what its tensors show, what the file says, and what neither does.

The tensors show sizes, number of latents, the kind of mapping network, architecture, where attention is and
whether it has centroids, gates, a gain and a bias; the file's arguments must agree with them. They do not
show the heads of simplex attention (and of the mapping's), its normalisation, a lone gain from a lone bias,
or the rounds of k-means: for these the file's word is taken, and without one that of the published recipe.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.foreign.content import ForeignError
from spatial_edit.foreign.reading.budget import shown
from spatial_edit.generators.ganformer.config import GANformerConfig
from spatial_edit.nn.bipartite_attention import AttentionConfig, grid_encoding
from spatial_edit.safetensors_header import few

MOST_DIRECTIONS = 8
# arguments that change nothing in what the network computes from its weights
SILENT = {
    "channel_base", "channel_max", "transformer", "architecture", "use_pos", "local_noise", "start_res",
    "end_res", "kmeans", "iterative", "integration", "norm", "num_heads", "kmeans_iters", "style", "resnet",
    "ltnt2ltnt", "num_layers", "pos_type", "pos_init", "pos_directions_num", "z_dim", "w_dim", "k",
    "img_resolution", "mapping_kwargs", "synthesis_kwargs", "class_name",
}  # fmt: skip
# arguments that would change it: the one value that is understood (or none)
ONLY = {"c_dim": 0, "img_channels": 3, "lr_multiplier": 0.01, "lrmul": 0.01, "crop_ratio": 1, "act": "lrelu"}
_TOP = re.compile(r"synthesis\.b([1-9]\d{0,4})\.conv1\.weight")
_ATTENTION = re.compile(r"synthesis\.b([1-9]\d{0,4})\.conv[01]\.transformer\.(\w+)")
_BLOCK = re.compile(r"mapping\.global_mlp\.l(\d{1,3})\.")


Plain = bool | int | float | str | None


@dataclass(frozen=True)
class Said:
    """The arguments that the file's networks were built with: of the whole, of its mapping network and of its
    synthesis network; of the last two several places, of which the first that knows counts."""

    top: Mapping[str, Plain]
    mapping: Sequence[Mapping[str, Plain]]
    synthesis: Sequence[Mapping[str, Plain]]


def plain(arguments: object) -> dict[str, Plain]:
    """Arguments by name; what is no number, word, truth value or None becomes the name of its type."""
    if not isinstance(arguments, Mapping):
        return {}
    return {
        str(name)[:80]: value if isinstance(value, Plain) else f"a {type(value).__name__}"
        for name, value in arguments.items()
    }


def _wrong(text: str) -> ForeignError:
    return ForeignError(f"the file was recognised as a GANformer, but {text}")


def _look(places: Sequence[Mapping[str, Plain]], name: str) -> Plain:
    return next((place[name] for place in places if place.get(name) is not None), None)


def _number(value: Plain, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(f"its setting {name} is no whole number")
    return value


def config_of(tensors: Mapping[str, Tensor], said: Said) -> tuple[GANformerConfig, tuple[str, ...]]:
    """The configuration, and sentences about what had to be assumed.

    Shapes alone are looked at, but for pixel positions and, when the file does not say whether the global
    latent modulates, its affine layers. ForeignError when something lacks, contradicts, or is not supported.
    """
    _check_supported(tensors, said)
    assumed: list[str] = []
    resolution = max((int(m[1]) for name in tensors if (m := _TOP.fullmatch(name))), default=0)
    sides = [4 << i for i in range(resolution.bit_length()) if 4 << i <= resolution]
    heads = [f"synthesis.b{side}.conv1.weight" for side in sides]
    needed = ["mapping.w_avg", "synthesis.b4.const", *heads]
    if missing := [name for name in needed if name not in tensors]:
        raise _wrong(f"it lacks {few(missing)}")
    residual = "mapping.global_mlp.l0.fc0.weight" in tensors
    blocks = 1 + max((int(m[1]) for name in tensors if (m := _BLOCK.match(name))), default=0)
    first = tensors.get(f"mapping.global_mlp.l0.{'fc0.' if residual else ''}weight")
    components = _components(tensors, said)
    attention, attention_sides = _attention(tensors, said, assumed)
    if components and attention is None:
        raise _wrong(f"one with {components} local latents and no attention to them: that is not supported")
    grids = {n: t for n, t in tensors.items() if n.endswith(".grid_pos")}
    position_width = _position_width(tensors) if attention else 0
    grid, directions = _grid(grids, said)
    has_noise = "synthesis.b4.conv1.noise_strength" in tensors
    try:
        config = GANformerConfig(
            resolution=resolution,
            channels={side: _size(tensors[name], 0) for side, name in zip(sides, heads, strict=True)},
            components=components,
            z_dim=_size(first, 1) if first is not None else _size(tensors["mapping.w_avg"], 0),
            w_dim=_size(tensors["mapping.w_avg"], 0),
            mapping_layers=2 * blocks if residual else blocks,
            mapping_residual=residual,
            mapping_attention=any(name.startswith("mapping.mlp.sa0.") for name in tensors),
            mapping_heads=_number(_look(said.mapping, "num_heads"), "num_heads") or 1,
            architecture=_architecture(tensors),
            modulated=_modulated(tensors, said, assumed),
            noise=has_noise,
            fixed_noise=has_noise and "synthesis.b4.conv1.noise_const" in tensors,
            attention=attention,
            attention_sides=attention_sides,
            grid=grid,
            position_width=position_width,
            directions=directions,
        )
    except ValueError as error:
        raise _wrong(f"it describes none: {error}") from error
    _compare(config, said, "pos" in tensors)
    return config, tuple(assumed)


def _size(tensor: Tensor, axis: int) -> int:
    if tensor.dim() <= axis:
        raise _wrong("a tensor in it has too few axes")
    return tensor.shape[axis]


def _check_supported(tensors: Mapping[str, Tensor], said: Said) -> None:
    places = (said.top, *said.mapping, *said.synthesis)
    for name, value in ONLY.items():
        for place in places:
            found = place.get(name)
            if found is not None and found != value:
                raise _wrong(f"with {name} = {shown(found, 40)}: only {value} is supported")


def _components(tensors: Mapping[str, Tensor], said: Said) -> int:
    if "pos" in tensors:
        return _size(tensors["pos"], 0)
    if not any(name.startswith("mapping.mlp.") for name in tensors):
        return 0
    k = _number(said.top.get("k"), "k")
    if k is None:
        raise _wrong("it does not say how many latents it has")
    return k - 1


def _attention(
    tensors: Mapping[str, Tensor], said: Said, assumed: list[str]
) -> tuple[AttentionConfig | None, tuple[int, int]]:
    found = {(int(m[1]), m[2]) for name in tensors if (m := _ATTENTION.match(name))}
    if not found:
        return None, (4, 4)
    sides = {side for side, _ in found}
    parts = {part for _, part in found}
    start = f"synthesis.b{min(sides)}.conv1.transformer."
    rows = tensors.get(f"{start}modulation.weight")
    scale = tensors.get(f"{start}att_weight")
    gate = tensors.get(f"{start}from_gate_attention.gate.weight")
    both = rows is not None and _size(rows, 0) == 2 * _size(rows, 1)

    def taken(name: str, default: Plain) -> Plain:
        value = _look(said.synthesis, name)
        if value is None:
            assumed.append(f"{name} = {default}")
        return default if value is None else value

    integration = "both" if both else taken("integration", "mul")
    if integration == "both" and not both:
        raise _wrong("it says integration = both, while its tensors show a gain or a bias alone")
    stated = any("norm" in place for place in said.synthesis)  # None is a word too: no normalisation
    norm = _look(said.synthesis, "norm") if stated else taken("norm", "layer")
    seen = scale if scale is not None else gate
    heads = _size(seen, 0) if seen is not None else taken("num_heads", 1)
    duplex = "att_weight" in parts
    try:
        config = AttentionConfig(
            heads=_number(heads, "num_heads") or 1,
            integration={"mul": "multiply"}.get(str(integration), str(integration)),
            norm="none" if norm is None else str(norm),
            duplex=duplex,
            iterations=(_number(taken("kmeans_iters", 1), "kmeans_iters") or 1) if duplex else 1,
            carried="queries2centroids" in parts,
            pixel_gate="from_gate_attention" in parts,
            latent_gate="to_gate_attention" in parts,
        )
    except ValueError as error:
        raise _wrong(f"its attention is unknown: {error}") from error
    return config, (min(sides), max(sides))


def _position_width(tensors: Mapping[str, Tensor]) -> int:
    ends = "transformer.from_pos_map.weight"
    return next((_size(t, 1) for name, t in tensors.items() if name.endswith(ends)), 0)


def _grid(grids: Mapping[str, Tensor], said: Said) -> tuple[str, int]:
    """Whether the file's pixel positions are the computed ones, and in how many directions."""
    wanted = _number(_look(said.synthesis, "pos_directions_num"), "pos_directions_num")
    kind = _look(said.synthesis, "pos_type")
    if not grids or any(grid.is_meta for grid in grids.values()):
        return ("sinus", wanted or 2) if kind in (None, "sinus") else ("stored", 2)
    for directions in dict.fromkeys([wanted or 2, *range(1, MOST_DIRECTIONS + 1)]):
        if all(_is_encoding(grid, directions) for grid in grids.values()):
            return "sinus", directions
    return "stored", 2


def _is_encoding(grid: Tensor, directions: int) -> bool:
    if grid.dim() != 3 or grid.shape[0] != grid.shape[1] or not 1 <= directions <= MOST_DIRECTIONS:
        return False
    if grid.shape[2] % (2 * directions) or not grid.is_floating_point():
        return False
    return torch.allclose(grid.float(), grid_encoding(grid.shape[0], grid.shape[2], directions), atol=1e-5)


def _architecture(tensors: Mapping[str, Tensor]) -> str:
    if "synthesis.b4.torgb.weight" in tensors:
        return "skip"
    return "resnet" if "synthesis.b8.skip.weight" in tensors else "orig"


def _modulated(tensors: Mapping[str, Tensor], said: Said, assumed: list[str]) -> bool:
    value = _look(said.synthesis, "style")
    if value is not None:
        if not isinstance(value, bool):
            raise _wrong("its setting style is not true or false")
        return value
    biases = [t for name, t in tensors.items() if name.endswith(".affine.bias")]
    if not biases:
        return False
    # they start at exactly 1, and in the CLEVR recipe, where nothing uses them, they stay there
    trained = any(t.is_meta or bool((t != 1).any()) for t in biases)
    assumed.append(f"style = {trained}")
    return trained


def _compare(config: GANformerConfig, said: Said, placed: bool) -> None:
    """ForeignError where the file's arguments and its tensors contradict each other."""
    attention = config.attention
    top: dict[str, Plain] = {
        "z_dim": config.z_dim,
        "w_dim": config.w_dim,
        "k": config.components + 1,
        "img_resolution": config.resolution,
    }
    mapping: dict[str, Plain] = {"resnet": config.mapping_residual}
    synthesis: dict[str, Plain] = {
        "transformer": attention is not None,
        "architecture": config.architecture,
        "local_noise": config.noise,
    }
    if attention is not None:
        mapping["ltnt2ltnt"] = config.mapping_attention
        synthesis |= {"kmeans": attention.duplex, "num_heads": attention.heads, "use_pos": placed}
        synthesis["integration"] = {"multiply": "mul"}.get(attention.integration, attention.integration)
        _compare_sides(config, said)
        if attention.duplex:
            synthesis["iterative"] = attention.carried
    for places, values in (((said.top,), top), (said.mapping, mapping), (said.synthesis, synthesis)):
        for name, value in values.items():
            claimed = _look(places, name)
            if claimed is not None and claimed != value:
                raise _wrong(f"it says {name} = {shown(claimed, 40)}, while its tensors show {value}")


def _compare_sides(config: GANformerConfig, said: Said) -> None:
    start, end = (_number(_look(said.synthesis, name), name) for name in ("start_res", "end_res"))
    expected = [s for s in config.sides if (start or 0) <= math.log2(s) < (99 if end is None else end)]
    if (start, end) != (None, None) and expected[:1] + expected[-1:] != list(config.attention_sides):
        raise _wrong(
            f"it says start_res = {start} and end_res = {end}, while its tensors show attention at the sides "
            f"{config.attention_sides[0]} to {config.attention_sides[1]}"
        )


def unread(said: Said) -> list[str]:
    """Names of arguments that were not looked at."""
    names = {str(name) for place in (said.top, *said.mapping, *said.synthesis) for name in place}
    return sorted(name for name in names - SILENT - set(ONLY) if name.isidentifier())
