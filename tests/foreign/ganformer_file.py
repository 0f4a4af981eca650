"""Writes GANformer snapshots as the published code does, from tensors and arguments alone.

    python -m tests.foreign.ganformer_file VECTORS.safetensors MANIFEST.json OUT.pkl

{dataset_args, G, D, Gs}: every network and every module in it is a call of the code base's function for
objects that carry their source. The source here is a canary: run, it leaves a mark in `builtins` and raises.
"""

from __future__ import annotations

import argparse
import json
from collections import OrderedDict
from pathlib import Path

from torch import Tensor, nn

from tests.foreign.pickle_writer import Call, dumps

CANARY = "GANFORMER_CANARY"
SOURCE = (
    f"import builtins\nbuiltins.{CANARY} = True\n"
    'raise RuntimeError("CANARY: source code embedded in the pickle was executed")\n'
)
BUFFERS = ("w_avg", "resample_kernel", "noise_const", "grid_pos")
# torch's own attributes of a module, in its order
BEFORE = ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks")
DATASET = {"class_name": "training.dataset.ImageFolderDataset", "path": "datasets/rooms", "resolution": 32}


def module(
    class_name: str, tensors: dict[str, Tensor], arguments: dict[str, object], inner: dict[str, str]
) -> Call:
    """The record of a module and all below it. inner: class names of those that have one of their own."""
    parameters, buffers, children = OrderedDict(), OrderedDict(), OrderedDict()
    below: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        first, _, rest = name.partition(".")
        if rest:
            below.setdefault(first, {})[rest] = tensor
        elif first in BUFFERS:
            buffers[first] = tensor
        else:
            parameters[first] = nn.Parameter(tensor)
    for first, deeper in below.items():
        own = arguments.get(f"{first}_kwargs", {})
        assert isinstance(own, dict)
        children[first] = module(inner.get(first, "Layer"), deeper, own, inner)
    state = {
        "training": False,
        "_parameters": parameters,
        "_buffers": buffers,
        "_non_persistent_buffers_set": set(),
        **{name: OrderedDict() for name in BEFORE},
        "_load_state_dict_pre_hooks": OrderedDict(),
        "_modules": children,
        "_init_args": (),
        "_init_kwargs": easy(arguments),
    }
    return persistent(class_name, state)


def persistent(class_name: str, state: dict[str, object]) -> Call:
    """An object that carries its source."""
    meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": class_name, "state": state}
    return Call("torch_utils.persistence", "_reconstruct_persistent_obj", (meta,))


def easy(values: dict[str, object]) -> Call:
    """A dict of the code base's own class."""
    inside = {name: easy(value) if isinstance(value, dict) else value for name, value in values.items()}
    return Call("dnnlib.util", "EasyDict", new=True, items=inside)


def generator(tensors: dict[str, Tensor], arguments: dict[str, object]) -> Call:
    """arguments: z_dim, k, .., mapping_kwargs, synthesis_kwargs."""
    return module(
        "Generator",
        tensors,
        arguments,
        {"mapping": "MappingNetwork", "synthesis": "SynthesisNetwork", "transformer": "Transformer"},
    )


def discriminator(tensors: dict[str, Tensor], arguments: dict[str, object]) -> Call:
    return module("Discriminator", tensors, arguments, {"b4": "DiscriminatorEpilogue"})


def snapshot(
    averaged: dict[str, Tensor],
    arguments: dict[str, object],
    judge: tuple[dict[str, Tensor], dict[str, object]] | None = None,
    protocol: int = 4,
) -> bytes:
    """A whole file. The generator that is not averaged has other weights, so that the two are told apart."""
    other = {name: tensor + 0.5 for name, tensor in averaged.items()}
    networks = {
        "dataset_args": easy(DATASET),
        "G": generator(other, arguments),
        "D": None if judge is None else discriminator(*judge),
        "Gs": generator(averaged, arguments),
    }
    return dumps(networks, protocol, renamed={"numpy._core.multiarray": "numpy.core.multiarray"})


def weights_of(vectors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a file of recorded vectors, under their published names."""
    return {name[2:]: tensor for name, tensor in vectors.items() if name.startswith("w.")}


def main() -> None:
    from safetensors.torch import load_file

    parser = argparse.ArgumentParser(description="Write a GANformer snapshot from recorded vectors.")
    for name in ("vectors", "manifest", "out"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    config = json.loads(args.manifest.read_text())["files"][args.vectors.stem]["config"]
    config = {name: value for name, value in config.items() if name not in ("num_ws", "params")}
    args.out.write_bytes(snapshot(weights_of(load_file(args.vectors)), config))


if __name__ == "__main__":
    main()
