"""The walk over pickled modules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.formats.persistent import init_args, init_kwargs, is_module, network, state_dict


def record_of(module: nn.Module, **more: object) -> Record:
    """A live module as the record that a reader makes of its pickle."""
    state = {
        "training": False,
        "_parameters": dict(module._parameters),
        "_buffers": dict(module._buffers),
        "_modules": {n: None if m is None else record_of(m) for n, m in module._modules.items()},
    }
    return Record("persistent", type(module).__name__, state=state | more)


def test_numbers_the_state_dict_of_a_tree() -> None:
    module = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.Sequential(nn.BatchNorm2d(3), nn.Linear(3, 1)))
    got = state_dict(record_of(module))
    want = module.state_dict()
    assert set(got) == set(want)
    assert all(torch.equal(got[name], want[name]) for name in want)


def test_numbers_what_it_was_built_with() -> None:
    module = record_of(nn.Linear(1, 1), _init_args=(3,), _init_kwargs={"z_dim": 8})
    assert init_args(module) == (3,) and init_kwargs(module) == {"z_dim": 8}
    bare = record_of(nn.Linear(1, 1))
    assert init_args(bare) == () and init_kwargs(bare) == {}


def test_numbers_the_first_network_of_a_file() -> None:
    ema, plain = record_of(nn.Linear(1, 1)), record_of(nn.Linear(1, 1))
    assert network({"G": plain, "G_ema": ema}, "G_ema", "G") is ema
    assert network({"G": plain, "G_ema": None}, "G_ema", "G") is plain
    assert network({"D": 3}, "D") is None and network([plain], "G") is None
    assert not is_module(Record("persistent", "X", state={"_parameters": {}}))


def test_errors_a_module_that_contains_itself() -> None:
    loop = record_of(nn.Linear(1, 1))
    assert isinstance(loop.state, dict)
    loop.state["_modules"]["again"] = loop
    with pytest.raises(ForeignError, match="nested without end"):
        state_dict(loop)


def test_errors_a_module_many_times_over() -> None:
    part = record_of(nn.Linear(1, 1))
    for _ in range(20):  # 4 ** 20 paths
        names = ("a", "b", "c", "d")
        state = {"_parameters": {}, "_buffers": {}, "_modules": dict.fromkeys(names, part)}
        part = Record("persistent", "Twice", state=state)
    with pytest.raises(ForeignError, match=r"without end|more than"):
        state_dict(part)


@pytest.mark.parametrize(
    ("group", "key", "value", "match"),
    [
        ("_modules", "x", 3, "not a module"),
        ("_parameters", "x", "text", "no tensor"),
        ("_buffers", 7, torch.zeros(1), "a name"),
        ("_parameters", "x" * 300, torch.zeros(1), "a name"),
    ],
)
def test_errors_damaged_trees(group: str, key: object, value: object, match: str) -> None:
    module = record_of(nn.Linear(1, 1))
    assert isinstance(module.state, dict)
    module.state[group][key] = value
    with pytest.raises(ForeignError, match=match):
        state_dict(module)
