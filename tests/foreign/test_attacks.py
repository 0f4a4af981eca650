"""Attacks on what comes after the reader: values that are no trap until somebody prints or compares them."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from spatial_edit import checkpoints
from spatial_edit.foreign import formats
from spatial_edit.foreign.content import ForeignError, ImportOptions, Record
from spatial_edit.foreign.formats import eqgan, nvlabs, tensorflow
from spatial_edit.foreign.formats.omegaconf_tree import setting
from spatial_edit.foreign.fuzzing.specimens import plain
from spatial_edit.foreign.reading import reader
from spatial_edit.foreign.reading.budget import shown
from spatial_edit.foreign.reading.reader import read
from spatial_edit.safetensors_header import CheckpointError, few
from spatial_edit.session.adding import AddError, Adding, Wanted
from tests.foreign.ganformer_file import snapshot
from tests.foreign.stylegan2_file import PLAIN, content, nvlabs_tensors, small_generator, small_judge, tree
from tests.foreign.test_ganformer_files import TINY, arguments, network, published
from tests.foreign.test_stylegan2_tensorflow_files import SAID, tensorflow_generator, tensorflow_judge
from tests.foreign.whole_files import calls

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


def test_errors_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """What is read is a copy: a mapped file that somebody cuts short would end the program (SIGBUS)."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 100_000)
    view = reader._loaded(path, 1_000_000)
    with open(path, "r+b") as file:
        file.write(b"b" * 100_000)
    assert bytes(view) == b"a" * 100_000


def test_errors_sizes_of_config_json_are_compared_before_memory_is_taken(tmp_path: Path) -> None:
    checkpoints.save(tmp_path / "model", nn.Linear(2, 2), {"width": 10**7})
    made: list[str] = []

    def build(config: dict) -> nn.Module:
        made.append(torch.empty(0).device.type)
        return nn.Linear(config["width"], config["width"])  # 400 TB

    with pytest.raises(CheckpointError, match="the model needs"):
        checkpoints.load(tmp_path / "model", build)
    assert made == ["meta"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.bfloat16, torch.int64])
def test_numbers_safetensors_without_the_library(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {"a": torch.tensor([[0, 1], [1, 0], [1, 1]]).to(dtype), "b": torch.tensor(1).to(dtype)}
    tensors["c"] = torch.zeros(0, 3, dtype=dtype)
    path = tmp_path / "file"
    save_file(tensors, path)
    found = read(path).root
    assert isinstance(found, dict) and set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == dtype and torch.equal(found[name], tensor)


def test_errors_in_the_app_name_no_folder_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "taken"))
    (tmp_path / "file").write_bytes(plain(calls({"G_ema": tree(nvlabs_tensors(small_generator()))})))
    with pytest.raises(AddError, match="could not write new to the folder of models") as caught:
        Adding().add(Wanted(file=tmp_path / "file", name="new"))
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("heads", [10**9, -1, 3])
def test_errors_heads_that_no_ganformer_has(tmp_path: Path, heads: int) -> None:
    said = arguments(TINY)
    said["mapping_kwargs"] = {**said["mapping_kwargs"], "num_heads": heads}
    (tmp_path / "file").write_bytes(snapshot(published(network(TINY)), said))
    with pytest.raises(ForeignError, match="recognised as a GANformer"):
        formats.convert(read(tmp_path / "file"))
