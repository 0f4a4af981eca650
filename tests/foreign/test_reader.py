"""What the reader gives of published files and of files that torch writes: the same numbers, nothing run."""

from __future__ import annotations

import builtins
import hashlib
import io
import json
import sys
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.formats.persistent import state_dict
from spatial_edit.foreign.fuzzing.specimen_trees import SOURCE, specimens
from spatial_edit.foreign.reading.reader import read

Recorded = Callable[[str], Path]
Made = Callable[..., Path]
CANARY = "NV_PICKLE_CANARY"  # what the recorded files would set in builtins


@pytest.fixture(autouse=True)
def canaries_stay_silent() -> object:
    yield
    assert not hasattr(builtins, CANARY)
    assert not {"dnnlib", "torch_utils", "omegaconf", "training", "antigravity"} & set(sys.modules)


def same(got: dict[str, Tensor], want: dict[str, Tensor]) -> None:
    assert set(got) == set(want)
    for name, tensor in want.items():
        assert got[name].dtype == tensor.dtype and torch.equal(got[name], tensor), name
        assert got[name].is_contiguous()


# numbers


@pytest.mark.parametrize(
    ("file", "networks"),
    [
        ("network-G_ema-only-canary-proto3-numpy1.pkl", {"G_ema": "nv64_G"}),
        ("network-snapshot-canary.pkl", {"G_ema": "nv64_G", "D": "nv64_D"}),
    ],
)
def test_numbers_of_nvidia_pickles(file: str, networks: dict[str, str], recorded: Recorded) -> None:
    content = read(recorded(f"stylegan2/{file}"))
    assert content.container == "pickle" and content.size == content.path.stat().st_size
    for name, vectors in networks.items():
        record = content.root[name]
        assert isinstance(record, Record) and record.module == "persistent"
        same(state_dict(record), load_file(recorded(f"stylegan2/{vectors}.safetensors")))
        assert "module_src" not in record.state and "class_name" not in record.state


def test_numbers_of_the_eqgan_pickle(recorded: Recorded) -> None:
    want = json.loads(recorded("eqgan/eqgan-style-canary.expected.json").read_text())
    root = read(recorded("eqgan/eqgan-style-canary.pkl")).root
    got = {f"{key}.{name}": t for key in ("G_ema", "D") for name, t in state_dict(root[key]).items()}
    assert set(got) == set(want)
    for name, facts in want.items():
        assert list(got[name].shape) == facts["shape"], name
        digest = hashlib.sha256(got[name].numpy().astype("<f4").tobytes()).hexdigest()
        assert digest == facts["sha256_f32le"], name


def test_numbers_of_the_tensorflow_tuple(recorded: Recorded) -> None:
    root = read(recorded("stylegan2/tf_style_tuple.pkl")).root
    assert [record.name for record in root] == ["Network"] * 3
    generator = load_file(recorded("stylegan2/nv64_G.safetensors"))
    names = {name for record in root for name, _ in _variables(record)}
    assert any("4x4/Const/const" in name for name in names)
    constants = [
        tensor for record in root for name, tensor in _variables(record) if name.endswith("const/const")
    ]
    constants += [t for record in root for name, t in _variables(record) if name.endswith("Const/const")]
    assert any(torch.equal(tensor[0], generator["synthesis.b4.const"]) for tensor in constants)


def _variables(record: Record) -> list[tuple[str, Tensor]]:
    """Those of a network and of the networks within it."""
    components = record.attribute("components") or {}
    inner = [pair for component in components.values() for pair in _variables(component)]
    return [*(record.attribute("variables") or []), *inner]


def test_numbers_of_rosinality_files(recorded: Recorded) -> None:
    generator = load_file(recorded("stylegan2/ros64_G.safetensors"))
    converted = read(recorded("stylegan2/ros64_converted.pt"))
    assert converted.container == "torch zip" and set(converted.root) == {"g_ema", "latent_avg"}
    same(converted.root["g_ema"], generator)
    training = read(recorded("stylegan2/ros64_train.pt")).root
    same(training["g_ema"], generator)
    same(training["d"], load_file(recorded("stylegan2/ros64_D.safetensors")))
    assert (training["args"].module, training["args"].name) == ("argparse", "Namespace")
    assert isinstance(training["args"].state, dict) and "size" in training["args"].state


def saved(value: object, zipped: bool) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def checkpoint() -> dict:
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32)
    kinds = (*kinds, torch.int16, torch.int8, torch.uint8, torch.bool)
    base = torch.randn(5, 7, generator=torch.Generator().manual_seed(1)) * 9
    tensors = OrderedDict((str(kind), base.to(kind)) for kind in kinds)
    tensors["transposed"], tensors["expanded"] = base.T[2:, ::2], base[:1].expand(3, 7)
    tensors["scalar"], tensors["none"] = torch.tensor(2.5), torch.empty(0, 3)
    tensors["parameter"] = torch.nn.Parameter(base[2])
    layer = torch.nn.BatchNorm2d(3)
    plain = {"epoch": 3, "lr": 0.5, "big": -(2**70), "names": ("a", None, True), "groups": [{"k": {1, 2}}]}
    return {"tensors": tensors, "layer": layer.state_dict(), **plain, "dtype": torch.float16}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_numbers_of_what_torch_saves(zipped: bool, made: Made) -> None:
    want = checkpoint()
    content = read(made(saved(want, zipped), "no-ending"))
    assert content.container == ("torch zip" if zipped else "torch legacy")
    root = content.root
    same(root["tensors"], {name: t.detach() for name, t in want["tensors"].items()})
    same(root["layer"], dict(want["layer"]))
    assert type(root["tensors"]) is dict
    assert {k: root[k] for k in ("epoch", "lr", "big", "names", "groups")} == {
        k: want[k] for k in ("epoch", "lr", "big", "names", "groups")
    }
    assert (root["dtype"].module, root["dtype"].name) == ("torch", "float16")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_numbers_of_an_optimizer_and_a_namespace(zipped: bool, made: Made) -> None:
    moments = {"step": torch.tensor(1.0), "exp_avg": torch.randn(2, 3)}
    optimizer = {"state": {0: moments}, "param_groups": [{"betas": (0.9, 0.999), "params": [0]}]}
    value = {"optim": optimizer, "args": Namespace(size=64), "device": torch.device("cpu")}
    root = read(made(saved(value, zipped))).root
    same(root["optim"]["state"][0], moments)
    assert root["optim"]["param_groups"] == optimizer["param_groups"]
    assert root["args"].state == {"size": 64} and root["device"].arguments == ("cpu",)


def test_numbers_of_safetensors(tmp_path: Path) -> None:
    want = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(3, dtype=torch.float16)}
    save_file(want, tmp_path / "weights.pkl")  # the ending does not matter
    content = read(tmp_path / "weights.pkl")
    assert content.container == "safetensors"
    same(content.root, want)


def test_numbers_of_our_specimens(made: Made) -> None:
    roots = {name: read(made(data)).root for name, data in specimens().items()}
    for protocol in (2, 3, 4, 5):
        generator = roots[f"nvlabs protocol {protocol}"]["G_ema"]
        tensors = state_dict(generator)
        assert torch.equal(tensors["mapping.fc1.weight"], torch.arange(8.0).reshape(2, 4))
        mapping = generator.state["_modules"]["mapping"]
        assert mapping.state["_modules"]["fc0"].state["gain"] == 1.0
    hooks = roots["eqgan"]["G_ema"].state["_modules"]["sel"].state["_forward_hooks"]
    assert (hooks[3].module, hooks[3].name, hooks[3].state) == ("training.loss", "activation_hook", None)
    assert torch.equal(roots["tensorflow"][0].state["variables"][0][1], torch.arange(6.0).reshape(2, 3))
    assert roots["torch zip"]["args"].state == {"size": 64, "path": "data"}
    assert roots["torch legacy"]["g_ema"]["layer3"].dtype == torch.bfloat16
    assert not any(SOURCE in str(roots[f"nvlabs protocol {protocol}"]) for protocol in (2, 3, 4, 5))


def test_configurations_keep_their_parents(made: Made) -> None:
    root = read(made(specimens()["lightning"])).root
    inner = root["hyper_parameters"]["generator"]
    assert (inner.module, inner.name) == ("omegaconf.dictconfig", "DictConfig")
    assert inner.state["_content"]["dim"].state["_val"] == 64
    top = inner.state["_parent"]
    assert top.state["_parent"] is None and top.state["_content"]["model"] is inner


def test_numbers_of_pickles_as_text(made: Made) -> None:
    """Protocols 0 and 1, as Python 2 wrote them."""
    text = (
        b"(dp0\nS'it\\'s'\np1\n(lp2\nI5\naI01\naL-7L\naF2.5\naNasV\xe9\\u0101\np3\n(I1\nt(dS'a'\nI2\nssg1\n0."
    )
    with pytest.raises(ForeignError):
        read(made(text))  # one value too few for its last opcode
    text = b"(dp0\nS'it\\'s'\np1\n(lp2\nI5\naI01\naL-7L\naF2.5\naNasV\xe9\\u0101\np3\n(I1\ntp4\ns."
    assert read(made(text)).root == {"it's": [5, True, -7, 2.5, None], "é\u0101": (1,)}
    assert read(made(b"}q\x00U\x03oneK\x01s.")).root == {"one": 1}


def test_determinism_and_digest(recorded: Recorded) -> None:
    path = recorded("stylegan2/network-G_ema-only-canary-proto3-numpy1.pkl")
    first, second = read(path), read(path)
    assert first.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == second.sha256
    same(state_dict(first.root["G_ema"]), state_dict(second.root["G_ema"]))


def test_nothing_of_the_file_stays_open(made: Made) -> None:
    path = made(saved({"a": torch.ones(1000)}, True))
    root = read(path).root
    path.write_bytes(b"")
    assert root["a"].sum() == 1000 and path.stat().st_size == 0
    descriptors = [str(Path(link).resolve()) for link in Path("/proc/self/fd").glob("*")]
    assert str(path) not in descriptors


def test_large_files_are_quick(made: Made) -> None:
    """60 MB in 300 tensors: blobs are never looked at byte by byte."""
    import time

    path = made(saved({str(i): torch.zeros(50_000) for i in range(300)}, True))
    start = time.process_time()
    assert len(read(path).root) == 300
    assert time.process_time() - start < 3


# errors


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Not found", "HTML page"),
        (b"\n\n <HTML>", "HTML page"),
        (b"These are no weights, dear reader", "text file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "Git LFS"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\x89PNG\r\n", "picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\0" * 100, "no pickle, or damaged"),
        (b"\xff\xfe" * 50, "no pickle, or damaged"),
        (b"\x80", "cut short"),
        (b"\x80\x04", "cut short"),
        (b"\x80\x09N.", "protocol 9"),
        (b"PK\3\4" + b"\0" * 60, "cut short"),
        (b"\x10\0\0\0\0\0\0\0{", "cut short"),
    ],
)
def test_errors_for_what_is_no_checkpoint(data: bytes, words: str, made: Made) -> None:
    with pytest.raises(ForeignError, match=words) as caught:
        read(made(data))
    assert str(caught.value).startswith("model.pkl") and "\n" not in str(caught.value)


def test_errors_for_what_is_no_file(tmp_path: Path, made: Made) -> None:
    with pytest.raises(ForeignError, match="cannot read none"):
        read(tmp_path / "none.pkl")
    with pytest.raises(ForeignError, match=r"cannot read|no plain file"):
        read(tmp_path)
    with pytest.raises(ForeignError, match="GB are read"):
        read(made(b"\x80\x02N." * 10), max_bytes=39)
    assert read(made(b"\x80\x02N."), max_bytes=4).root is None


def test_errors_for_truncated_files(recorded: Recorded, made: Made) -> None:
    with pytest.raises(ForeignError, match="cut short"):
        read(recorded("stylegan2/evil_truncated.pkl"))
    for name, data in specimens().items():
        for share in (0.1, 0.5, 0.9, 0.999):
            with pytest.raises(ForeignError) as caught:
                read(made(data[: int(len(data) * share)]))
            words = ("cut short", "is there twice", "damaged", "header promises")
            assert any(word in str(caught.value) for word in words), (name, share, caught.value)
