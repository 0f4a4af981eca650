"""An interpreter of the pickle opcodes (protocols 0 to 5) that builds plain values and runs nothing.

Written from the description of the opcodes in Python's documentation (pickletools). It is not pickle's
unpickler: a name in the file becomes a `Token`, which is two strings; what a file "calls" is looked up by the
exact pair (module, name) in a table of inert stand-ins; BUILD fills records of our own and touches no
attribute of anything else. What the opcodes of classes, extensions and outside buffers ask for is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.reading.budget import EMPTY, ENTRY, OBJECT, PLACE, STEP, Budget, shown
from spatial_edit.foreign.reading.opcodes import OPCODES

MAX_DIGITS = 40  # of a whole number in text
MAX_INTEGER = 64  # bytes of a whole number
MAX_NAME = 200  # characters of a module or class name
MAX_LINE = 65_536  # bytes of one line in text opcodes
MAX_MARKS = 1_000
SMALL = 256  # byte strings up to here are copied; longer ones are views of the file
KEYS = (str, int, float, bool, type(None), bytes)

Pair = tuple[str, str]


@dataclass(eq=False)
class Token(Record):
    """A name that a file mentions: a record that can be called or kept, and never be filled."""


@dataclass(eq=False)
class Unfinished:
    """A value that is whole only after BUILD, as a numpy array. places: its numbers in the memo."""

    places: list[int] = field(default_factory=list)

    def finish(self, state: object, budget: Budget) -> object:
        """The value that takes its place, from BUILD's state."""
        raise NotImplementedError


StandIn = Callable[[Token, tuple, "Machine"], object]


class Machine:
    """Reads one pickle from `view`, beginning at `position`, which then lies behind its end."""

    def __init__(
        self,
        view: memoryview,
        budget: Budget,
        names: Mapping[Pair, StandIn | None],
        *,
        position: int = 0,
        persistent: Callable[[object], object] | None = None,
    ) -> None:
        self.view, self.budget, self.names, self.position = view, budget, names, position
        self.persistent = persistent
        self.pending: list[Callable[[], None]] = []  # copies to make when the storages are known
        self.stack: list = []
        self.marks: list[list] = []
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        """The value. ForeignError says what is refused or wrong."""
        steps = 0
        view, size, charge = self.view, len(self.view), self.budget.charge
        while True:
            if self.position >= size:
                raise ForeignError("it is cut short: it ends before its last value")
            code = view[self.position]
            self.position += 1
            if code == 0x2E:  # STOP
                break
            step = OPCODES.get(code)
            if step is None:
                _unknown(code, self.position - 1)
            charge(STEP)
            steps += 1
            if not steps & 63:
                self.budget.tick()
            step(self)
        if self.marks or len(self.stack) != 1:
            raise ForeignError("it is damaged: values are left over at its end")
        return self.stack.pop()

    # reading

    def take(self, count: int) -> memoryview:
        """The next `count` bytes of the file, as a view."""
        start = self.position
        if count > len(self.view) - start:
            left = len(self.view) - start
            raise ForeignError(f"it is cut short: {count} bytes are announced and {left} are left")
        self.position = start + count
        return self.view[start : start + count]

    def number(self, layout: str) -> int:
        """The next whole number, of a struct layout."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def line(self) -> bytes:
        """The rest of the line, without its end."""
        for most in (256, MAX_LINE):
            text = bytes(self.view[self.position : self.position + most])
            end = text.find(b"\n")
            if end >= 0:
                self.position += end + 1
                self.budget.charge(end + 64)
                return text[:end]
        raise ForeignError("it is damaged: a line in it does not end")

    def text(self, data: memoryview | bytes) -> str:
        """UTF-8 as text."""
        self.budget.charge(5 * len(data) + 80)  # four bytes a letter, made from one
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise ForeignError("it is damaged: a text in it is not UTF-8") from error

    def push_text(self, layout: str) -> None:
        self.stack.append(self.text(self.take(self.number(layout))))

    def push_bytes(self, layout: str) -> None:
        data = self.take(self.number(layout))
        self.budget.charge(OBJECT)
        self.stack.append(bytes(data) if len(data) <= SMALL else data)

    def push_integer(self, count: int) -> None:
        if count > MAX_INTEGER:
            raise ForeignError(f"it holds a whole number of {count} bytes, at most {MAX_INTEGER} are read")
        self.stack.append(int.from_bytes(self.take(count), "little", signed=True))

    def digits(self, line: bytes) -> int:
        if len(line) > MAX_DIGITS:
            raise ForeignError(
                f"it holds a whole number of {len(line)} digits, at most {MAX_DIGITS} are read"
            )
        try:
            return int(line)
        except ValueError as error:
            raise ForeignError("it is damaged: a whole number in it is none") from error

    # the stack

    def pop(self) -> object:
        if not self.stack:
            raise ForeignError("it is damaged: a value is missing")
        return self.stack.pop()

    def top(self) -> object:
        if not self.stack:
            raise ForeignError("it is damaged: a value is missing")
        return self.stack[-1]

    def mark(self) -> None:
        if len(self.marks) >= MAX_MARKS:
            raise ForeignError(f"its values lie more than {MAX_MARKS} deep in one another")
        self.budget.charge(EMPTY)
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list:
        """The values above the last mark, which is taken away."""
        if not self.marks:
            raise ForeignError("it is damaged: the end of a group has no beginning")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def push_tuple(self, count: int) -> None:
        if len(self.stack) < count:
            raise ForeignError("it is damaged: a value is missing")
        self.budget.charge(64 + PLACE * count)
        self.stack[len(self.stack) - count :] = [tuple(self.stack[len(self.stack) - count :])]

    def push_new(self, value: object) -> None:
        self.budget.charge(EMPTY)
        self.stack.append(value)

    # containers

    def set_items(self, pairs: list) -> None:
        target = self.top()
        if type(target) is not dict:
            raise ForeignError(f"it puts named values into a {_kind(target)}")
        if len(pairs) % 2:
            raise ForeignError("it is damaged: a name has no value")
        fill_dict(target, zip(pairs[::2], pairs[1::2], strict=True), self.budget)

    def append(self, items: list) -> None:
        target = self.top()
        if type(target) is not list:
            raise ForeignError(f"it appends values to a {_kind(target)}")
        self.budget.charge(PLACE * len(items))
        target.extend(items)

    def add(self, items: list) -> None:
        target = self.top()
        if type(target) is not set:
            raise ForeignError(f"it adds values to a {_kind(target)}")
        fill_set(target, items, self.budget)

    # the memo

    def put(self, index: int) -> None:
        if not 0 <= index <= len(self.view):
            raise ForeignError(f"it numbers a value {index}, more than it can hold")
        value = self.top()
        self.budget.charge(ENTRY)
        self.memo[index] = value
        if isinstance(value, Unfinished):
            self.budget.charge(PLACE)
            value.places.append(index)

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise ForeignError("it is damaged: it refers to a value that was not there")
        self.stack.append(self.memo[index])

    # names and calls

    def mention(self, module: str, name: str) -> None:
        """Push the token of an admitted pair; refuse every other."""
        if (module, name) not in self.names:
            whole = f"{shown(module, 60)}.{shown(name, 60)}"
            raise ForeignError(f"it asks for {whole}, which no checkpoint that is read here needs")
        self.budget.charge(OBJECT)
        self.stack.append(Token(module, name))

    def stack_name(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ForeignError("it asks for a class by something that is no name")
        self.mention(module[: MAX_NAME + 1], name[: MAX_NAME + 1])

    def line_name(self) -> None:
        module, name = self.text(self.line()), self.text(self.line())
        self.mention(module[: MAX_NAME + 1], name[: MAX_NAME + 1])

    def call(self) -> None:
        arguments, target = self.pop(), self.pop()
        if type(target) is not Token:
            raise ForeignError(f"it calls a {_kind(target)}")
        stand_in = self.names[(target.module, target.name)]
        if stand_in is None:
            raise ForeignError(f"it calls {target.module}.{target.name}, which is read as a name alone")
        if type(arguments) is not tuple:
            raise ForeignError(f"it calls {target.module}.{target.name} with a {_kind(arguments)}")
        self.stack.append(stand_in(target, arguments, self))

    def call_with_names(self) -> None:
        if self.pop() != {}:
            raise ForeignError("it makes an object with named arguments, which no checkpoint does")
        self.call()

    def build(self) -> None:
        """BUILD: a record's state, once. A state_dict's `_metadata` is dropped; all else is refused."""
        state, target = self.pop(), self.top()
        if isinstance(target, Unfinished):
            self.stack[-1] = value = target.finish(state, self.budget)
            self.memo.update({i: value for i in target.places if self.memo.get(i) is target})
        elif isinstance(target, Token):
            raise ForeignError(f"it sets attributes of {target.module}.{target.name} (BUILD)")
        elif isinstance(target, Record):
            if target.state is not None:
                raise ForeignError(f"it sets the state of a {shown(target.name)} twice (BUILD)")
            target.state = state
        elif not (type(target) is dict and type(state) is dict and set(state) <= {"_metadata"}):
            raise ForeignError(f"it sets attributes of a {_kind(target)} (BUILD)")

    def persistent_id(self) -> None:
        if self.persistent is None:
            raise ForeignError("it refers to an object outside the file")
        self.stack.append(self.persistent(self.pop()))

    # text opcodes of protocol 0

    def push_line_integer(self) -> None:
        line = self.line()
        flags = {b"00": False, b"01": True}
        self.stack.append(flags[line] if line in flags else self.digits(line.removesuffix(b"L")))

    def push_line_float(self) -> None:
        line = self.line()
        try:
            self.stack.append(float(line[: MAX_DIGITS + 1]))
        except ValueError as error:
            raise ForeignError("it is damaged: a number in it is none") from error

    def push_line_text(self, quoted: bool) -> None:
        line = self.line()
        if quoted:
            if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"":
                raise ForeignError("it is damaged: a text in it has no end")
            line = line[1:-1]
        self.budget.charge(8 * len(line) + 80)
        try:
            codec = "unicode_escape" if quoted else "raw_unicode_escape"
            self.stack.append(line.decode(codec) if b"\\" in line else line.decode("latin-1"))
        except UnicodeDecodeError as error:
            raise ForeignError("it is damaged: a text in it does not decode") from error


def fill_dict(target: dict, pairs: Iterable, budget: Budget) -> None:
    """Enter pairs whose keys are plain: no tuples, whose hash costs as much as they unfold to."""
    for count, (key, value) in enumerate(pairs):
        _check_key(key)
        budget.charge(ENTRY)
        if not count & 63:
            budget.tick()
        target[key] = value


def fill_set(target: set, items: Iterable, budget: Budget) -> None:
    """Enter plain values."""
    for count, item in enumerate(items):
        _check_key(item)
        budget.charge(ENTRY)
        if not count & 63:
            budget.tick()
        target.add(item)


def _check_key(key: object) -> None:
    if type(key) not in KEYS:
        raise ForeignError(f"it uses a {_kind(key)} as a key: text and numbers are read as keys")
    if type(key) is int and not -(2**62) < key < 2**62:
        raise ForeignError("it uses a whole number of more than 62 bits as a key")


def _kind(value: object) -> str:
    if isinstance(value, Token):
        return f"name {value.module}.{value.name}"
    if isinstance(value, Record):
        return f"record {shown(value.name)}"
    return "bytes" if isinstance(value, memoryview) else type(value).__name__


def _unknown(code: int, place: int) -> NoReturn:
    raise ForeignError(f"it is no pickle, or damaged: byte {code:#04x} at {place} is no opcode")
