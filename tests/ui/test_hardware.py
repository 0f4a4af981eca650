"""GPUs that are lent by the call: the decorator with a made-up `spaces`, and what the page does there."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit.ui.serving import hardware
from spatial_edit.ui.serving.hardware import GPU, lent_search, on_cpu

MODEL = Path(__file__).resolve().parents[2] / "checkpoints" / "blobgan-rooms" / "config.json"


@dataclass(frozen=True, eq=False)
class Found:
    picture: Tensor
    parts: tuple[Tensor, ...]
    more: dict[str, list[Tensor]]
    words: str = "as it was"


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """ZeroGPU: gives the list of the durations that functions were decorated with."""
    durations: list[Any] = []

    def decorate(*, duration: Any) -> Callable[..., Any]:
        durations.append(duration)
        return lambda function: function

    fake = types.ModuleType("spaces")
    fake.GPU = decorate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", fake)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    return durations


def test_elsewhere_the_function_stays_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)

    def double(value: int) -> int:
        return 2 * value

    assert GPU(double) is double and GPU(duration=5)(double) is double
    assert hardware.live_mode() == "live" and lent_search(lambda name: None) is None  # type: ignore[arg-type, return-value]


def test_on_zero_gpu_it_is_decorated_with_a_duration(lent: list[Any]) -> None:
    @GPU(duration=7)
    def double(value: int) -> int:
        return 2 * value

    @GPU
    def triple(value: int) -> int:
        return 3 * value

    assert double(4) == 8 and triple(4) == 12 and lent == [7, 10]
    assert double.__name__ == "double"


def test_without_the_package_the_function_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    monkeypatch.setitem(sys.modules, "spaces", None)  # importing it raises ImportError
    assert GPU(abs) is abs


def test_coroutines_are_refused_everywhere() -> None:
    async def later() -> None: ...

    with pytest.raises(TypeError, match="later is a coroutine"):
        GPU(later)


def test_what_comes_back_lies_on_the_cpu() -> None:
    elsewhere = torch.ones(2, device="meta")  # a device that is there on every machine
    with pytest.raises(NotImplementedError):  # what .cpu() says of it: so it was asked for each of them
        on_cpu(Found(torch.ones(2), (elsewhere,), {}))
    with pytest.raises(NotImplementedError):
        on_cpu(Found(torch.ones(2), (), {"a": [elsewhere]}))
    leaf = torch.ones(2, requires_grad=True)
    found = on_cpu(Found(leaf, (leaf * 2,), {"a": [leaf * 3]}))
    assert isinstance(found, Found) and found.words == "as it was"
    assert not any(t.requires_grad for t in (found.picture, *found.parts, *found.more["a"]))
    assert found.parts[0].tolist() == [2, 2] and found.more["a"][0].tolist() == [3, 3]


def test_photos_are_searched_there_for_as_long_as_the_effort_takes(
    lent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def find(*arguments: Any) -> Found:
        asked.append(arguments)
        return Found(torch.ones(1, requires_grad=True), (), {})

    monkeypatch.setattr(hardware, "find_scene", find)

    def lookup(name: str) -> Any:
        return f"{name} on the GPU"

    search = lent_search(lookup)
    assert search is not None
    found: Any = search("rooms", "photo", "refine", "crop")  # type: ignore[arg-type]
    assert asked == [(lookup, "rooms", "photo", "refine", "crop")] and not found.picture.requires_grad
    duration = lent[0]
    seconds = [duration("rooms", "photo", effort, "crop") for effort in ("encode", "refine", "tune")]
    assert seconds == sorted(seconds) and seconds[0] >= 5 and seconds[-1] <= 120


def test_a_page_there_asks_for_pictures_on_release(lent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert hardware.live_mode() == "release"
    monkeypatch.setenv("SPACES_ZERO_GPU", "false")
    assert hardware.live_mode() == "live" and hardware.depth() == 1
    monkeypatch.setenv("SPACE_ID", "someone/somewhere")
    assert hardware.depth() == 2


@pytest.mark.skipif(not MODEL.exists(), reason="no checkpoints/blobgan-rooms: check out the project")
def test_a_scene_comes_back_whole_from_another_process(lent: list[Any], tmp_path: Path) -> None:
    """What `spaces` does with arguments and results is pickling them; the parsed photo survives it."""
    from spatial_edit.generators import registry
    from spatial_edit.session import parse_upload
    from spatial_edit.store import Store

    photo = Image.effect_mandelbrot((90, 60), (-2, -1, 1, 1), 50).convert("RGB")
    photo.save(tmp_path / "photo.png")
    data, lookup = (tmp_path / "photo.png").read_bytes(), registry.load
    search = lent_search(lookup)
    assert search is not None

    def across(value: Any) -> Any:
        return ForkingPickler.loads(bytes(ForkingPickler.dumps(value)))

    def elsewhere(*arguments: Any) -> Any:
        return across(search(*across(arguments)))

    there = parse_upload(lookup, Store(), data, "blobgan-rooms", "encode", search=elsewhere)
    here = parse_upload(lookup, Store(), data, "blobgan-rooms", "encode")
    assert torch.equal(there.frame.image, here.frame.image) and there.sha256 == here.sha256
