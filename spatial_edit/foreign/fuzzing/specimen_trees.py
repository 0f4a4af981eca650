"""The specimens by format: tiny networks, configurations and optimizer states, shaped as published files."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from spatial_edit.foreign.fuzzing.specimens import (
    Call,
    Name,
    OrderedDict,
    archive_of,
    plain,
    raw,
    stream_of,
)

SOURCE = "raise SystemExit('embedded source must never run')"  # as the source text that NVlabs' files carry
_PERSISTENT = Name("torch_utils.persistence", "_reconstruct_persistent_obj")
_PARAMETER = Name("torch._utils", "_rebuild_parameter")
_EASY = Name("dnnlib.util", "EasyDict")


def specimens() -> dict[str, bytes]:
    """Format -> a file of it. Always the same bytes."""
    from safetensors.torch import save

    kinds = {f"nvlabs protocol {protocol}": plain(nvlabs(), protocol) for protocol in (2, 3, 4, 5)}
    return {
        **kinds,
        "eqgan": plain(eqgan(), 4),
        "ganformer": plain(ganformer(), 3),
        "tensorflow": plain(tensorflow(), 3),
        "torch zip": archive_of(training()),
        "torch legacy": stream_of(training()),
        "bachgan": stream_of(bachgan()),
        "lightning": archive_of(lightning()),
        "safetensors": save({f"{name}.weight": tensor for name, tensor in _weights().items()}),
    }


def nvlabs() -> dict:
    """{training_set_kwargs, G, D, G_ema, augment_pipe} of persistent objects."""
    generator = _network("Generator", partial(_layer, buffers={"resample_filter": torch.ones(2, 2)}))
    kwargs = Call(_EASY, new=True)
    return {"training_set_kwargs": kwargs, "G": None, "D": None, "G_ema": generator, "augment_pipe": None}


def eqgan() -> dict:
    """Hooks that name functions of the training code, plain modules of torch, cached tensors."""
    slope = {"negative_slope": 0.2, **_module({}, {}, {})}
    modules = {"0": Call(Name("torch.nn.modules.activation", "LeakyReLU"), state=slope, new=True)}
    norm = Call(Name("torch.nn.modules.instancenorm", "InstanceNorm2d"), state=_module({}, {}, {}), new=True)
    inner = _module({}, {}, {**modules, "1": norm})
    inner |= {"_forward_hooks": Call(OrderedDict, ([[3, Name("training.loss", "activation_hook")]],))}
    chain = Call(Name("torch.nn.modules.container", "Sequential"), state=inner, new=True)
    network = _persistent("Generator", {**_module({}, {}, {"sel": chain}), "heatmap": torch.ones(1, 2, 3)})
    return {"G_ema": network, "augment_pipe": None}


def ganformer() -> dict:
    """{dataset_args, G, D, Gs}: mappings of all components and of one, synthesis by side."""
    heads = {name: _layer({}) for name in ("to_queries", "to_keys", "to_values")}
    attention = _persistent("TransformerLayer", {**_module({"centroids": torch.ones(2, 3)}, {}, heads)})
    blocks = {"l0": _persistent("ResBlock", _module({}, {}, {"fc0": _layer({})})), "sa0": attention}
    inner = {name: _persistent("MLP", _module({}, {}, blocks)) for name in ("global_mlp", "mlp")}
    mapping = _persistent("MappingNetwork", _module({}, {"w_avg": torch.zeros(4)}, inner))
    block = _persistent("SynthesisBlock", _module({"const": torch.ones(2, 4, 4)}, {}, {"conv1": _layer({})}))
    synthesis = _persistent("SynthesisNetwork", _module({}, {}, {"b4": block}))
    state = _module({}, {"pos": torch.zeros(2, 4)}, {"mapping": mapping, "synthesis": synthesis})
    averaged = _persistent("Generator", {**state, "_init_args": (), "_init_kwargs": {"k": 3, "z_dim": 4}})
    return {"dataset_args": Call(_EASY, new=True), "G": None, "D": None, "Gs": averaged}


def bachgan() -> Call:
    """A plain state dict with spectral norms, in an OrderedDict with its metadata."""
    names = ("weight_orig", "weight_u", "weight_v", "bias")
    weights = [[f"head_0.conv_0.{name}", torch.ones(3, 3)[: i + 1]] for i, name in enumerate(names)]
    return Call(OrderedDict, (weights,), state={"_metadata": Call(OrderedDict, ([["", {"version": 1}]],))})


def tensorflow() -> tuple:
    """Three networks, their variables as numpy arrays."""
    return tuple(_tensorflow(name) for name in ("G", "D", "Gs"))


def training() -> dict:
    """A training checkpoint: state dicts, an optimizer, command line arguments."""
    weights = Call(OrderedDict, ([[name, tensor] for name, tensor in _weights().items()],))
    weights.state = {"_metadata": Call(OrderedDict, ([["", {"version": 1}]],))}
    state = {0: {"step": 5, "exp_avg": torch.zeros(3)}}
    optimizer = {"state": state, "param_groups": [{"lr": 0.002, "betas": (0.0, 0.99), "params": [0]}]}
    arguments = Call(Name("argparse", "Namespace"), state={"size": 64, "path": "data"}, new=True)
    return {"g_ema": weights, "g_optim": optimizer, "args": arguments, "ada_aug_p": 0.25}


def lightning() -> dict:
    """A Lightning checkpoint whose hyper-parameters are an OmegaConf tree."""
    node, tree = Name("omegaconf.nodes", "AnyNode"), Name("omegaconf.dictconfig", "DictConfig")
    data = {"ref_type": Name("typing", "Any"), "object_type": Name("builtins", "dict"), "optional": True}
    metadata = Call(Name("omegaconf.base", "ContainerMetadata"), state=data, new=True)
    content: dict = {}
    root = Call(tree, new=True, state={"_metadata": metadata, "_parent": None, "_content": content})
    model: dict = {}
    inner = Call(tree, new=True, state={"_metadata": metadata, "_parent": root, "_content": model})
    for name, value in {"dim": 64, "size_in": "${model.dim}"}.items():
        model[name] = Call(node, new=True, state={"_metadata": metadata, "_parent": inner, "_val": value})
    content["model"] = inner
    weights = {f"generator_ema.{name}": tensor for name, tensor in _weights().items()}
    return {"epoch": 3, "state_dict": weights, "hyper_parameters": {"generator": inner, "resolution": 64}}


def _weights() -> dict[str, Tensor]:
    kinds = (torch.float32, torch.float16, torch.int64, torch.bfloat16)
    return {f"layer{i}": torch.arange(12).reshape(3, 4).to(kind) for i, kind in enumerate(kinds)}


def _network(name: str, layer: object) -> Call:
    layers = {f"fc{i}": layer() for i in range(2)}  # type: ignore[operator]
    kwargs = {"z_dim": 4, "c_dim": 0, "w_dim": 4, "img_resolution": 4, "img_channels": 3}
    mapping = _persistent("MappingNetwork", _module({}, {"w_avg": torch.zeros(4)}, layers))
    state = _module({}, {}, {"mapping": mapping})
    return _persistent(name, {**state, "_init_args": (), "_init_kwargs": kwargs, "training": False})


def _layer(buffers: dict[str, Tensor]) -> Call:
    weight = Call(_PARAMETER, (torch.arange(8.0).reshape(2, 4).clone(), True, Call(OrderedDict)))
    gain = Call(Name("numpy.core.multiarray", "scalar"), (_dtype("f8"), b"\0" * 6 + b"\xf0?"))
    return _persistent("FullyConnectedLayer", {**_module({"weight": weight}, buffers, {}), "gain": gain})


def _module(parameters: dict, buffers: dict, modules: dict) -> dict[str, object]:
    parts = {"_parameters": parameters, "_buffers": buffers, "_modules": modules}
    return {name: Call(OrderedDict, ([[k, v] for k, v in part.items()],)) for name, part in parts.items()}


def _persistent(name: str, state: dict) -> Call:
    meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": name, "state": state}
    return Call(_PERSISTENT, (meta,))


def _dtype(code: str) -> Call:
    return Call(Name("numpy", "dtype"), (code, False, True), state=(3, "<", None, None, None, -1, -1, 0))


def _tensorflow(name: str) -> Call:
    shell = Call(
        Name("numpy.core.multiarray", "_reconstruct"),
        (Name("numpy", "ndarray"), (0,), b"b"),
        state=(1, (2, 3), _dtype("f4"), False, raw(torch.arange(6.0))),
    )
    state = {"version": 4, "name": name, "static_kwargs": {"resolution": 4}, "build_module_src": SOURCE}
    state |= {"build_func_name": "G_main", "components": {}, "variables": [(f"{name}/w", shell)]}
    return Call(Name("dnnlib.tflib.network", "Network"), state=state, new=True)
