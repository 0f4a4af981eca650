"""Where a network's weights go: on its device when they fit there, else by accelerate over the device, the
memory of the computer and a folder on the disk, from which a layer is read when it is its turn.

Weights that lie on the disk cost time at every picture; what is computed is the same bit for bit.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spatial_edit.safetensors_header import CheckpointError

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4  # glibc's malloc.h
ALIGNMENT = 64  # bytes: that of torch's own tensors on a CPU
SHARE = 0.8  # of the free memory that weights may take; the rest is for pictures
Place = int | str
MaxMemory = Mapping[int | str, int | str]  # accelerate's: {0: "10GB", "cpu": 4_000_000_000}


def available_memory() -> int | None:
    """Bytes that this process may still take: what the kernel and its control group leave. None: unknown."""
    found = [number for number in (_meminfo(), _group_v2(), _group_v1()) if number is not None]
    return min(found) if found else None


def limits(needed: int, device: torch.device) -> MaxMemory | None:
    """What of a network of `needed` bytes goes where; None when all of it goes to `device`."""
    free = available_memory()
    cpu = None if free is None else int(free * SHARE)
    if device.type == "cuda":
        index = device.index or 0
        room = int(torch.cuda.mem_get_info(index)[0] * SHARE)
        return None if needed <= room else {index: room, "cpu": needed if cpu is None else cpu}
    return None if device.type != "cpu" or cpu is None or needed <= cpu else {"cpu": cpu}


def places(module: nn.Module, device: torch.device, most: MaxMemory) -> dict[str, Place]:
    """Module or tensor → its device, "cpu" or "disk", by accelerate. Classes in the network's
    `no_split_modules` stay whole: their parents look into them."""
    from accelerate import infer_auto_device_map

    whole = list(getattr(module, "no_split_modules", ()))
    found = dict(infer_auto_device_map(module, dict(most), no_split_module_classes=whole))
    main = _main(device)
    modules = dict(module.named_modules())
    # a single tensor of a module that is split: the module's own code reads it outside of any layer
    return {name: place if name in modules else main for name, place in found.items()}


def load_whole(module: nn.Module, path: Path, device: torch.device) -> nn.Module:
    """Fill an empty module on one device from a file or an index of files. CheckpointError for NaN, infinity
    and a dtype that is not the module's own."""
    from accelerate import load_checkpoint_and_dispatch

    dtypes = {name: tensor.dtype for name, tensor in module.state_dict().items()}
    module = load_checkpoint_and_dispatch(module, str(path), device_map={"": str(device)}, strict=True)
    for name, tensor in module.state_dict().items():
        if tensor.dtype != dtypes[name]:
            raise CheckpointError(
                f"{name} in {path.parent.name} was loaded as {tensor.dtype}, not as {dtypes[name]}"
            )
        _check(path, name, tensor)
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = _aligned(tensor.data)
    return module


def load_spread(
    module: nn.Module,
    shards: Iterable[Path],
    device: torch.device,
    where: Mapping[str, Place],
    offload: Path | None,
) -> nn.Module:
    """Fill an empty module, tensor by tensor, each in its own dtype, and let accelerate fetch what lies
    elsewhere when it is needed.

    offload: the folder for the disk's share (default: a temporary one that is removed when the program ends).
    CheckpointError for NaN, infinity and a full disk; a temporary folder is removed then.
    """
    from accelerate.utils import offload_weight, save_offload_index, set_module_tensor_to_device
    from safetensors import safe_open

    _return_freed_memory()
    temporary = offload is None
    offload = Path(tempfile.mkdtemp(prefix="spatial-edit-offload-")) if offload is None else offload
    dtypes = {name: tensor.dtype for name, tensor in module.state_dict().items()}
    parameters = {name for name, _ in module.named_parameters()}
    index: dict[str, object] = {}
    try:
        offload.mkdir(parents=True, exist_ok=True)
        _check_space(module, where, offload)
        for shard in shards:
            with safe_open(shard, "pt") as file:
                for name in file.keys():
                    value = _aligned(file.get_tensor(name).to(dtypes[name]))
                    _check(shard, name, value)
                    place = _place(name, where)
                    if place == "disk" and name in parameters:
                        index = offload_weight(value, name, str(offload), index)
                    else:  # buffers are small, and code reads them anywhere
                        place = _main(device) if place == "disk" else place
                        set_module_tensor_to_device(module, name, place, value=value)
        save_offload_index(index, str(offload))
        if temporary:
            atexit.register(shutil.rmtree, offload, ignore_errors=True)
        return _dispatched(module, device, where, offload)
    except BaseException as error:
        if temporary:
            shutil.rmtree(offload, ignore_errors=True)
        if isinstance(error, OSError):
            raise CheckpointError(
                "the model does not fit into the memory, and could not be laid out in "
                f"{offload.parent if temporary else offload}: {error.strerror or error}"
            ) from error
        raise


def _aligned(tensor: Tensor) -> Tensor:
    """The tensor at an address that is a multiple of 64. Where it lies in its file decides the last bits of
    what some kernels compute (7e-6 in a picture of 256 px), and the same weights must give the same picture
    however they are cut into files."""
    return tensor.clone() if tensor.device.type == "cpu" and tensor.data_ptr() % ALIGNMENT else tensor


def _check_space(module: nn.Module, where: Mapping[str, Place], offload: Path) -> None:
    """Before anything is written: a file that is mapped on a full disk ends the process."""
    away = [tensor for name, tensor in module.named_parameters() if _place(name, where) == "disk"]
    needed, free = sum(t.numel() * t.element_size() for t in away), shutil.disk_usage(offload).free
    if free < needed * 1.02:
        raise CheckpointError(
            f"the model does not fit into the memory: {needed / 1e6:.0f} MB of it go to {offload.parent}, "
            f"where {free / 1e6:.0f} MB are free: make room, or set TMPDIR to a folder on another disk"
        )


def _check(path: Path, name: str, tensor: Tensor) -> None:
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise CheckpointError(f"{name} in {path.parent.name} holds NaN or infinity: get the folder again")


def _dispatched(
    module: nn.Module, device: torch.device, where: Mapping[str, Place], offload: Path
) -> nn.Module:
    from accelerate import dispatch_model

    away = sum(place != _main(device) for place in where.values())
    logging.getLogger("accelerate.big_modeling").setLevel(logging.ERROR)  # says the same in its own words
    logging.getLogger(__name__).warning(
        "memory is short: %d parts of the model stay outside of it, so pictures take longer", away
    )
    with warnings.catch_warnings():  # that tensors are named beside modules is meant
        warnings.filterwarnings("ignore", message="The following device_map keys do not match")
        module = dispatch_model(module, dict(where), main_device=_main(device), offload_dir=str(offload))
    _stays(module, device)
    return module


def _main(device: torch.device) -> Place:
    return device.index or 0 if device.type == "cuda" else str(device)


def _place(name: str, where: Mapping[str, Place]) -> Place:
    """The place of a tensor: its own, or that of the innermost module around it that has one."""
    while name not in where and name:
        name = name.rpartition(".")[0]
    return where[name]


def _stays(module: nn.Module, device: torch.device) -> None:
    """The placed module's `to` changes nothing when it is asked for where it runs, and refuses otherwise."""

    def to(*arguments: Any, **options: Any) -> nn.Module:
        asked = torch._C._nn._parse_to(*arguments, **options)[0]
        if asked is not None and asked.type != device.type:
            raise RuntimeError(
                f"a model larger than the memory runs on {device}: it cannot be moved to {asked}"
            )
        return module

    module.to = to  # type: ignore[method-assign, assignment]


def _return_freed_memory() -> None:
    """Tell glibc to give large freed tensors back to the system at once (see runtime.keep_freed_memory for
    the opposite). Without it, layers that come and go leave holes: the anonymous memory of a process with a
    StyleGAN2 of 256 px, 16 % of its 120 MB in memory, was 541 MB after a picture, and is 271 MB with it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    settings = {_MMAP_MAX: 2**16, _MMAP_THRESHOLD: 2**20, _TRIM_THRESHOLD: 2**20, _TOP_PAD: 2**17}
    for option, value in settings.items():
        mallopt(option, value)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None


def _group_v2(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    try:
        most = (root / "memory.max").read_text(encoding="ascii").strip()
        used = int((root / "memory.current").read_text(encoding="ascii"))
        return None if most == "max" else max(0, int(most) - used + _cached(root, "inactive_file"))
    except (OSError, ValueError):
        return None


def _group_v1(root: Path = Path("/sys/fs/cgroup/memory")) -> int | None:
    try:
        most = int((root / "memory.limit_in_bytes").read_text(encoding="ascii"))
        used = int((root / "memory.usage_in_bytes").read_text(encoding="ascii"))
        return None if most > 2**60 else max(0, most - used + _cached(root, "total_inactive_file"))
    except (OSError, ValueError):
        return None


def _cached(root: Path, name: str) -> int:
    """Bytes of files that the control group holds and gives back when memory is asked for."""
    try:
        lines = (root / "memory.stat").read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.split()[0] == name), 0)
    except (OSError, ValueError, IndexError):
        return 0
