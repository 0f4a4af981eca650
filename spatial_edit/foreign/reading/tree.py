"""The last look at what a file unpacked to: a finite tree of plain values, which others can walk safely.

Pickles can make values that contain themselves, that lie a million deep, or that are small and unfold to
billions of entries because a part is shared again and again. All of that is refused. OmegaConf's
configurations alone point back to what contains them: such a record's `_parent` is a link, not a part, and
every chain of parents ends.
"""

from __future__ import annotations

from torch import Tensor

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.reading.budget import OBJECT, Budget
from spatial_edit.foreign.reading.machine import Unfinished

MAX_DEPTH = 100  # a network within networks takes three levels each
MAX_ENTRIES = 100_000  # of the unfolded tree, and
TIMES_SHARED = 10  # times the values that are there
PARENT = "_parent"
LEAVES = (str, int, float, bool, bytes, type(None), Tensor)


def finish(root: object, budget: Budget) -> object:
    """The root, with views of the file copied. ForeignError when it is no finite tree of plain values."""
    walk = _Walk(budget)
    root = walk.visit(root, 0)
    for record in walk.linked:  # grows while the parents are visited
        record.state[PARENT] = walk.visit(record.state[PARENT], 0)  # type: ignore[index]
    for record in walk.linked:
        _check_chain(record)
    largest = max(walk.size(part) for part in (root, *(record.attribute(PARENT) for record in walk.linked)))
    if largest > MAX_ENTRIES + TIMES_SHARED * len(walk.done):
        raise ForeignError(
            "it is small and unfolds to too many values: the same part lies in it again and again"
        )
    return root


class _Walk:
    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.done: dict[int, tuple[object, object, int, int]] = {}  # id -> value, result, size, height
        self.open: set[int] = set()
        self.linked: list[Record] = []

    def size(self, value: object) -> int:
        """Entries of the unfolded tree below a visited value."""
        return self.done[id(value)][2] if id(value) in self.done else 1

    def visit(self, value: object, depth: int) -> object:
        """The value, or what takes its place."""
        if isinstance(value, LEAVES):
            return value
        if isinstance(value, memoryview):
            self.budget.charge(len(value))
            return bytes(value)
        if id(value) in self.done:
            return self.done[id(value)][1]
        if id(value) in self.open:
            raise ForeignError("it holds a value that contains itself")
        if depth > MAX_DEPTH:
            raise ForeignError(f"its values lie more than {MAX_DEPTH} deep in one another")
        self.budget.charge(OBJECT)
        self.budget.tick()
        self.open.add(id(value))
        result, parts = self._parts(value, depth + 1)
        self.open.remove(id(value))
        known = [self.done[id(part)] for part in parts if id(part) in self.done]
        size = 1 + len(parts) - len(known) + sum(entry[2] for entry in known)
        height = 1 + max((entry[3] for entry in known), default=0)
        if height > MAX_DEPTH:
            raise ForeignError(f"its values lie more than {MAX_DEPTH} deep in one another")
        self.done[id(value)] = self.done[id(result)] = (value, result, size, height)
        return result

    def _parts(self, value: object, depth: int) -> tuple[object, list]:
        if type(value) is dict:
            for key, part in value.items():
                value[key] = self.visit(part, depth)
            return value, list(value.values())
        if type(value) is list:
            value[:] = [self.visit(part, depth) for part in value]
            return value, value
        if type(value) is tuple:
            parts = tuple(self.visit(part, depth) for part in value)
            same = all(new is old for new, old in zip(parts, value, strict=True))
            return value if same else parts, list(parts)
        if type(value) is set:
            return value, []
        if isinstance(value, Record):
            return value, self._record_parts(value, depth)
        if isinstance(value, Unfinished):
            raise ForeignError("it holds a numpy array without its numbers")
        raise ForeignError(f"it holds a bare {type(value).__name__.lower()}, which is no part of a tensor")

    def _record_parts(self, record: Record, depth: int) -> list:
        record.arguments = self.visit(record.arguments, depth)  # type: ignore[assignment]
        state = record.state
        if _is_configuration(record) and type(state) is dict and state.get(PARENT) is not None:
            self.linked.append(record)
            parts = {key: self.visit(part, depth + 1) for key, part in state.items() if key != PARENT}
            state.update(parts)
            return [record.arguments, *parts.values()]
        record.state = self.visit(state, depth)
        return [record.arguments, record.state]


def _is_configuration(value: object) -> bool:
    return isinstance(value, Record) and value.module.startswith("omegaconf.")


def _check_chain(record: Record) -> None:
    """From parent to parent, records of configurations alone, and the end within MAX_DEPTH."""
    for _ in range(MAX_DEPTH):
        parent = record.attribute(PARENT)
        if parent is None:
            return
        if not isinstance(parent, Record) or not _is_configuration(parent):
            raise ForeignError("one of its configurations lies in something that is none")
        record = parent
    raise ForeignError("its configurations lie in one another without end")
