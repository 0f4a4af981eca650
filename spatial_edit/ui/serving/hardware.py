"""What the machine decides: a GPU that is lent by the call (ZeroGPU), and how live the page can be.

On ZeroGPU a decorated function runs in a process of its own that has the GPU for some seconds: arguments
and results are pickled, changes of anything else are lost, and what comes back must lie on the CPU. Each
call counts against the visitor's daily quota, who is known to the scheduler for queued events alone. So only
the search of a photo's scene is decorated; pictures are drawn on the CPU, on release.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from torch import Tensor

from spatial_edit.session import Lookup, Search, find_scene

SECONDS: Mapping[str, int] = {"encode": 10, "refine": 25, "tune": 90}  # of GPU for a photo, loading included
LONGEST = 90


def zero_gpu() -> bool:
    """Whether this is a Space on ZeroGPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "yes")


def live_mode() -> str:
    """ "live": a picture for every move of the pointer. "release" where a GPU is lent by the call."""
    return "release" if zero_gpu() else "live"


def depth() -> int:
    """Live requests on their way before the page has measured its network: a Space is far away."""
    return 2 if os.environ.get("SPACE_ID") else 1


def GPU(function: Callable[..., Any] | None = None, *, duration: int | Callable[..., int] = 10) -> Any:
    """`spaces.GPU` on ZeroGPU, the function itself elsewhere; `@GPU` or `@GPU(duration=...)`.

    duration: seconds of GPU that a call may take, or a function of its arguments. TypeError for a coroutine
    function: the process that has the GPU cannot run one.
    """
    if function is None:
        return functools.partial(GPU, duration=duration)
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{function.__name__} is a coroutine function: GPU takes ordinary functions")
    if not zero_gpu():
        return function
    try:
        import spaces
    except ImportError:  # the variable is set by hand: there is no GPU to lend
        return function

    @functools.wraps(function)
    def answered_on_cpu(*arguments: Any, **named: Any) -> Any:
        return on_cpu(function(*arguments, **named))

    return spaces.GPU(duration=duration)(answered_on_cpu)


def on_cpu(value: Any) -> Any:
    """The same value with its tensors on the CPU: inside tuples, lists, dicts and dataclasses."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{part.name: on_cpu(getattr(value, part.name)) for part in fields(value)})
    if isinstance(value, dict):
        return {key: on_cpu(one) for key, one in value.items()}
    if isinstance(value, list):
        return [on_cpu(one) for one in value]
    if type(value) is tuple:
        return tuple(on_cpu(one) for one in value)
    return value


def lent_search(lookup: Lookup | None) -> Search | None:
    """How a photo's scene is found on a GPU that is lent by the call; None where none is.

    lookup: name → model on the GPU; called in the process that has it.
    """
    if lookup is None or not zero_gpu():
        return None

    def seconds(model: str, photo: Any, effort: str, fit: str) -> int:
        return SECONDS.get(effort, LONGEST)

    @GPU(duration=seconds)
    def search(model: str, photo: Any, effort: str, fit: Any) -> Any:
        return find_scene(lookup, model, photo, effort, fit)

    return search
