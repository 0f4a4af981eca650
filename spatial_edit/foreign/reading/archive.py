"""torch.save's zip archives: the directory and every member checked before anything in them is used.

Our own reading of the zip format (PKWARE's APPNOTE): torch stores its members uncompressed, one behind the
other, so a member is a slice of the file, and no more can come out than is in it. Archives larger than 4 GB
have their sizes in the zip64 fields.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from spatial_edit.foreign.content import ForeignError
from spatial_edit.foreign.reading.budget import OBJECT, Budget, shown
from spatial_edit.foreign.reading.machine import Machine, Pair, StandIn
from spatial_edit.foreign.reading.storages import Storage, described

MAX_MEMBERS = 50_000
SMALLEST_ENTRY = 46  # bytes of the directory that a member takes at least
_FULL = 0xFFFFFFFF  # a field whose value is in the zip64 part


@dataclass(frozen=True)
class Member:
    """One member: its name, where its local header begins, how long its data are (bytes), whether packed."""

    name: str
    offset: int
    size: int
    packed: bool


def read_archive(view: memoryview, budget: Budget, names: Mapping[Pair, StandIn | None]) -> object:
    """The value in the archive's data.pkl, its tensors filled."""
    members = slices(view, budget)
    inner = {name.partition("/")[2]: data for name, data in members.items()}
    if len({name.partition("/")[0] for name in members}) != 1:
        raise ForeignError("it is a zip archive of several folders, torch.save writes one")
    if bytes(inner.get("byteorder", b"little")[:10]) != b"little":
        raise ForeignError("its numbers are big-endian, which is not read")
    found: dict[str, Storage] = {}

    def persistent(pid: object) -> Storage:
        storage, key = described(pid, budget)
        if f"data/{key}" not in inner:
            raise ForeignError(f"its storage {shown(key)} is not in the archive")
        storage.lay(inner[f"data/{key}"], f"storage {shown(key)}")
        known = found.setdefault(key, storage)
        if known.dtype != storage.dtype:
            raise ForeignError(f"its storage {shown(key)} is announced in two ways")
        return known

    return Machine(inner["data.pkl"], budget, names, persistent=persistent).run()


def slices(view: memoryview, budget: Budget) -> dict[str, memoryview]:
    """Name -> data of every member, as views. ForeignError for anything torch.save does not write."""
    count, size, offset = _end(view)
    if count > MAX_MEMBERS or count * SMALLEST_ENTRY > size:
        raise ForeignError(f"its directory announces {count} members, at most {MAX_MEMBERS} are read")
    if offset + size > len(view):
        raise ForeignError("it is cut short: the directory of the archive lies beyond its end")
    members, position = [], offset
    for _ in range(count):
        budget.charge(2 * OBJECT)
        member, position = _member(view, position, offset + size)
        members.append(member)
    _refuse_others(members)
    result, end = {}, 0
    for member in sorted(members, key=lambda member: member.offset):
        if member.offset < end:
            raise ForeignError(f"its member {shown(member.name)} overlaps another")
        data, end = _data(view, member, offset)
        if member.name in result:
            raise ForeignError(f"its member {shown(member.name)} is there twice")
        result[member.name] = data
    return result


def _refuse_others(members: list[Member]) -> None:
    """ForeignError for archives that torch.save did not write, by their members' names."""
    inner = {member.name.partition("/")[2] for member in members}
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        raise ForeignError(
            "it is a TorchScript program: save the weights alone, with torch.save(model.state_dict(), file)"
        )
    if "data.pkl" not in inner:
        raise ForeignError(
            "it is a zip archive that torch.save did not write (there is no data.pkl in it): if a checkpoint "
            "is in it, unpack it and name that file"
        )
    if packed := next((member for member in members if member.packed), None):
        raise ForeignError(
            f"its member {shown(packed.name)} is compressed, which torch.save does not do: not unpacked"
        )


def _end(view: memoryview) -> tuple[int, int, int]:
    """The end record: how many members, the directory's size and its offset."""
    tail = bytes(view[-(22 + 65_535) :])
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise ForeignError("it is cut short: the archive has no end")
    disk, first, here, count, size, offset = struct.unpack_from("<4H2L", tail, at + 4)
    if disk or first or here != count:
        raise ForeignError("it is one of several parts of an archive")
    if tail[at - 20 : at - 16] == b"PK\6\7" and at >= 20:  # zip64: where its own end record lies
        place = struct.unpack_from("<Q", tail, at - 12)[0]
        if place + 56 > len(view) or bytes(view[place : place + 4]) != b"PK\6\6":
            raise ForeignError("it is damaged: the end of the archive is not where it is announced")
        here, count, size, offset = struct.unpack_from("<4Q", view, place + 24)
        if here != count:
            raise ForeignError("it is one of several parts of an archive")
    return count, size, offset


def _member(view: memoryview, position: int, end: int) -> tuple[Member, int]:
    """The directory's entry at `position`, and where the next one begins."""
    if position + SMALLEST_ENTRY > end or bytes(view[position : position + 4]) != b"PK\1\2":
        raise ForeignError("it is damaged: the directory of the archive is not whole")
    flags, method = struct.unpack_from("<2H", view, position + 8)
    packed, size, name_length, extra_length, comment_length = struct.unpack_from("<2L3H", view, position + 20)
    offset = struct.unpack_from("<L", view, position + 42)[0]
    start = position + SMALLEST_ENTRY
    after = start + name_length + extra_length + comment_length
    if after > end:
        raise ForeignError("it is damaged: the directory of the archive is not whole")
    name = _name(bytes(view[start : start + name_length]))
    extra = view[start + name_length : start + name_length + extra_length]
    size, packed, offset = _wide(extra, [size, packed, offset])
    if flags & 1:
        raise ForeignError(f"its member {shown(name)} is encrypted, which torch.save does not do")
    return Member(name, offset, size, bool(method) or packed != size), after


def _name(data: bytes) -> str:
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ForeignError("it is damaged: the name of a member is not UTF-8") from error
    if not name or "\\" in name or "\0" in name or {"", ".", ".."} & set(name.split("/")):
        raise ForeignError(f"its member {shown(name)} has a name that torch.save does not give")
    return name


def _wide(extra: memoryview, values: list[int]) -> list[int]:
    """Size, packed size and offset, those that are full taken from the zip64 field."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            field = extra[position + 4 : position + 4 + length]
            numbers = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            values = [next(numbers, value) if value == _FULL else value for value in values]
        position += 4 + length
    return values


def _data(view: memoryview, member: Member, directory: int) -> tuple[memoryview, int]:
    """The member's bytes, and where they end; its own header must agree with the directory."""
    start, name = member.offset, member.name.encode("utf-8")
    if start + 30 > directory or bytes(view[start : start + 4]) != b"PK\3\4":
        raise ForeignError(f"it is damaged: its member {shown(member.name)} is not where it is announced")
    flags, method = struct.unpack_from("<2H", view, start + 6)
    name_length, extra_length = struct.unpack_from("<2H", view, start + 26)
    if flags & 1 or method or bytes(view[start + 30 : start + 30 + name_length]) != name:
        raise ForeignError(f"its member {shown(member.name)} has a header that differs from the directory")
    begin = start + 30 + name_length + extra_length
    if begin + member.size > directory:
        raise ForeignError(f"it is cut short: its member {shown(member.name)} reaches beyond the archive")
    return view[begin : begin + member.size], begin + member.size
