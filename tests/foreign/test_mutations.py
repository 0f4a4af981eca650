"""Damaged copies of every format: nothing runs, nothing hangs, nothing takes more memory than it may.

The fuzzing runs in a process of its own, since its audit hook stays for good.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import torch

from spatial_edit.foreign.content import Content, Record
from spatial_edit.foreign.fuzzing import fuzz as fuzzing
from spatial_edit.foreign.fuzzing.fuzz import Tally, Watch, table
from spatial_edit.foreign.fuzzing.mutations import CALLS, KINDS, disturb, mutate
from spatial_edit.foreign.fuzzing.specimen_trees import specimens
from spatial_edit.foreign.reading.reader import read
from tests.foreign.whole_files import write_all

ROOT = Path(__file__).resolve().parents[2]
EACH = 200  # copies of every specimen
WHOLE = 20  # copies of every whole network, which take longer
Made = Callable[..., Path]


def fuzz(folder: Path, *arguments: object) -> dict:
    """`python -m spatial_edit fuzz --json`, run in an empty folder, which stays empty."""
    command = [sys.executable, "-m", "spatial_edit", "fuzz", "--json", *map(str, arguments)]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=280)
    assert not list(folder.iterdir())
    assert done.stdout, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    assert done.returncode == (1 if figures["failures"] else 0)
    return figures


def check(figures: dict) -> None:
    print(table(figures))
    assert figures["failures"] == 0, table(figures)
    for name, row in figures["formats"].items():
        assert row["read"] + row["refused"] == row["count"], name
        assert row["slowest_seconds"] <= 10 and row["largest_memory_share"] <= 1


def test_every_format_damaged(tmp_path: Path) -> None:
    count = EACH * len(specimens())
    figures = fuzz(tmp_path, "--count", count, "--seed", 5)
    check(figures)
    assert figures["count"] == count and len(figures["formats"]) == len(specimens())
    for row in figures["formats"].values():
        assert row["count"] == EACH
        assert row["refused"] > EACH / 4 and row["read"] > EACH / 10  # the damage is neither nothing nor all


@pytest.mark.slow
def test_every_network_damaged(tmp_path: Path) -> None:
    """Through the converters too."""
    (tmp_path / "files").mkdir()
    (tmp_path / "empty").mkdir()
    files = write_all(tmp_path / "files")
    figures = fuzz(tmp_path / "empty", "--only-files", "--count", WHOLE * len(files), *files)
    check(figures)
    assert set(figures["formats"]) == {path.name for path in files}
    assert all(row["converted"] > 0 for row in figures["formats"].values())


# The checks themselves must be able to fail.


def test_specimens_are_always_the_same_and_whole(made: Made) -> None:
    first, second = specimens(), specimens()
    assert first == second
    assert {read(made(data)).container for data in first.values()} == {
        "pickle",
        "torch zip",
        "torch legacy",
        "safetensors",
    }


def test_damage_is_seeded_and_of_every_kind() -> None:
    data, other = specimens()["torch zip"], specimens()["eqgan"]
    copies = [mutate(data, other, Random(seed)) for seed in range(60)]
    assert copies == [mutate(data, other, Random(seed)) for seed in range(60)]
    assert len(set(copies)) > 50 and sum(copy == data for copy in copies) < 5
    for kind in set(KINDS):
        assert any(kind(data, other, Random(seed)) != data for seed in range(9)), kind
        kind(b"", b"", Random(0))  # nothing to damage is no error
    assert any(call in mutate(data, other, Random(seed)) for call in CALLS for seed in range(200))


def test_trees_are_disturbed(made: Made) -> None:
    path = made(specimens()["torch zip"])
    texts = set()
    for seed in range(30):
        root = read(path).root
        disturb(root, Random(seed))
        texts.add(str(root))
    assert len(texts) > 25
    disturb(None, Random(0))
    loop = Record("a", "b")
    loop.state = {"self": loop}
    disturb(loop, Random(0))  # comes to an end


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda path: open(path.parent / "executed", "w").close(), "open"),
        (lambda path: os.stat(path) and os.listdir(path.parent), "os.listdir"),
        (lambda path: compile("1", "x", "eval"), "compile"),
        (lambda path: 1 / 0, "ZeroDivisionError"),
        (lambda path: bytearray(40_000_000), "MB are allowed"),
        (lambda path: open(path, "ab").close(), "open"),
    ],
)
def test_the_watch_sees_what_must_not_happen(
    act: Callable[[Path], object], words: str, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the reader to do any of this, the fuzzing would say so."""
    path = made(specimens()["torch zip"])
    watch, tally = Watch(str(path)), Tally()
    sys.addaudithook(lambda event, arguments: watch.hook(event, arguments))

    def acting(path: Path, budget: object) -> Content:
        act(path)
        return read(path)

    monkeypatch.setattr(fuzzing, "read", acting)
    fuzzing._try(path, "it", tally, watch, None)
    assert not watch.on and any(words in failure for failure in tally.failures), tally.failures


def test_time_is_watched(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "MOST_SECONDS", 0.0)
    tally = Tally()
    fuzzing._try(made(b"\x80\x02N."), "it", tally, Watch(), None)
    assert any("seconds" in failure for failure in tally.failures)
    assert tally.read == 1 and tally.converted == 0 and tally.figures()["failure_count"] == 1


def test_tensors_are_part_of_the_memory(made: Made) -> None:
    """tracemalloc does not see torch's memory: the reader counts it."""
    from spatial_edit.foreign.fuzzing.specimens import archive_of
    from spatial_edit.foreign.reading.budget import Budget

    path = made(archive_of({"a": torch.zeros(250_000)}))
    budget = Budget(path.stat().st_size)
    read(path, budget=budget)
    assert budget.tensors == 1_000_000 and budget.spent > 1_000_000
