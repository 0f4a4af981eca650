"""Small files of every kind that the reader reads, written by ourselves: what the fuzzing begins with.

A writer of pickle opcodes (protocols 2 to 5) for plain values, names, calls and tensors, and the containers
around it. What is written has the shape of the published files: embedded source text, hooks, parameters,
optimizer states, OmegaConf trees with their links to parents.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from spatial_edit.foreign.reading.storages import MAGIC, STORAGES, STREAM_PROTOCOL

STORAGE_OF = {dtype: name for name, dtype in STORAGES.items() if name != "UntypedStorage"}


@dataclass(frozen=True)
class Name:
    """A mention of a class or function."""

    module: str
    name: str


@dataclass(eq=False)
class Call:
    """target(*arguments), then BUILD with `state`. new: as NEWOBJ. pid: a persistent id instead of a call."""

    target: Name | None = None
    arguments: tuple = ()
    state: object = None
    new: bool = False
    pid: tuple | None = None


OrderedDict = Name("collections", "OrderedDict")
REBUILD = Name("torch._utils", "_rebuild_tensor_v2")


@dataclass
class Writer:
    """Writes one value as a pickle. tensor: how a tensor's storage is written."""

    protocol: int
    storage: Callable[[Tensor], Call]
    out: bytearray = field(default_factory=bytearray)
    memo: dict[object, int] = field(default_factory=dict)
    count: int = 0
    kept: list = field(default_factory=list)  # what is known by its id stays, so that the id does

    def dump(self, value: object) -> bytes:
        """The pickle of a value."""
        self.out, self.memo, self.count, self.kept = bytearray(), {}, 0, []
        self.write(value)
        self.out += b"."
        frame = b"\x95" + struct.pack("<Q", len(self.out)) if self.protocol >= 4 else b""
        return b"\x80" + bytes([self.protocol]) + frame + bytes(self.out)

    def write(self, value: object) -> None:
        """One value; text and names that were written before are taken from the memo."""
        key = value if isinstance(value, str | Name) else id(value)
        self.kept.append(value)
        if isinstance(value, str | Name | Call | dict) and key in self.memo:
            self.out += b"j" + struct.pack("<I", self.memo[key])
        elif value is None or isinstance(value, bool):
            self.out += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif isinstance(value, int):
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.out += b"K" + data[:1] if 0 <= value < 256 else b"\x8a" + bytes([len(data)]) + data
        elif isinstance(value, float):
            self.out += b"G" + struct.pack(">d", value)
        elif isinstance(value, bytes):
            self._bytes(value)
        elif isinstance(value, Tensor):
            self.write(self._tensor(value))
        else:
            self._compound(value, key)

    def _compound(self, value: object, key: object) -> None:
        if isinstance(value, str):
            data = value.encode("utf-8")
            self.out += b"X" + struct.pack("<I", len(data)) + data
            self._remember(key)
        elif isinstance(value, Name):
            self._name(value)
            self._remember(key)
        elif isinstance(value, tuple):
            self._items(b"(", value, b"t")
        elif isinstance(value, list):
            self.out += b"]"
            self._items(b"(", value, b"e")
        elif isinstance(value, dict):
            self.out += b"}"
            self._remember(key)
            self._items(b"(", [part for pair in value.items() for part in pair], b"u")
        elif isinstance(value, Call):
            self._call(value, key)
        else:
            raise TypeError(f"{type(value).__name__} is not written")

    def _call(self, call: Call, key: object) -> None:
        if call.target is None:
            self.write(call.pid)
            self.out += b"Q"
            return
        self.write(call.target)
        self.write(call.arguments)
        self.out += b"\x81" if call.new else b"R"
        self._remember(key)
        if call.state is not None:
            self.write(call.state)
            self.out += b"b"

    def _items(self, before: bytes, items: Iterable, after: bytes) -> None:
        self.out += before
        for item in items:
            self.write(item)
        self.out += after

    def _name(self, value: Name) -> None:
        if self.protocol >= 4:
            self.write(value.module)
            self.write(value.name)
            self.out += b"\x93"
        else:
            self.out += f"c{value.module}\n{value.name}\n".encode()

    def _bytes(self, value: bytes) -> None:
        if self.protocol >= 3:
            self.out += b"B" + struct.pack("<I", len(value)) + value
        else:
            self.write(Call(Name("_codecs", "encode"), (value.decode("latin-1"), "latin1")))

    def _remember(self, key: object) -> None:
        self.memo[key] = self.count
        self.out += b"\x94" if self.protocol >= 4 else b"r" + struct.pack("<I", self.count)
        self.count += 1

    def _tensor(self, value: Tensor) -> Call:
        arguments = (self.storage(value), 0, tuple(value.shape), value.stride(), False, Call(OrderedDict))
        return Call(REBUILD, arguments)


def inside(tensor: Tensor) -> Call:
    """A storage as plain pickles hold it: torch's older stream as bytes."""
    return Call(Name("torch.storage", "_load_from_bytes"), (stream_of(None, [tensor]),))


def plain(value: object, protocol: int = 4) -> bytes:
    """A pickle of its own, as NVlabs' files are."""
    return Writer(protocol, inside).dump(value)


def identified(found: dict[int, tuple[str, Tensor]], more: tuple = ()) -> Callable[[Tensor], Call]:
    """Storages by persistent id, with `more` at its end; collects them in `found`, by the tensor's id."""

    def storage(tensor: Tensor) -> Call:
        key, _ = found.setdefault(id(tensor), (str(len(found)), tensor))
        kind = Name("torch", STORAGE_OF[tensor.dtype])
        return Call(pid=("storage", kind, key, "cpu", tensor.numel(), *more))

    return storage


def stream_of(value: object, storages: Iterable[Tensor] = ()) -> bytes:
    """torch.save before 1.6; value None: the bare storage of the one tensor."""
    found: dict[int, tuple[str, Tensor]] = {}
    storage = identified(found, (None,))  # no view of another
    writer = Writer(2, storage)
    for tensor in storages:
        value = storage(tensor)
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": STREAM_PROTOCOL, "little_endian": True, "type_sizes": sizes}
    head = b"".join(Writer(2, inside).dump(part) for part in (MAGIC, STREAM_PROTOCOL, system))
    body = writer.dump(value)
    keys = Writer(2, inside).dump([key for key, _ in found.values()])
    data = b"".join(struct.pack("<q", tensor.numel()) + raw(tensor) for _, tensor in found.values())
    return head + body + keys + data


def archive_of(value: object, protocol: int = 2) -> bytes:
    """torch.save since 1.6: a zip archive, nothing in it compressed."""
    found: dict[int, tuple[str, Tensor]] = {}
    body = Writer(protocol, identified(found)).dump(value)
    members = {"data.pkl": body, "byteorder": b"little"}
    members |= {f"data/{key}": raw(tensor) for key, tensor in found.values()}
    return zipped({**members, "version": b"3\n"})


def zipped(members: dict[str, bytes], folder: str = "archive") -> bytes:
    """A zip archive of stored members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), data)
    return file.getvalue()


def raw(tensor: Tensor) -> bytes:
    """A contiguous tensor's numbers as little-endian bytes."""
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
