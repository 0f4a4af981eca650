"""Checkpoints: round trips, and one clear sentence for everything that can be wrong with a folder."""

from __future__ import annotations

import copy
import errno
import json
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from spatial_edit import checkpoints
from spatial_edit.checkpoints import CheckpointError, load, read_config, save, weights_hash
from spatial_edit.safetensors_header import read_header


class Small(nn.Module):
    """Weights, a persistent buffer, an integer buffer, and a constant that is not saved."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 2))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("filter", torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8, persistent=False)


def build(config: dict) -> nn.Module:
    return Small(config["width"])


@pytest.fixture
def module() -> Small:
    torch.manual_seed(0)
    made = Small(8)
    made.mean.copy_(torch.linspace(-1, 1, 8).half().float())
    for parameter in made.parameters():
        parameter.data = parameter.data.half().float()  # exactly what float16 can hold
    made.inner[1].num_batches_tracked.fill_(12345)
    return made


@pytest.fixture
def folder(tmp_path: Path, module: Small) -> Path:
    path = tmp_path / "small"
    save(path, module, {"width": 8})
    return path


def same(a: nn.Module, b: nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def rewrite_header(path: Path, change: Callable[[dict], None]) -> None:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def test_round_trip(folder: Path, module: Small) -> None:
    loaded, config, digest = load(folder, build)
    assert config == {"width": 8} == read_config(folder)
    assert digest == weights_hash(folder) and len(digest) == 16 and int(digest, 16) >= 0
    assert same(loaded, module)
    assert {t.dtype for t in loaded.parameters()} == {torch.float32}  # float16 on disk
    assert read_header(folder / "model.safetensors")["mean"].dtype == torch.float16
    assert torch.equal(loaded.filter, module.filter)  # made by the constructor, not a meta tensor
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert torch.equal(loaded.inner(torch.ones(2, 3)), copy.deepcopy(module).eval().inner(torch.ones(2, 3)))
    assert same(copy.deepcopy(loaded), module)


def test_hash_is_that_of_the_weights(folder: Path, module: Small, tmp_path: Path) -> None:
    assert save(tmp_path / "again", module, {"width": 8, "note": "x"}) == weights_hash(folder)
    module.mean[0] += 0.25
    assert save(tmp_path / "other", module, {"width": 8}) != weights_hash(folder)


def test_float32_is_exact_and_bfloat16_is_read(tmp_path: Path) -> None:
    torch.manual_seed(3)
    module = Small(5)
    save(tmp_path / "full", module, {"width": 5}, dtype=torch.float32)
    assert same(load(tmp_path / "full", build)[0], module)
    save(tmp_path / "brain", module, {"width": 5}, dtype=torch.bfloat16)
    loaded = load(tmp_path / "brain", build)[0]
    assert torch.equal(loaded.inner[0].weight, module.inner[0].weight.bfloat16().float())


def test_shards(tmp_path: Path, module: Small) -> None:
    folder = tmp_path / "parts"
    digest = save(folder, module, {"width": 8}, max_shard_bytes=40)
    shards = sorted(path.name for path in folder.glob("*.safetensors"))
    assert len(shards) > 3 and shards[0] == f"model-00001-of-{len(shards):05d}.safetensors"
    loaded, _, again = load(folder, build)
    assert same(loaded, module) and again == digest
    assert save(folder, module, {"width": 8}) == weights_hash(folder)  # one file again: no stale shard stays
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert same(load(folder, build)[0], module)


def test_other_files_stay(folder: Path, module: Small) -> None:
    (folder / "README.md").write_text("card")
    (folder / "samples").mkdir()
    save(folder, module, {"width": 8})
    assert (folder / "README.md").read_text() == "card" and (folder / "samples").is_dir()
    assert [p.name for p in folder.parent.iterdir()] == ["small"]


def test_large_models_are_cut_below_the_limit(tmp_path: Path) -> None:
    module = nn.Sequential(*[nn.Linear(1000, 1000) for _ in range(6)])  # 2 MB each in float16
    save(tmp_path / "large", module, {})
    sizes = [path.stat().st_size for path in (tmp_path / "large").glob("*.safetensors")]
    assert len(sizes) == 2 and max(sizes) < 9_500_000


@pytest.mark.parametrize("existing", [False, True])
def test_full_disk_changes_nothing(
    existing: bool, tmp_path: Path, module: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "small"
    if existing:
        save(folder, module, {"width": 8})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:  # the first shard is written, the second is not
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with torch.no_grad():
        module.mean.add_(1)
    with pytest.raises(CheckpointError, match="could not save to small: No space left on device"):
        save(folder, module, {"width": 8}, max_shard_bytes=40)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert len(list(tmp_path.iterdir())) == int(existing)


def test_saving_refuses_what_cannot_be_stored(tmp_path: Path, module: Small) -> None:
    module.mean[0] = 1e6
    with pytest.raises(CheckpointError, match=r"mean has values beyond torch.float16"):
        save(tmp_path / "x", module, {})
    module.mean[0] = float("nan")
    with pytest.raises(CheckpointError, match="mean holds NaN"):
        save(tmp_path / "x", module, {})
    module.mean[0] = 0
    for config in ({"a": float("inf")}, {"a": object()}):
        with pytest.raises(CheckpointError, match="JSON"):
            save(tmp_path / "x", module, config)
    assert not list(tmp_path.iterdir())


def test_missing_things(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder 'absent'"):
        load(tmp_path / "absent", build)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        load(folder, build)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"cannot read small/config\.json"):
        load(folder, build)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"format": 1, "format": 1}', '{"format": NaN}', "\xff", '{"format": 2}', "[" * 100_000],
)
def test_damaged_config(folder: Path, text: str) -> None:
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load(folder, build)


@pytest.mark.parametrize("config", [{}, {"width": "eight"}, {"width": -1}])
def test_config_of_no_model(folder: Path, config: dict) -> None:
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**content, "config": config}))
    with pytest.raises(CheckpointError, match="describes no model"):
        load(folder, build)


def test_weights_of_another_model(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"mean in small has shape \(8,\), the model needs \(9,\)"):
        load(folder, lambda config: Small(9))

    def more(config: dict) -> nn.Module:
        module = Small(8)
        module.extra = nn.ModuleList([nn.Linear(1, 1) for _ in range(6)])
        return module

    with pytest.raises(CheckpointError, match=r"lack extra\.0\.bias, .* and 7 more"):
        load(folder, more)
    with pytest.raises(CheckpointError, match="too many"):
        load(folder, lambda config: nn.Linear(1, 1, bias=False).register_module("inner", None) or nn.Module())
    with pytest.raises(
        CheckpointError, match=r"num_batches_tracked .* is torch.int64, the model needs torch.float32"
    ):
        load(folder, lambda config: _float_counter())


def _float_counter() -> nn.Module:
    module = Small(8)
    module.inner[1].register_buffer("num_batches_tracked", torch.tensor(0.0))
    return module


def test_wider_floats_than_the_model_are_refused(tmp_path: Path, module: Small) -> None:
    save(tmp_path / "wide", module, {"width": 8}, dtype=torch.float64)
    with pytest.raises(CheckpointError, match=r"torch.float64, the model needs torch.float32"):
        load(tmp_path / "wide", build)


def test_truncated_and_lengthened_files(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = path.read_bytes()
    for cut in (0, 5, 8, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(CheckpointError, match="get it again"):
            load(folder, build)
    path.write_bytes(data + b"\0")
    with pytest.raises(CheckpointError, match="its header promises"):
        load(folder, build)
    path.write_bytes(struct.pack("<Q", 2**62) + data[8:])
    with pytest.raises(CheckpointError, match="get it again"):
        load(folder, build)


def test_one_changed_bit_is_noticed(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match=r"not the ones that config\.json names"):
        load(folder, build)


def test_not_a_number_is_refused_on_loading(
    tmp_path: Path, module: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.mean[3] = float("inf")
    monkeypatch.setattr(checkpoints, "_storable", lambda name, tensor, dtype: tensor.detach().clone())
    save(tmp_path / "bad", module, {"width": 8})
    with pytest.raises(CheckpointError, match="mean in bad holds NaN or infinity"):
        load(tmp_path / "bad", build)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dtype", "F8_E4M3"),
        ("dtype", ["F16"]),
        ("shape", [-8]),
        ("shape", [2**60]),
        ("shape", 8),
        ("shape", [8, True]),
        ("data_offsets", [0, 10**9]),
        ("data_offsets", [0, 16, 32]),
        ("data_offsets", [4.0, 20.0]),
        ("data_offsets", [16, 0]),
        ("more", 1),
    ],
)
def test_tampered_headers(folder: Path, key: str, value: object) -> None:
    rewrite_header(folder / "model.safetensors", lambda header: header["mean"].__setitem__(key, value))
    with pytest.raises(CheckpointError, match=r"^small/model\.safetensors [^\n]*mean"):
        load(folder, build)


def test_overlapping_tensors_and_other_frameworks(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = path.read_bytes()

    def overlap(header: dict) -> None:
        header["mean"]["data_offsets"] = header["inner.1.running_mean"]["data_offsets"]

    rewrite_header(path, overlap)
    with pytest.raises(CheckpointError, match="gap or an overlap"):
        load(folder, build)
    path.write_bytes(data)
    rewrite_header(path, lambda header: header["__metadata__"].update(format="tf"))
    with pytest.raises(CheckpointError, match="not written for torch"):
        load(folder, build)


def test_index_cannot_name_other_files(tmp_path: Path, module: Small) -> None:
    folder = tmp_path / "parts"
    save(folder, module, {"width": 8}, max_shard_bytes=100)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    original = dict(index["weight_map"])

    def attempt(weight_map: object, words: str) -> None:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(CheckpointError, match=words):
            load(folder, build)

    attempt({**original, "mean": "../../etc/passwd"}, "expected model-00001")
    attempt({}, "no weight_map")
    attempt(3, "no weight_map")
    shards = sorted(set(original.values()))
    name = next(n for n, shard in original.items() if list(original.values()).count(shard) > 1)
    moved = {**original, name: next(shard for shard in shards if shard != original[name])}
    attempt(moved, f"does not agree .* about {name}")
    attempt({**original, "ghost": shards[0]}, "does not agree .* about ghost")
    (folder / shards[0]).unlink()
    attempt(original, "cannot read")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_are_always_noticed(folder: Path, data: st.DataObject) -> None:
    path = folder / data.draw(st.sampled_from(["model.safetensors", "config.json"]))
    original = path.read_bytes()
    damaged = bytearray(original)
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(damaged))
    try:
        loaded, config, _ = load(folder, build)
        assert path.name == "config.json" and config["width"] == 8 and loaded is not None
    except CheckpointError as error:
        assert "\n" not in str(error)
    finally:
        path.write_bytes(original)


def test_loading_in_threads(folder: Path, module: Small) -> None:
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(same(load(folder, build)[0], module)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4
