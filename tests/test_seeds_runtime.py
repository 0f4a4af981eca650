"""Seeds give the same numbers for ever; the runtime says what it chose and why."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spatial_edit import runtime
from spatial_edit.seeds import MAX_SEED, SeedError, check_seed, normal, normals, random_state

# From NumPy's frozen MT19937 stream: RandomState(seed).standard_normal(4), rounded to float32.
GOLDEN = {
    0: [1.7640524, 0.4001572, 0.978738, 2.2408931],
    7: [1.6905257, -0.46593738, 0.032820165, 0.40751627],
}


@pytest.mark.parametrize("seed", GOLDEN)
def test_golden_values(seed: int) -> None:
    drawn = normal(seed, (4,))
    assert drawn.dtype == torch.float32
    assert torch.equal(drawn, torch.tensor(GOLDEN[seed], dtype=torch.float32))


def test_order_is_one_stream_in_row_order() -> None:
    first, second = normals(7, [(2, 3), (4,)])
    assert torch.equal(torch.cat([first.flatten(), second]), normal(7, (10,)))
    assert torch.equal(normal(7, (5,)), normal(7, (5,)))
    assert not torch.equal(normal(7, (5,)), normal(8, (5,)))


def test_torch_and_numpy_global_state_do_not_matter() -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    first = normal(3, (8,))
    torch.manual_seed(2)
    np.random.seed(2)
    assert torch.equal(first, normal(3, (8,)))


@given(st.integers(0, MAX_SEED))
def test_every_seed_in_range_works(seed: int) -> None:
    assert check_seed(seed) == seed
    assert torch.isfinite(normal(seed, (2, 2))).all()


def test_numpy_integers_are_integers() -> None:
    assert check_seed(np.uint32(MAX_SEED)) == MAX_SEED
    assert type(check_seed(np.int64(5))) is int


@pytest.mark.parametrize(
    "seed", [-1, MAX_SEED + 1, 10**400, 1.0, float("nan"), "7", None, True, [1], "x" * 999]
)
def test_anything_else_is_refused(seed: object) -> None:
    with pytest.raises(SeedError, match=str(MAX_SEED)) as caught:
        random_state(seed)
    assert len(str(caught.value)) < 120


def test_choose_gives_reasons() -> None:
    chosen = runtime.choose()
    assert chosen.threads >= 1 and len(chosen.reasons) == 3
    assert chosen.reasons[0].startswith(f"device {chosen.device}")
    assert chosen.preview_dtype in (torch.float32, torch.bfloat16, torch.float16)


def test_what_is_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runtime.choose("cpu", 3).threads == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert runtime.choose("cpu").threads == 5
    assert "OMP_NUM_THREADS" in runtime.choose("cpu").reasons[1]
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= runtime.choose("cpu").threads <= runtime.MAX_THREADS


def test_apply_sets_torch_threads() -> None:
    assert runtime.choose("cpu", 2).apply().threads == 2
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("device", ["tpu", "cuda:banana", "", "meta", "cuda:99"])
def test_unknown_devices_are_refused(device: str) -> None:
    with pytest.raises(ValueError, match="use auto"):
        runtime.choose(device)


def test_threads_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="use 1 or more"):
        runtime.choose("cpu", 0)


def test_freed_memory_is_kept_where_there_is_glibc() -> None:
    """Smoke: true on Linux with glibc, false elsewhere, and never an error."""
    import platform

    assert runtime.keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
