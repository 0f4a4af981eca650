"""The opcodes of pickle, each with what the machine does for it; those that are refused, with the reason.

Names and numbers as in Python's documentation (pickletools), protocols 0 to 5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from spatial_edit.foreign.content import ForeignError

if TYPE_CHECKING:
    from spatial_edit.foreign.reading.machine import Machine

Step = Callable[["Machine"], None]
MAX_PROTOCOL = 5


def _protocol(m: Machine) -> None:
    if (number := m.number("<B")) > MAX_PROTOCOL:
        raise ForeignError(f"it is a pickle of protocol {number}, 0 to {MAX_PROTOCOL} are read")


def _frame(m: Machine) -> None:
    length = m.number("<Q")
    m.take(length)  # it must be there
    m.position -= length


def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


def _duplicate(m: Machine) -> None:
    m.stack.append(m.top())


def _drop_group(m: Machine) -> None:
    m.since_mark()


def _float(m: Machine) -> None:
    m.stack.append(struct.unpack(">d", m.take(8))[0])


def _constant(value: object) -> Step:
    return lambda m: m.stack.append(value)


def _group_tuple(m: Machine) -> None:
    items = m.since_mark()
    m.budget.charge(64 + 8 * len(items))
    m.stack.append(tuple(items))


def _group_list(m: Machine) -> None:
    items = m.since_mark()
    m.push_new(items)


def _group_dict(m: Machine) -> None:
    items = m.since_mark()
    m.push_new({})
    m.set_items(items)


def _group_set(m: Machine) -> None:
    items = m.since_mark()
    m.push_new(set())
    m.add(items)


def _set_item(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    m.set_items([key, value])


def _refused(what: str) -> Step:
    def step(m: Machine) -> None:
        raise ForeignError(f"it uses {what}, which no checkpoint needs")

    return step


OPCODES: dict[int, Step] = {
    ord(code): step
    for code, step in {
        "\x80": _protocol,
        "\x95": _frame,
        # the stack and the memo
        "(": lambda m: m.mark(),
        "0": _pop,
        "1": _drop_group,
        "2": _duplicate,
        "p": lambda m: m.put(m.digits(m.line())),
        "q": lambda m: m.put(m.number("<B")),
        "r": lambda m: m.put(m.number("<I")),
        "\x94": lambda m: m.put(len(m.memo)),
        "g": lambda m: m.get(m.digits(m.line())),
        "h": lambda m: m.get(m.number("<B")),
        "j": lambda m: m.get(m.number("<I")),
        # plain values
        "N": _constant(None),
        "\x88": _constant(True),
        "\x89": _constant(False),
        "I": lambda m: m.push_line_integer(),
        "L": lambda m: m.push_line_integer(),
        "J": lambda m: m.stack.append(m.number("<i")),
        "K": lambda m: m.stack.append(m.number("<B")),
        "M": lambda m: m.stack.append(m.number("<H")),
        "\x8a": lambda m: m.push_integer(m.number("<B")),
        "\x8b": lambda m: m.push_integer(m.number("<I")),
        "F": lambda m: m.push_line_float(),
        "G": _float,
        "S": lambda m: m.push_line_text(quoted=True),
        "V": lambda m: m.push_line_text(quoted=False),
        "U": lambda m: m.push_text("<B"),
        "T": lambda m: m.push_text("<I"),
        "\x8c": lambda m: m.push_text("<B"),
        "X": lambda m: m.push_text("<I"),
        "\x8d": lambda m: m.push_text("<Q"),
        "C": lambda m: m.push_bytes("<B"),
        "B": lambda m: m.push_bytes("<I"),
        "\x8e": lambda m: m.push_bytes("<Q"),
        "\x96": lambda m: m.push_bytes("<Q"),
        # containers
        ")": lambda m: m.push_tuple(0),
        "\x85": lambda m: m.push_tuple(1),
        "\x86": lambda m: m.push_tuple(2),
        "\x87": lambda m: m.push_tuple(3),
        "t": _group_tuple,
        "]": lambda m: m.push_new([]),
        "l": _group_list,
        "a": lambda m: m.append([m.pop()]),
        "e": lambda m: m.append(m.since_mark()),
        "}": lambda m: m.push_new({}),
        "d": _group_dict,
        "s": _set_item,
        "u": lambda m: m.set_items(m.since_mark()),
        "\x8f": lambda m: m.push_new(set()),
        "\x90": lambda m: m.add(m.since_mark()),
        "\x91": _group_set,
        # names and calls
        "c": lambda m: m.line_name(),
        "\x93": lambda m: m.stack_name(),
        "R": lambda m: m.call(),
        "\x81": lambda m: m.call(),
        "\x92": lambda m: m.call_with_names(),
        "b": lambda m: m.build(),
        "Q": lambda m: m.persistent_id(),
        # refused
        "P": _refused("an object outside the file (PERSID)"),
        "i": _refused("an instance of a class (INST)"),
        "o": _refused("an instance of a class (OBJ)"),
        "\x82": _refused("an extension code (EXT1)"),
        "\x83": _refused("an extension code (EXT2)"),
        "\x84": _refused("an extension code (EXT4)"),
        "\x97": _refused("a buffer outside the file (NEXT_BUFFER)"),
        "\x98": _refused("a buffer outside the file (READONLY_BUFFER)"),
    }.items()
}
