"""History: what was, what is, and what was undone; immutable.

Two stacks and the tips of the branches that a new step left behind: undo to the third step, change something
else, and the old future's last state is still in `branches`, from where it can be brought back as a new step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

MAX_STEPS = 200
MAX_BRANCHES = 16
T = TypeVar("T")


@dataclass(frozen=True)
class History(Generic[T]):
    """Past (oldest first), present (None before any step), future (next first), and tips left behind."""

    past: tuple[T, ...] = ()
    present: T | None = None
    future: tuple[T, ...] = ()
    branches: tuple[T, ...] = ()

    @property
    def can_undo(self) -> bool:
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        return bool(self.future)

    @property
    def steps(self) -> tuple[T, ...]:
        """All steps in order: past, present, future."""
        return (*self.past, *(() if self.present is None else (self.present,)), *self.future)

    def commit(self, step: T) -> History[T]:
        """A new present. Steps beyond the last 200 are forgotten; an undone future leaves its tip behind."""
        past = self.past if self.present is None else (*self.past, self.present)
        branches = (*self.branches, self.future[-1]) if self.future else self.branches
        return History(past[-(MAX_STEPS - 1) :], step, (), branches[-MAX_BRANCHES:])

    def undo(self) -> History[T]:
        """One step back; ValueError at the first step."""
        if not self.past or self.present is None:
            raise ValueError("there is nothing to undo: this is the first step")
        return replace(self, past=self.past[:-1], present=self.past[-1], future=(self.present, *self.future))

    def redo(self) -> History[T]:
        """One step forward again; ValueError when nothing was undone."""
        if not self.future or self.present is None:
            raise ValueError("there is nothing to redo: this is the latest step")
        return replace(self, past=(*self.past, self.present), present=self.future[0], future=self.future[1:])

    def goto(self, index: int) -> History[T]:
        """The step at a place of `steps` (0 = oldest) becomes the present, nothing is lost; ValueError when
        there is none."""
        steps = self.steps
        if not 0 <= index < len(steps):
            raise ValueError(f"there is no step {index}: there are {len(steps)}")
        return replace(self, past=steps[:index], present=steps[index], future=steps[index + 1 :])

    def take_branch(self, index: int) -> History[T]:
        """A tip left behind (0 = oldest) becomes the present as a new step; ValueError when there is none."""
        if not 0 <= index < len(self.branches):
            raise ValueError(f"there is no branch {index}: {len(self.branches)} were left behind")
        rest = self.branches[:index] + self.branches[index + 1 :]
        return replace(self, branches=rest).commit(self.branches[index])
