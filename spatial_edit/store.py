"""Store: where parsed scenes live, so that a link can name them.
 A folder or any fsspec address (`file://`, `memory://`, `s3://`, `hf://` ...); without one, this process's
memory. An entry is immutable, named by 128 random bits, written under another name first and then moved,
expires after `SPATIAL_EDIT_STORE_DAYS`, counts against a quota, and is deleted with a key that is shown
once (its hash is stored).

File: magic 8 bytes | created, unix seconds 8 | sha256 of the key 32 | sha256 of the data 32 | data.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, TypeVar

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{22}")
MAX_ENTRY_BYTES = 4_000_000

T = TypeVar("T")
_MAGIC = b"SpEdit\x00\x01"
_HEADER = struct.Struct(">8sQ32s32s")
_SWEEP_SECONDS = 3600
_TEMPORARY = re.compile(r"\.new-(\d+)-[A-Za-z0-9_-]+")


class StoreError(ValueError):
    """The store cannot do it; the message is one sentence for the user."""


class NotFound(StoreError):
    """There is no such entry: never was, expired or deleted."""


@dataclass(frozen=True)
class Receipt:
    """What `put_with_key` gives: the entry's id, and the key that deletes it, known to nobody else."""

    id: str
    key: str


@dataclass(frozen=True)
class Quota:
    """How long and how much is kept."""

    days: float = 30.0
    bytes: int = 1_000_000_000
    entries: int = 5000


class Store:
    """Immutable entries by id. `address`: a folder, an fsspec address, or None for memory until restart.

    Safe to use from several threads and, with a shared folder, from several processes.
    """

    def __init__(
        self,
        address: str | Path | None = None,
        quota: Quota | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        import fsspec

        self.quota = quota or Quota()
        self._clock = clock
        self._lock = threading.RLock()
        self._swept = -float("inf")
        where = f"memory://spatial-edit-{secrets.token_hex(8)}" if address is None else str(address)
        try:
            self._files, self._root = fsspec.core.url_to_fs(where)
        except (ValueError, ImportError, OSError) as error:
            raise StoreError(
                f"the store {where!r} cannot be opened ({_line(error)}): set SPATIAL_EDIT_STORE to a folder"
            ) from error
        self.persistent = "memory" not in _protocols(self._files)

    @classmethod
    def from_environment(cls) -> Store:
        """The store that SPATIAL_EDIT_STORE names, SPATIAL_EDIT_STORE_DAYS, _BYTES and _ENTRIES its quota."""
        usual = Quota()
        quota = Quota(
            days=_positive("SPATIAL_EDIT_STORE_DAYS", usual.days),
            bytes=int(_positive("SPATIAL_EDIT_STORE_BYTES", usual.bytes)),
            entries=int(_positive("SPATIAL_EDIT_STORE_ENTRIES", usual.entries)),
        )
        return cls(os.environ.get("SPATIAL_EDIT_STORE") or None, quota)

    def __deepcopy__(self, memo: object) -> Store:
        """A store is shared: a copied session keeps the same one."""
        return self

    def put(self, data: bytes) -> str:
        """Store the bytes under a new id; StoreError when they are too many or the store is full."""
        return self.put_with_key(data).id

    def put_with_key(self, data: bytes) -> Receipt:
        """As `put`, with the key that deletes the entry: show it once."""
        if len(data) > MAX_ENTRY_BYTES:
            raise StoreError(f"the scene has {len(data)} bytes, at most {MAX_ENTRY_BYTES} are stored")
        receipt = Receipt(self._new_id(), secrets.token_urlsafe(16))
        hashes = hashlib.sha256(receipt.key.encode()).digest(), hashlib.sha256(data).digest()
        with self._lock:
            self._make_room(_HEADER.size + len(data))
            self._write(receipt.id, _HEADER.pack(_MAGIC, int(self._clock()), *hashes) + data)
        return receipt

    def get(self, entry: str) -> bytes:
        """The bytes of an entry; NotFound when there is none (any more), StoreError when it is damaged."""
        header, data = self._read(entry)
        if hashlib.sha256(data).digest() != header[3]:
            raise StoreError("the stored scene is damaged: parse the photo again")
        return data

    def delete(self, entry: str, key: str) -> None:
        """Delete an entry for good; StoreError for a wrong key, NotFound when there is no such entry."""
        header, _ = self._read(entry)
        if not hmac.compare_digest(hashlib.sha256(str(key).encode("utf-8", "replace")).digest(), header[2]):
            raise StoreError("the key does not belong to this scene: nothing was deleted")
        try:
            with self._lock, _as_store_error("deleted"):
                self._files.rm_file(self._path(entry))
        except FileNotFoundError:
            raise NotFound("this scene is not in the store any more: somebody else has deleted it") from None

    def sweep(self) -> None:
        """Remove expired entries and what interrupted writes left behind."""
        with self._lock, _as_store_error("swept"):
            self._swept = self._clock()
            for path in list(self._listing()):
                if self._is_stale(path):
                    with suppress(FileNotFoundError):
                        self._files.rm_file(path)

    def _new_id(self) -> str:
        """128 random bits that name no entry yet: an entry is never overwritten."""
        while True:
            entry = secrets.token_urlsafe(16)
            with _as_store_error("saved"):
                if not self._files.exists(self._path(entry)):
                    return entry

    def _path(self, entry: str) -> str:
        """The entry's path; only a well-formed id ever becomes one."""
        if not isinstance(entry, str) or not ID_PATTERN.fullmatch(entry):
            raise NotFound("this is not the id of a stored scene: copy the link again, whole")
        return f"{self._root}/{entry}.scene"

    def _read(self, entry: str) -> tuple[tuple[bytes, int, bytes, bytes], bytes]:
        path = self._path(entry)
        try:
            with _as_store_error("read"), self._files.open(path, "rb") as file:
                raw = file.read(_HEADER.size + MAX_ENTRY_BYTES + 1)
        except FileNotFoundError:
            raise NotFound(
                "this scene is not in the store: it has expired, or was deleted, or never was"
            ) from None
        if len(raw) < _HEADER.size or raw[:8] != _MAGIC:
            raise StoreError("the stored scene is damaged: parse the photo again")
        header = _HEADER.unpack_from(raw)
        if self._expired(header[1]):
            with self._lock, suppress(OSError):
                self._files.rm_file(path)
            raise NotFound(f"this scene has expired: scenes are kept for {self.quota.days:g} days")
        return header, raw[_HEADER.size :]

    def _write(self, entry: str, content: bytes) -> None:
        """Under a temporary name, then moved: a reader sees the whole entry or none."""
        temporary = f"{self._root}/.new-{int(self._clock())}-{secrets.token_hex(8)}"
        try:
            with _as_store_error("saved, is the disk full?"):
                self._files.makedirs(self._root, exist_ok=True)
                with self._files.open(temporary, "wb") as file:
                    file.write(content)
                    _to_disk(file)
                self._files.mv(temporary, self._path(entry))
        except StoreError:
            with suppress(OSError):
                self._files.rm_file(temporary)
            raise

    def _make_room(self, size: int) -> None:
        """StoreError when the quota has no room for `size` more bytes, after a sweep."""
        if self._clock() - self._swept > _SWEEP_SECONDS:
            self.sweep()
        if not self._fits(size):
            self.sweep()
            if not self._fits(size):
                raise StoreError("the store is full: delete a scene with its key, or try again another day")

    def _fits(self, size: int) -> bool:
        with _as_store_error("listed"):
            sizes = list(self._listing().values())
        return len(sizes) < self.quota.entries and sum(sizes) + size <= self.quota.bytes

    def _listing(self) -> dict[str, int]:
        """Path → size of every file of ours."""
        try:
            files = self._files.ls(self._root, detail=True, refresh=True)
        except FileNotFoundError:
            return {}
        except TypeError:  # a file system whose listing takes no `refresh`
            files = self._files.ls(self._root, detail=True)
        names = {file["name"]: int(file.get("size") or 0) for file in files if file.get("type") == "file"}
        return {path: size for path, size in names.items() if _is_ours(path)}

    def _is_stale(self, path: str) -> bool:
        temporary = _TEMPORARY.fullmatch(path.rsplit("/", 1)[-1])
        if temporary:
            return self._clock() - int(temporary[1]) > _SWEEP_SECONDS
        try:
            with self._files.open(path, "rb") as file:
                head = file.read(_HEADER.size)
        except FileNotFoundError:
            return False
        return len(head) == _HEADER.size and head[:8] == _MAGIC and self._expired(_HEADER.unpack(head)[1])

    def _expired(self, created: int) -> bool:
        return self._clock() - created > self.quota.days * 86400


class Cache(Generic[T]):
    """The last few values by key, shared by threads; `seconds` bounds their age."""

    def __init__(self, size: int, seconds: float = float("inf")) -> None:
        self._size, self._seconds = size, seconds
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made when it is not there; two threads may make it at the same time."""
        now = time.monotonic()
        with self._lock:
            found = self._values.get(key)
            if found is not None and now - found[0] <= self._seconds:
                self._values.move_to_end(key)
                return found[1]
        value = make()
        with self._lock:
            self._values[key] = (now, value)
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value

    def drop(self, key: Hashable) -> None:
        """Forget a key."""
        with self._lock:
            self._values.pop(key, None)


def _to_disk(file: IO[bytes]) -> None:
    """A local file's bytes reach the disk before its new name does: a power cut leaves no empty entry."""
    file.flush()
    with suppress(AttributeError, OSError):  # no file of the operating system's
        os.fsync(file.fileno())


def _is_ours(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return bool(_TEMPORARY.fullmatch(name)) or (
        name.endswith(".scene") and bool(ID_PATTERN.fullmatch(name[:-6]))
    )


@contextmanager
def _as_store_error(what: str) -> Iterator[None]:
    """The file system's errors as one sentence; a missing file stays FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"the scene could not be {what} ({_line(error)}): nothing was changed") from error


def _line(error: BaseException) -> str:
    """The error in a few words, without paths."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return reason[:100]


def _protocols(files: object) -> tuple[str, ...]:
    protocol = getattr(files, "protocol", ())
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _positive(name: str, usual: float) -> float:
    raw = os.environ.get(name, "")
    try:
        value = float(raw) if raw else usual
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise StoreError(f"{name} is {raw[:20]!r}: it must be a positive number")
    return value
