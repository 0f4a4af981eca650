"""Networks larger than the memory: spread over memory and disk, with the same results bit for bit."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from spatial_edit import placement
from spatial_edit.checkpoints import CheckpointError, load, save, weights_hash
from spatial_edit.generators.stylegan2 import (
    StyleGAN2Config,
    StyleGAN2Generator,
    config_from_json,
    config_to_json,
)


def build(config: dict) -> nn.Module:
    return StyleGAN2Generator(config_from_json(config))


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders go."""
    path = tmp_path / "scratch"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    monkeypatch.setattr(placement, "_return_freed_memory", lambda: None)  # slows down what comes after
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A StyleGAN2 with a mean code in five shards, in half precision."""
    torch.manual_seed(0)
    config = StyleGAN2Config.tiny()
    model = StyleGAN2Generator(config)
    model.measure_mean(64, torch.Generator().manual_seed(0))
    save(tmp_path / "model", model, config_to_json(config), max_shard_bytes=9000)
    assert len(list((tmp_path / "model").glob("*.safetensors"))) >= 4
    return tmp_path / "model"


def offloaded(scratch: Path) -> list[Path]:
    return list(scratch.glob("spatial-edit-*"))


def size(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in module.state_dict().values())


def picture(model: nn.Module) -> torch.Tensor:
    z, noise = model.latents_of_seeds([3, 4])
    with torch.no_grad():
        return model(z, noise, 0.3)


@pytest.mark.parametrize("part", [2, 4, 60])
def test_numbers_offloaded_is_the_same_bit_for_bit(folder: Path, scratch: Path, part: int) -> None:
    plain, config, digest = load(folder, build)
    spread, again, same = load(folder, build, max_memory={"cpu": size(plain) // part})
    assert (again, same) == (config, digest)
    away = sum(tensor.nbytes for tensor in spread.state_dict().values() if tensor.is_meta)
    assert size(plain) * (1 - 1 / part) * 0.9 < away < size(plain)
    assert torch.equal(picture(spread), picture(plain))
    assert torch.equal(picture(spread), picture(plain))  # the layers are fetched each time
    assert away == sum(tensor.nbytes for tensor in spread.state_dict().values() if tensor.is_meta)
    assert not spread.training and not any(p.requires_grad for p in spread.parameters())
    assert len(offloaded(scratch)) == 1


def test_numbers_how_weights_are_cut_into_files_changes_nothing(folder: Path, tmp_path: Path) -> None:
    """Weights of a file lie at any address; computed with are copies at round ones."""
    model, config, _ = load(folder, build)
    results = []
    for bytes_a_file in (5_000, 20_000, 10**9):
        again = tmp_path / f"cut-{bytes_a_file}"
        save(again, model, {**config}, dtype=torch.float32, max_shard_bytes=bytes_a_file)
        whole, spread = load(again, build)[0], load(again, build, max_memory={"cpu": 20_000})[0]
        for tensor in (*whole.state_dict().values(), *spread.state_dict().values()):
            assert tensor.is_meta or tensor.data_ptr() % placement.ALIGNMENT == 0
        results += [picture(whole), picture(spread)]
    assert all(torch.equal(result, picture(model)) for result in results)


def test_numbers_codes_and_gradients_pass_through(folder: Path, scratch: Path) -> None:
    plain, spread = load(folder, build)[0], load(folder, build, max_memory={"cpu": 1000})[0]
    gradients = []
    for model in (plain, spread):
        _, noise = model.latents_of_seeds([3])
        w = model.codes(torch.ones(1, 16)).requires_grad_()
        codes = w[:, None].expand(-1, model.synthesis.num_codes, -1)
        model.synthesis(codes, noise).square().sum().backward()
        gradients.append(w.grad)
    assert torch.equal(*gradients) and gradients[0].abs().max() > 0


def test_smoke_enough_memory_places_everything(folder: Path, scratch: Path) -> None:
    model = load(folder, build, max_memory={"cpu": "1GB"})[0]
    assert not any(tensor.is_meta for tensor in model.state_dict().values())
    assert not offloaded(scratch)


def test_smoke_short_memory_is_noticed(
    folder: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(placement, "available_memory", lambda: 40_000)
    with caplog.at_level(logging.WARNING):
        model = load(folder, build)[0]
    assert any(tensor.is_meta for tensor in model.state_dict().values())
    assert [record.message for record in caplog.records if "memory is short" in record.message]
    monkeypatch.setattr(placement, "available_memory", lambda: None)
    assert not any(tensor.is_meta for tensor in load(folder, build)[0].state_dict().values())


def test_errors_moving(folder: Path, scratch: Path) -> None:
    model = load(folder, build, max_memory={"cpu": 1000})[0]
    assert model.to("cpu") is model and model.to(memory_format=torch.channels_last) is model
    with pytest.raises(RuntimeError, match="cannot be moved to meta"):
        model.to("meta")


def test_errors_are_as_strict_as_without(folder: Path, scratch: Path) -> None:
    little = {"cpu": 1000}
    with pytest.raises(CheckpointError, match="lack extra"):
        load(folder, lambda c: _with_extra(build(c)), max_memory=little)
    with pytest.raises(CheckpointError, match="too many"):
        load(folder, lambda c: nn.Sequential(), max_memory=little)
    shard = sorted(folder.glob("*.safetensors"))[2]
    tensors = load_file(shard)
    next(t for t in tensors.values() if t.ndim == 4).view(-1)[7] = float("nan")
    save_file(tensors, shard, {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"not the ones that config\.json names"):
        load(folder, build, max_memory=little)
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**content, "weights": weights_hash(folder)}))
    with pytest.raises(CheckpointError, match=r"weight in model holds NaN or infinity"):
        load(folder, build, max_memory=little)
    assert not offloaded(scratch)


def _with_extra(module: nn.Module) -> nn.Module:
    module.extra = nn.Linear(2, 2)
    return module


def test_errors_no_room_for_what_does_not_fit(
    folder: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = placement.shutil.disk_usage(folder)
    with monkeypatch.context() as patch:
        patch.setattr(placement.shutil, "disk_usage", lambda path: usage._replace(free=10_000))
        with pytest.raises(CheckpointError, match="0 MB are free: make room, or set TMPDIR"):
            load(folder, build, max_memory={"cpu": 1000})
    blocked = scratch / "file"
    blocked.write_text("x")
    with pytest.raises(CheckpointError, match=r"could not be laid out in .*file"):
        load(folder, build, max_memory={"cpu": 1000}, offload=blocked / "below")
    assert not offloaded(scratch)
    load(folder, build, max_memory={"cpu": 1000}, offload=scratch / "mine")
    assert (scratch / "mine" / "index.json").is_file()


def test_smoke_the_temporary_folder_goes_with_the_program(folder: Path, tmp_path: Path) -> None:
    program = f"""
import sys, tempfile
from pathlib import Path
tempfile.tempdir = {str(tmp_path / "own")!r}
Path(tempfile.tempdir).mkdir()
from spatial_edit.checkpoints import load
from tests.test_placement import build
load(Path({str(folder)!r}), build, max_memory={{"cpu": 1000}})
print(len(list(Path(tempfile.tempdir).glob("spatial-edit-*"))))
"""
    root = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert ran.stdout.strip() == "1", ran.stderr
    assert not offloaded(tmp_path / "own")


def test_numbers_of_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 100\n")
    assert placement._group_v2(tmp_path) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert placement._group_v2(tmp_path) is None
    (tmp_path / "memory.limit_in_bytes").write_text("1000\n")
    (tmp_path / "memory.usage_in_bytes").write_text("300\n")
    (tmp_path / "memory.stat").write_text("total_inactive_file 50\n")
    assert placement._group_v1(tmp_path) == 750
    assert placement._group_v1(tmp_path / "none") is None and placement._group_v2(tmp_path / "none") is None
    for name, value in (("_meminfo", 900), ("_group_v1", 750), ("_group_v2", None)):
        monkeypatch.setattr(placement, name, lambda value=value: value)
    assert placement.available_memory() == 750
    assert placement.limits(500, torch.device("cpu")) is None
    assert placement.limits(700, torch.device("cpu")) == {"cpu": 600}
