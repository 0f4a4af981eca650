"""Where the work runs: device, number of threads, precision of previews, each with its reason.

Nothing is probed at import; `choose()` looks, and says in plain words why it chose what it chose.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # numbers of mallopt's options
MAX_THREADS = 64  # more threads than this only wait for each other on pictures of our size


@dataclass(frozen=True)
class Runtime:
    """A choice: `device` ("cpu", "cuda:0", "mps"), CPU `threads`, `preview_dtype`, `reasons` in sentences."""

    device: str
    threads: int
    preview_dtype: torch.dtype
    reasons: tuple[str, ...]

    def apply(self) -> Runtime:
        """Set torch's thread count for this process."""
        torch.set_num_threads(self.threads)
        return self


def choose(device: str = "auto", threads: int | None = None) -> Runtime:
    """Pick what was not asked for. `device`: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises ValueError, saying what is there, for a device that this machine does not have and for threads
    below 1.
    """
    where, why_device = _choose_device(device)
    count, why_threads = _choose_threads(threads)
    dtype, why_dtype = _choose_preview(where)
    return Runtime(where, count, dtype, (why_device, why_threads, why_dtype))


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory instead of giving it back to the system; False where there is no glibc.

    A picture is a few hundred tensors of 0.1 to 4 MB. glibc maps each anew and unmaps it, and the page faults
    take a third of the time (128 px, one thread: 102 ms with, 68 ms without them). The cost: memory of the
    largest moment stays with the process."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**26))
    return all(mallopt(option, value) == 1 for option, value in settings)


def _choose_device(device: str) -> tuple[str, str]:
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        if cuda:
            return "cuda:0", f"device cuda:0: {torch.cuda.get_device_name(0)} was found"
        if mps:
            return "mps", "device mps: an Apple GPU was found"
        return "cpu", "device cpu: no GPU was found"
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device is {device!r}: use auto, cpu, cuda, cuda:N or mps") from error
    if wanted.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device is {device!r}: use auto, cpu, cuda, cuda:N or mps")
    count = {"cpu": 1, "cuda": torch.cuda.device_count() if cuda else 0, "mps": int(mps)}[wanted.type]
    if (wanted.index or 0) >= count:
        raise ValueError(
            f"device {device!r} is not here, this machine has {count} of that kind: use auto or cpu"
        )
    name = f"cuda:{wanted.index or 0}" if wanted.type == "cuda" else wanted.type
    return name, f"device {name}: it was asked for"


def _choose_threads(threads: int | None) -> tuple[int, str]:
    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads is {threads}: use 1 or more")
        return threads, f"{threads} threads: it was asked for"
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) >= 1:
        return int(asked), f"{asked} threads: OMP_NUM_THREADS says so"
    usable = _usable_cores()
    return min(
        usable, MAX_THREADS
    ), f"{min(usable, MAX_THREADS)} threads: this process may use {usable} cores"


def _usable_cores() -> int:
    """Cores this process may use: its affinity, and the container's quota where there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    if quota.isdecimal() and period.isdecimal() and int(period) > 0:
        cores = min(cores, -(-int(quota) // int(period)))
    return max(1, cores)


def _choose_preview(device: str) -> tuple[torch.dtype, str]:
    if device.startswith("cuda"):
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, "previews in bfloat16: this GPU has it"
        return torch.float16, "previews in float16: this GPU has no bfloat16"
    if device == "cpu" and _cpu_has_bfloat16():
        return torch.bfloat16, "previews in bfloat16: this CPU has instructions for it"
    return torch.float32, f"previews in float32: no bfloat16 instructions on this {device}"


def _cpu_has_bfloat16() -> bool:
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith(("flags", "Features"))), "")
    except OSError:
        return False
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags.split()))


def import_advice(error: ImportError) -> str:
    """What to do about a package or system library that cannot be imported, in one sentence."""
    text = " ".join(str(error).split())
    if "cannot open shared object file" in text:
        library = text.split(":")[0]
        return f"the system library {library} is missing: install what packages.txt names with apt-get"
    if error.name and error.name.partition(".")[0] in ("spatial_edit", "kernels"):
        return f"this copy of the program is incomplete ({text[:200]}): get it again"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"the package {error.name} is not installed: run pip install -r requirements.txt"
    return (
        f"an installed package cannot be imported ({text[:200]}): run pip install -r requirements.txt again"
    )
