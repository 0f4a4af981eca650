"""Several processes that train as one (accelerate): the device, who writes, what all of them agree on.

Every process draws its own batches; before an optimiser steps, its gradients are averaged over the processes
(one all-reduce of all gradients laid end to end), so that the weights stay equal everywhere. A step hook does
it, because a recipe may step several modules and optimisers in an order of its own, for which
DistributedDataParallel is no help. The same hook drops a step whose gradients are not finite.

Tested with two CPU processes (gloo). No GPU was at hand when this was written: the device paths (batches move
to the modules' device, autocast takes the device's type, NCCL under torchrun) have not run on one.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn

if TYPE_CHECKING:
    from accelerate import Accelerator

WAIT = datetime.timedelta(hours=3)  # the main process may render a pool while the others wait


def accelerator(cpu: bool = False) -> Accelerator:
    """accelerate's view of this run: GPU when there is one unless `cpu`, all of torchrun's processes.

    The environment variable ACCELERATE_USE_CPU=true asks for the CPU as well. The first call in a process
    decides; later ones get the same device.
    """
    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

    logging.getLogger("accelerate").setLevel(logging.WARNING)
    cpu = cpu or not torch.accelerator.is_available()  # said outright, or torchrun's CPU processes stay alone
    return Accelerator(cpu=cpu, mixed_precision="no", kwargs_handlers=[InitProcessGroupKwargs(timeout=WAIT)])


def process_count() -> int:
    """How many processes train together; 1 outside torchrun."""
    return distributed.get_world_size() if _together() else 1


def is_main() -> bool:
    """True in the one process that writes files and prints."""
    return not _together() or distributed.get_rank() == 0


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights lie: batches go there."""
    return next(module.parameters()).device


def all_finite(*losses: Tensor) -> bool:
    """True when every loss is finite in every process: all of them step, or none."""
    good = all(bool(torch.isfinite(loss).all()) for loss in losses)
    if not _together():
        return good
    flag = torch.tensor([float(good)], device=losses[0].device)
    distributed.all_reduce(flag, distributed.ReduceOp.MIN)
    return bool(flag > 0)


def shared(values: list[float], device: torch.device) -> list[float]:
    """The main process's numbers, in every process."""
    if not _together():
        return values
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.broadcast(tensor, 0)
    return [float(v) for v in tensor]


def start_equal(modules: Iterable[nn.Module]) -> None:
    """Every process begins with the main process's weights and buffers."""
    if _together():
        for module in modules:
            for tensor in [*module.parameters(), *module.buffers()]:
                distributed.broadcast(tensor.data, 0)


class GradientHook:
    """Before each step of the given optimisers: average the gradients, and drop the step when one is not
    finite (its gradients become None, which optimisers skip). `dropped` says so until `reset`."""

    def __init__(self, optimisers: Iterable[torch.optim.Optimizer], accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.dropped = False
        self._handles = [o.register_step_pre_hook(self._before_step) for o in optimisers]

    def reset(self) -> bool:
        """True when a step was dropped since the last call."""
        dropped, self.dropped = self.dropped, False
        return dropped

    def close(self) -> None:
        """Leave the optimisers as they were."""
        for handle in self._handles:
            handle.remove()

    def _before_step(self, optimiser: torch.optim.Optimizer, *_: Any) -> None:
        weights = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        gradients = [p.grad for p in weights if p.grad is not None]
        if not gradients:
            return
        if self.accelerator.num_processes > 1:
            self._average(gradients)
        if not bool(torch.isfinite(nn.utils.get_total_norm(gradients))):
            self.dropped = True
            for weight in weights:
                weight.grad = None

    def _average(self, gradients: list[Tensor]) -> None:
        flat = torch.cat([g.reshape(-1) for g in gradients])
        mean = self.accelerator.reduce(flat, "mean")
        for gradient, part in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()
