"""Walks the records of PyTorch modules that a pickle holds, down to a state dict.

A module's pickled attributes hold `_parameters`, `_buffers` and `_modules`; joining their names with dots
gives the names of its state dict. NVIDIA's files ("persistent" objects) also keep the arguments of the call
that built the module, `_init_args` and `_init_kwargs`. Source text in such a file is never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from spatial_edit.foreign.content import ForeignError, Record

# The largest published networks have about 200 modules, nested 4 deep, and 400 tensors. Beyond these limits
# a file is a trap: modules that contain themselves, or each other many times over.
DEEPEST, MOST_MODULES, MOST_TENSORS = 32, 20_000, 20_000


def is_module(value: object) -> bool:
    """Whether a value is the record of a PyTorch module: it has parameters, buffers and sub-modules."""
    return isinstance(value, Record) and all(
        isinstance(value.attribute(name), Mapping) for name in ("_parameters", "_buffers", "_modules")
    )


def modules_of(root: Record) -> Iterator[tuple[str, Record]]:
    """Every module of the tree with its dotted name ("" for the root), parents first.

    ForeignError when the tree is too deep or too large, or something in it is no module.
    """
    waiting = [("", root, 0)]
    seen = 0
    while waiting:
        name, module, depth = waiting.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST_MODULES:
            raise ForeignError("the network in the file is nested without end: the file is damaged or a trap")
        if not is_module(module):
            raise ForeignError(
                f"the network's part {name[:80] or 'at the top'} is not a module: damaged file"
            )
        yield name, module
        children = module.attribute("_modules")
        assert isinstance(children, Mapping)
        for key, child in reversed(list(children.items())):
            if child is not None:
                waiting.append((_join(name, key), child, depth + 1))


def state_dict(root: Record) -> dict[str, Tensor]:
    """The tensors of a module's record and of all below it, under their dotted names.

    As `nn.Module.state_dict` of the live module would give them, except that buffers marked as not saved are
    included. ForeignError as `modules_of`, or when an entry is not a tensor.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules_of(root):
        for group in ("_parameters", "_buffers"):
            entries = module.attribute(group)
            assert isinstance(entries, Mapping)
            for key, value in entries.items():
                if value is None:
                    continue
                full = _join(name, key)
                if isinstance(value, bool | int | float) and abs(value) < 2**63:  # fits a tensor
                    value = torch.tensor(value)
                if not isinstance(value, Tensor):
                    raise ForeignError(f"the network's {full[:80]} is no tensor: the file is damaged")
                tensors[full] = value
                if len(tensors) > MOST_TENSORS:
                    raise ForeignError(f"the network in the file has more than {MOST_TENSORS} tensors")
    return tensors


def init_kwargs(root: Record) -> dict[str, object]:
    """What the module was built with by name; empty when the file does not say."""
    kwargs = root.attribute("_init_kwargs")
    return {str(name): value for name, value in kwargs.items()} if isinstance(kwargs, Mapping) else {}


def init_args(root: Record) -> tuple[object, ...]:
    """What the module was built with by position; empty when the file does not say."""
    args = root.attribute("_init_args")
    return tuple(args) if isinstance(args, list | tuple) else ()


def network(root: object, *names: str) -> Record | None:
    """The first of the dict's entries `names` that is a module ("G_ema", "G"); None when there is none."""
    if not isinstance(root, Mapping):
        return None
    for name in names:
        value = root.get(name)
        if isinstance(value, Record) and is_module(value):
            return value
    return None


def _join(prefix: str, key: object) -> str:
    if not isinstance(key, str) or not key.isprintable() or not 0 < len(key) <= 200:
        raise ForeignError(
            "a name in the network's tree is no printable text of at most 200 letters: damaged file"
        )
    return f"{prefix}.{key}" if prefix else key
