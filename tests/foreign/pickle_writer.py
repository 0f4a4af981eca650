"""Writes pickles of protocols 3 and 4, opcode by opcode, as Python's own pickler lays them out.

The project imports `pickle` nowhere, not in tests either. What objects are made of comes from their
`__reduce_ex__`, as there; `Call` stands for objects whose classes exist only in other people's programs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

FRAME = 64 * 1024  # bytes after which protocol 4 begins a new frame; larger values stand between frames
BATCH = 1000  # entries of a list or dict at a time


@dataclass(eq=False)
class Call:
    """An object that is made by calling `module.name` with `arguments`, then set to `state` (if any).

    new: made by the class's __new__, as most objects are (NEWOBJ); else by a call (REDUCE). items: entries
    that are put in afterwards, for dicts of a class of their own.
    """

    module: str
    name: str
    arguments: tuple = ()
    state: object = None
    new: bool = False
    items: dict | None = None


@dataclass(frozen=True)
class Global:
    """A mere mention of `module.name`."""

    module: str
    name: str


def dumps(root: object, protocol: int = 4, renamed: dict[str, str] | None = None) -> bytes:
    """The pickle of a tree of plain values, sets, tensors, numpy scalars, `Call` and `Global`.

    renamed: modules that are written under another name, such as numpy's of an older release.
    """
    return _Writer(protocol, renamed or {}).whole(root)


class _Writer:
    def __init__(self, protocol: int, renamed: dict[str, str]) -> None:
        if protocol not in (3, 4):
            raise ValueError(f"protocol {protocol}: this writer knows 3 and 4")
        self.protocol, self.renamed = protocol, renamed
        self.out, self.frame = bytearray(), bytearray()
        self.memo: dict[object, int] = {}
        self.kept: list[object] = []  # what the memo names by id must not go away

    def whole(self, root: object) -> bytes:
        self.out += b"\x80" + bytes([self.protocol])
        self.value(root)
        self.frame += b"."
        self._end_frame()
        return bytes(self.out)

    def _end_frame(self) -> None:
        if self.protocol == 4 and len(self.frame) >= 4:
            self.out += b"\x95" + struct.pack("<Q", len(self.frame))
        self.out += self.frame
        self.frame.clear()

    def _large(self, opcode: bytes, data: bytes) -> None:
        self._end_frame()
        self.out += opcode + data

    def _memoize(self, key: object, value: object) -> None:
        index = self.memo[key] = len(self.memo)
        self.kept.append(value)
        if self.protocol == 4:
            self.frame += b"\x94"
        else:
            self.frame += b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)

    def _again(self, key: object) -> bool:
        index = self.memo.get(key)
        if index is None:
            return False
        self.frame += b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)
        return True

    def value(self, value: object) -> None:
        if len(self.frame) >= FRAME:
            self._end_frame()
        if value is None or isinstance(value, bool):
            self.frame += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif type(value) is int:
            self._int(value)
        elif type(value) is float:
            self.frame += b"G" + struct.pack(">d", value)
        elif type(value) is str:
            self._str(value)
        elif self._again(id(value)):
            pass
        else:
            writers: dict[type, Callable[[Any], None]] = {
                bytes: self._bytes, tuple: self._tuple, list: self._list, dict: self._dict, set: self._set,
                Call: self._call, Global: self._mention,
            }  # fmt: skip
            writers.get(type(value), self._object)(value)

    def _int(self, value: int) -> None:
        if 0 <= value < 256:
            self.frame += b"K" + bytes([value])
        elif 0 <= value < 65536:
            self.frame += b"M" + struct.pack("<H", value)
        elif -(2**31) <= value < 2**31:
            self.frame += b"J" + struct.pack("<i", value)
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.frame += b"\x8a" + bytes([len(data)]) + data

    def _str(self, value: str) -> None:
        if self._again(("str", value)):
            return
        data = value.encode("utf-8", "surrogatepass")
        if self.protocol == 4 and len(data) < 256:
            self.frame += b"\x8c" + bytes([len(data)]) + data
        elif len(data) >= FRAME and self.protocol == 4:
            self._large(b"X" + struct.pack("<I", len(data)), data)
        else:
            self.frame += b"X" + struct.pack("<I", len(data)) + data
        self._memoize(("str", value), value)

    def _bytes(self, value: bytes) -> None:
        if len(value) < 256:
            self.frame += b"C" + bytes([len(value)]) + value
        elif len(value) >= FRAME and self.protocol == 4:
            self._large(b"B" + struct.pack("<I", len(value)), value)
        else:
            self.frame += b"B" + struct.pack("<I", len(value)) + value
        self._memoize(id(value), value)

    def _tuple(self, value: tuple) -> None:
        if not value:
            self.frame += b")"
            return
        if len(value) > 3:
            self.frame += b"("
        for item in value:
            self.value(item)
        self.frame += {1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(value), b"t")
        self._memoize(id(value), value)

    def _list(self, value: list) -> None:
        self.frame += b"]"
        self._memoize(id(value), value)
        self._entries(((item,) for item in value), b"a", b"e")

    def _dict(self, value: dict) -> None:
        self.frame += b"}"
        self._memoize(id(value), value)
        self._entries(value.items(), b"s", b"u")

    def _set(self, value: set) -> None:
        if self.protocol == 3:
            self.reduced(Global("builtins", "set"), ([*value],))
            self._memoize(id(value), value)
            return
        self.frame += b"\x8f"
        self._memoize(id(value), value)
        if value:
            self.frame += b"("
            for item in value:
                self.value(item)
            self.frame += b"\x90"

    def _entries(self, entries: Iterable[tuple], one: bytes, many: bytes) -> None:
        waiting = list(entries)
        for start in range(0, len(waiting), BATCH):
            part = waiting[start : start + BATCH]
            self.frame += b"(" if len(waiting) > 1 else b""
            for entry in part:
                for item in entry:
                    self.value(item)
            self.frame += many if len(waiting) > 1 else one

    def _mention(self, value: Global) -> None:
        module = self.renamed.get(value.module, value.module)
        key = ("global", module, value.name)
        if self._again(key):
            return
        if self.protocol == 4:
            self._str(module)
            self._str(value.name)
            self.frame += b"\x93"
        else:
            self.frame += f"c{module}\n{value.name}\n".encode()
        self._memoize(key, value)

    def reduced(self, what: Global, arguments: tuple) -> None:
        self._mention(what)
        self.value(arguments)
        self.frame += b"R"

    def _call(self, value: Call) -> None:
        self._mention(Global(value.module, value.name))
        self.value(value.arguments)
        self.frame += b"\x81" if value.new else b"R"
        self._memoize(id(value), value)
        self._entries((value.items or {}).items(), b"s", b"u")
        self._build(value.state)

    def _build(self, state: object) -> None:
        if state is not None:
            self.value(state)
            self.frame += b"b"

    def _object(self, value: object) -> None:
        """Tensors, parameters, ordered dicts, numpy scalars: whatever they say that they are made of."""
        if isinstance(value, type) or callable(value):
            self._mention(Global(value.__module__, value.__qualname__))  # type: ignore[attr-defined]
            return
        parts = value.__reduce_ex__(self.protocol)
        assert isinstance(parts, tuple)
        what, arguments, state, _, items = (*parts, None, None, None)[:5]
        self.reduced(Global(what.__module__, what.__qualname__), arguments)
        self._memoize(id(value), value)
        self._entries(items or (), b"s", b"u")
        self._build(state)
