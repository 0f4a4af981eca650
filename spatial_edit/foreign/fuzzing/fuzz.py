"""Damaged files by the thousand through the reader and the converters: nothing may happen but a refusal.

For every damaged copy it is checked, while the copy is read and converted, that

- the outcome is a `Content`, or a `ForeignError` or `CheckpointError`, and nothing else;
- Python's audit events (PEP 578) name no act but opening that very file for reading: no import, no
  code made or run, no other file, no process, no connection;
- it takes at most ten seconds of the processor;
- the memory that it takes stays below four times its size, or 32 MB: the peak that tracemalloc counts
  (Python's and numpy's), the reader's copy of the file, and all bytes of tensors that it asks for.

To be run in a process of its own: an audit hook cannot be taken away again.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from spatial_edit.foreign import formats
from spatial_edit.foreign.content import Content, ForeignError
from spatial_edit.foreign.fuzzing.mutations import disturb, mutate
from spatial_edit.foreign.fuzzing.specimen_trees import specimens
from spatial_edit.foreign.reading.budget import Budget
from spatial_edit.foreign.reading.reader import read
from spatial_edit.safetensors_header import CheckpointError

MOST_SECONDS = 10.0
HARMLESS = {"mmap.__new__", "builtins.id"}
MOST_SHOWN = 20
TREES = 0.25  # share of copies that are damaged after reading: as if a well-formed file held something else


@dataclass
class Watch:
    """Audit events while it is on; `path` is the one file that may be opened."""

    path: str = ""
    on: bool = False
    seen: list[str] = field(default_factory=list)

    def hook(self, event: str, arguments: tuple) -> None:
        """Note every act but reading the one file."""
        if not self.on or event in HARMLESS:
            return
        if (
            event == "open"
            and str(arguments[0]) == self.path
            and not arguments[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            return
        self.seen.append(f"{event} {str(arguments[:1])[:100]}")


@dataclass
class Tally:
    """What came of one format's copies."""

    count: int = 0
    read: int = 0
    refused: int = 0
    converted: int = 0
    slowest: float = 0.0  # seconds
    slow: str = ""  # which one that was
    largest: float = 0.0  # memory as a share of what is allowed
    failures: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """As JSON."""
        return {
            "count": self.count,
            "read": self.read,
            "refused": self.refused,
            "converted": self.converted,
            "slowest_seconds": round(self.slowest, 3),
            "slowest": self.slow,
            "largest_memory_share": round(self.largest, 3),
            "failures": self.failures[:MOST_SHOWN],
            "failure_count": len(self.failures),
        }


def fuzz(count: int, seed: int = 0, files: Sequence[Path] = (), alone: bool = False) -> dict[str, object]:
    """Damage `count` copies, in turn of every format, and read them; the figures as JSON.

    seed: of all damage. files: checkpoints to begin with beside our own specimens. alone: without specimens.
    """
    originals = {} if alone else specimens()
    originals |= {path.name: path.read_bytes() for path in files}
    if not originals:
        raise ValueError("there is nothing to damage: name a file")
    names = list(originals)
    tallies = {name: Tally() for name in names}
    watch = Watch()
    sys.addaudithook(watch.hook)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.bin"
        watch.path = str(path)
        _warm_up(path, originals)
        for number in range(count):
            name = names[number % len(names)]
            random = Random(f"{seed}/{name}/{number}")
            other = originals[random.choice(list(originals))]
            tree = random.random() < TREES
            path.write_bytes(originals[name] if tree else mutate(originals[name], other, random))
            _try(path, f"{name}, {seed}/{number}", tallies[name], watch, random if tree else None)
    total = {name: tally.figures() for name, tally in tallies.items()}
    failures = sum(len(tally.failures) for tally in tallies.values())
    return {"count": count, "seed": seed, "failures": failures, "formats": total}


def table(figures: Mapping[str, object]) -> str:
    """The figures as lines of text."""
    lines = [f"{'format':28}{'copies':>8}{'read':>8}{'converted':>11}{'slowest':>10}{'memory':>9}"]
    failures: list[str] = []
    formats = figures["formats"]
    assert isinstance(formats, dict)
    for name, row in formats.items():
        counts = f"{row['count']:8}{row['read']:8}{row['converted']:11}"
        limits = f"{row['slowest_seconds']:8.2f} s{row['largest_memory_share']:8.0%}"
        lines.append(f"{name[:27]:28}{counts}{limits}")
        failures += row["failures"]
    last = f"{figures['count']} damaged copies, seed {figures['seed']}: {figures['failures']} failures"
    return "\n".join([*lines, *failures, last])


def _warm_up(path: Path, originals: Mapping[str, bytes]) -> None:
    """Whole files first: what the program itself imports on the way is imported then."""
    for data in originals.values():
        path.write_bytes(data)
        try:
            formats.convert(read(path))
        except (ForeignError, CheckpointError):
            continue


class _Outcome:
    """What a block ended with: every error is kept here, none goes further (but an interruption)."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> _Outcome:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False
        self.error = error
        return True


def _try(path: Path, label: str, tally: Tally, watch: Watch, random: Random | None) -> None:
    """One damaged file through the reader, and when it reads, through the converters.

    random: the file is whole, and what it holds is disturbed between the two.
    """
    size = path.stat().st_size
    budget = Budget(size)
    tally.count += 1
    watch.seen.clear()
    content: Content | None = None
    tracemalloc.start()
    start, watch.on = time.process_time(), True
    with _Outcome() as reading:
        content = read(path, budget=budget)
    memory = tracemalloc.get_traced_memory()[1] + size + budget.tensors
    tracemalloc.stop()
    if random is not None and content is not None:
        disturb(content.root, random)
    with _Outcome() as converting:
        if content is not None:
            formats.convert(content)
    watch.on = False
    seconds = time.process_time() - start
    tally.read += content is not None
    tally.refused += content is None
    tally.converted += content is not None and converting.error is None
    tally.slowest, tally.slow = max((tally.slowest, tally.slow), (seconds, label))
    tally.largest = max(tally.largest, memory / budget.limit)
    tally.failures += [f"{label}: {what}" for what in _wrong(reading, converting, seconds, memory, budget)]
    tally.failures += [f"{label}: {event}" for event in watch.seen[:3]]


def _wrong(reading: _Outcome, converting: _Outcome, seconds: float, memory: int, budget: Budget) -> list[str]:
    """What may not happen, in words."""
    wrong = [
        f"{what}: {type(outcome.error).__name__}: {str(outcome.error)[:200]}"
        for what, outcome in (("reading", reading), ("converting", converting))
        if outcome.error is not None and not isinstance(outcome.error, ForeignError | CheckpointError)
    ]
    if seconds > MOST_SECONDS:
        wrong.append(f"{seconds:.1f} seconds")
    if memory > budget.limit:
        wrong.append(f"{memory / 1e6:.1f} MB where {budget.limit / 1e6:.1f} MB are allowed")
    return wrong
