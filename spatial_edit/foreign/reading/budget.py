"""How much memory and time the reading of one file may take, and how names of a file are shown.

Whatever a file makes the reader allocate is charged here first, at more than its size in CPython or torch:
objects, places on the stack and in the memo, tensors. Beyond the limit the file is refused.
"""

from __future__ import annotations

import time

from spatial_edit.foreign.content import ForeignError

FLOOR = 32_000_000  # bytes that any file may take
TIMES = 4  # the size of the file, beyond that floor
SECONDS = 6.0  # of this thread's work for any file, and
BYTES_A_SECOND = 20_000_000  # for large ones

# Charges in bytes: sizes of CPython 3.11, rounded up to what growth by doubling can take for a while.
STEP = 64  # an opcode: a place on the stack, and half a million opcodes are enough for small files
PLACE = 24  # an entry of a list or a tuple
ENTRY = 120  # an entry of a dict, a set or the memo
EMPTY = 240  # a dict, a list, a set
OBJECT = 500  # a record, a storage
TENSOR = 1_500  # a tensor beside its numbers


class Budget:
    """What is left to one file of `size` bytes."""

    def __init__(self, size: int) -> None:
        self.limit = max(FLOOR, TIMES * size)
        self.spent = 0
        self.tensors = 0  # bytes of them among what is spent
        self.seconds = SECONDS + size / BYTES_A_SECOND
        self._end = time.thread_time() + self.seconds

    def charge(self, amount: int) -> None:
        """Ask for `amount` bytes, before they are allocated. ForeignError when they are too many."""
        self.spent += amount
        if self.spent > self.limit:
            raise ForeignError(f"it unpacks to more than {self.limit / 1e6:.0f} MB, {TIMES} times its size")

    def charge_tensor(self, amount: int) -> None:
        """Ask for a tensor of `amount` bytes."""
        self.charge(TENSOR + amount)
        self.tensors += amount

    def tick(self) -> None:
        """ForeignError when the time is over."""
        if time.thread_time() > self._end:
            raise ForeignError(f"reading it takes more than {self.seconds:.0f} seconds: no checkpoint does")


def shown(text: object, most: int = 80) -> str:
    """A name or value of a file for a message: one line, nothing but printable ASCII, not too long.

    Of anything but text and numbers the type alone: a list can unfold to more text than the memory holds.
    """
    plain = isinstance(text, str | int | float | None)
    line = str(text) if plain else f"a {type(text).__name__}"
    line = line[: most + 1].encode("ascii", "backslashreplace").decode("ascii")
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= most else f"{line[:most]}..."
