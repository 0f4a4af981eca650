"""Attacks on what comes after the reader: values that are no trap until somebody prints or compares them."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
import torch

from spatial_edit.foreign import eqgan, formats, nvlabs, tensorflow
from spatial_edit.foreign.budget import shown
from spatial_edit.foreign.content import ForeignError, ImportOptions, Record
from spatial_edit.foreign.omegaconf_tree import setting
from spatial_edit.foreign.reader import read
from spatial_edit.safetensors_header import few
from tests.foreign.stylegan2_file import PLAIN, content, nvlabs_tensors, small_generator, small_judge, tree
from tests.foreign.test_stylegan2_tensorflow_files import SAID, tensorflow_generator, tensorflow_judge

TWO = torch.tensor([1.0, 2.0])  # has no truth value: `if two != 1` fails


def test_errors_shared_text_is_never_printed_whole(tmp_path: Path) -> None:
    """100 000 times the same text of 300 000 letters: 30 GB as soon as somebody calls str()."""
    letters, count = 300_000, 100_000
    body = b"X" + struct.pack("<I", letters) + b"a" * letters + b"q\x00" + b"0](" + b"h\x00" * count + b"e."
    path = tmp_path / "shared"
    path.write_bytes(b"\x80\x02" + body)
    bomb = read(path).root
    assert isinstance(bomb, list) and len(bomb) == count
    root = tree(nvlabs_tensors(small_generator()), {"": {"_init_kwargs": {"z_dim": bomb}}})
    begin = time.monotonic()
    with pytest.raises(ForeignError, match="z_dim is a list"):
        nvlabs.convert(content({"G_ema": root}), ImportOptions())
    assert time.monotonic() - begin < 10
    assert shown(bomb) == "a list"
    assert shown({"a": bomb}) == "a dict"


@pytest.mark.parametrize(
    "text", ["${" + " " * 100_000, "${a" + " " * 100_000 + "}x", "${" + " " * 3000 + "x"]
)
def test_errors_references_of_many_spaces_take_no_time(text: str) -> None:
    node = Record("omegaconf.nodes", "AnyNode", state={"_val": text})
    begin = time.monotonic()
    assert setting({"ab_norm": node}, "ab_norm") == text  # no reference, so a text as it is
    assert time.monotonic() - begin < 1
    spaced = Record("omegaconf.nodes", "AnyNode", state={"_val": "${ dim }"})
    with pytest.raises(ForeignError, match="circle"):  # a reference still, spaces and all
        setting({"ab_norm": spaced}, "ab_norm")


def test_errors_names_stay_on_one_line() -> None:
    assert few(["a\nb\x1b[2J"]) == "a?b?[2J"
    with pytest.raises(ForeignError) as caught:
        formats.convert(content({"a\nb\x1b[2J\u202e": 1}))
    assert str(caught.value).isprintable()
    tensors = {**nvlabs_tensors(small_generator()), "synthesis.b4.\x1b[2J\nevil": TWO}
    with pytest.raises(ForeignError) as caught:
        nvlabs.convert(content({"G_ema": tree(tensors)}), ImportOptions())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "said", [{"resample_kernel": [TWO, TWO, TWO, TWO]}, {"resample_kernel": TWO}, {"nonlinearity": TWO}]
)
def test_errors_tensors_where_numbers_belong_in_tensorflow_files(said: dict) -> None:
    model = tensorflow_generator(small_generator(PLAIN), **{**SAID, **said})
    judge = tensorflow_judge(small_judge(), **{**SAID, **said})
    with pytest.raises(ForeignError):
        tensorflow.convert(content((model, judge, model)), ImportOptions())


def test_errors_numbers_that_no_tensor_holds() -> None:
    model = tensorflow_generator(small_generator(PLAIN), **SAID)
    assert isinstance(model.state, dict)
    model.state["variables"] = [*model.state["variables"], ("x", 2**400)]
    with pytest.raises(ForeignError, match="no numbers"):
        tensorflow.convert(content((model, model, model)), ImportOptions())
    root = tree({"synthesis.b4.const": TWO}, {"synthesis.b4": {"_parameters": {"const": 2**400}}})
    with pytest.raises(ForeignError, match="no tensor"):
        nvlabs.convert(content({"G_ema": root}), ImportOptions())


def test_errors_tensors_as_learning_rates_of_eqgan() -> None:
    root = tree({"mapping.fc0.weight": TWO}, {"mapping.fc0": {"bias_gain": TWO}})
    with pytest.raises(ForeignError, match="learning rate a Tensor"):
        eqgan.convert(content({"G_ema": root}), ImportOptions())
