"""Store: atomic, immutable, no path from outside, expiry, quota, deletion keys."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spatial_edit.store import MAX_ENTRY_BYTES, NotFound, Quota, Store, StoreError

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture(params=["folder", "file", "memory", "none"])
def store(request, tmp_path):
    address = {
        "folder": tmp_path / "store",
        "file": f"file://{tmp_path}/store",
        "memory": f"memory://{tmp_path.name}",
        "none": None,
    }[request.param]
    return Store(address)


def test_round_trip(store):
    entry = store.put(b"abc")
    assert re.fullmatch("[A-Za-z0-9_-]{22}", entry) and store.get(entry) == b"abc"
    assert store.put(b"abc") != entry


def test_persistence_is_told(tmp_path):
    assert Store(tmp_path).persistent
    assert not Store().persistent and not Store("memory://x").persistent
    entry = Store(tmp_path).put(b"kept")
    assert Store(tmp_path).get(entry) == b"kept"
    with pytest.raises(NotFound):
        Store().get(Store().put(b"lost"))


@pytest.mark.parametrize(
    "entry",
    [
        *("", ".", "..", "../x", "/etc/passwd", "..%2f..%2f..%2f..%2fetcx"),
        *("a" * 21, "a" * 23, "a" * 21 + "/", "a" * 21 + "\n", "a" * 22 + "\n", "é" * 22, "\0" * 22),
        *(None, 5, b"a" * 22),
    ],
)
def test_ids_never_become_paths_unchecked(store, entry):
    touched = []
    store._files = type("Watched", (), {"__getattr__": lambda self, name: touched.append(name)})()
    for call in (lambda: store.get(entry), lambda: store.delete(entry, "key")):
        with pytest.raises(NotFound):
            call()
    assert touched == []


def test_deletion_needs_the_key(store):
    receipt = store.put_with_key(b"abc")
    for key in ("", "wrong", receipt.id, receipt.key[:-1], "\ud800"):
        with pytest.raises(StoreError, match="key"):
            store.delete(receipt.id, key)
    assert store.get(receipt.id) == b"abc"
    store.delete(receipt.id, receipt.key)
    for call in (lambda: store.get(receipt.id), lambda: store.delete(receipt.id, receipt.key)):
        with pytest.raises(NotFound):
            call()


def test_the_key_is_not_stored(tmp_path):
    receipt = Store(tmp_path).put_with_key(b"abc")
    assert receipt.key.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_entries_expire(tmp_path):
    clock = Clock()
    store = Store(tmp_path, Quota(days=2), clock)
    entry = store.put(b"abc")
    clock.now += 2 * 86400 - 1
    assert store.get(entry) == b"abc"
    clock.now += 2
    with pytest.raises(NotFound, match="expired"):
        store.get(entry)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_removes_the_expired_and_the_interrupted_alone(tmp_path):
    clock = Clock()
    store = Store(tmp_path, Quota(days=2), clock)
    store.put(b"old")
    (tmp_path / f".new-{int(clock.now)}-abc").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("somebody else's")
    clock.now += 3 * 86400
    young = store.put(b"young")
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", f"{young}.scene"}


def test_the_quota_holds_and_an_expired_entry_makes_room():
    clock = Clock()
    store = Store(None, Quota(days=1, bytes=1000, entries=3), clock)
    with pytest.raises(StoreError, match="full"):
        store.put(b"x" * 1000)
    for _ in range(3):
        store.put(b"x")
    with pytest.raises(StoreError, match="full"):
        store.put(b"x")
    clock.now += 86400 + 1800
    store._swept = clock.now  # the hourly sweep is not what makes the room
    store.put(b"x")


def test_too_large_an_entry_is_refused(store):
    with pytest.raises(StoreError, match="at most"):
        store.put(bytes(MAX_ENTRY_BYTES + 1))


class FullFile:
    """A file on a full disk: takes a few bytes, then fails."""

    def __init__(self, file, fail_on):
        self.file, self.fail_on = file, fail_on

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    store = Store(tmp_path)
    kept = store.put(b"before")
    opened = store._files.open
    monkeypatch.setattr(
        store._files,
        "open",
        lambda path, mode="rb", **options: (
            FullFile(opened(path, mode), "write") if "w" in mode else opened(path, mode, **options)
        ),
    )
    with pytest.raises(StoreError, match=r"disk full.*No space left"):
        store.put(b"after" * 100)
    assert [path.name for path in tmp_path.iterdir()] == [f"{kept}.scene"] and store.get(kept) == b"before"


def test_an_interrupted_move_leaves_no_entry(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def fail(source, target):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(store._files, "mv", fail)
    with pytest.raises(StoreError):
        store.put(b"abc")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from spatial_edit.store import Store
store = Store(sys.argv[1])
store._files.mv = lambda source, target: os._exit(9)
store.put(b"never named")
"""


def test_a_process_killed_before_the_move_leaves_no_entry(tmp_path):
    clock = Clock()
    clock.now = time.time()
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT).returncode == 9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".new-")
    store = Store(tmp_path, clock=clock)
    kept = store.put(b"after")
    clock.now += 2 * 3600
    store.sweep()
    assert [path.name for path in tmp_path.iterdir()] == [f"{kept}.scene"]


WRITES = """
import sys
from spatial_edit.store import Quota, Store
store = Store(sys.argv[1], Quota(entries=60))
for number in range(25):
    print(store.put(f"{sys.argv[2]} {number}".encode()))
"""


def test_two_processes_share_a_folder(tmp_path):
    command = [sys.executable, "-c", WRITES, str(tmp_path)]
    both = [
        subprocess.Popen([*command, name], cwd=ROOT, stdout=subprocess.PIPE, text=True) for name in ("a", "b")
    ]
    entries = [process.communicate(timeout=60)[0].split() for process in both]
    store = Store(tmp_path, Quota(entries=50))
    for name, made in zip(("a", "b"), entries, strict=True):
        assert [store.get(entry).decode() for entry in made] == [f"{name} {number}" for number in range(25)]
    with pytest.raises(StoreError, match="full"):
        store.put(b"one more")  # the quota counts what the other process wrote


def test_an_entry_is_never_overwritten(store, monkeypatch):
    first, second = "A" * 22, "B" * 22
    drawn = iter([first, "key", first, second, "key"])
    monkeypatch.setattr("spatial_edit.store.secrets.token_urlsafe", lambda size: next(drawn))
    assert store.put(b"one") == first
    assert store.put(b"two") == second
    assert store.get(first) == b"one" and store.get(second) == b"two"


def test_an_entry_that_somebody_else_deletes_meanwhile(tmp_path, monkeypatch):
    store = Store(tmp_path)
    receipt = store.put_with_key(b"abc")
    remove = store._files.rm_file
    monkeypatch.setattr(store._files, "rm_file", lambda path: (remove(path), remove(path)))
    with pytest.raises(NotFound):
        store.delete(receipt.id, receipt.key)


def test_a_symbolic_link_shows_and_harms_nothing(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"somebody's password and much more of it" * 9)
    folder = tmp_path / "store"
    store = Store(folder)
    store.put(b"abc")
    (folder / f"{'C' * 22}.scene").symlink_to(secret)
    with pytest.raises(StoreError, match="damaged"):
        store.get("C" * 22)
    store.sweep()
    assert secret.read_bytes().startswith(b"somebody's")


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b"x",
        lambda raw: b"",
        lambda raw: raw[:40],
        lambda raw: raw[:-2] + b"zz",
        lambda raw: b"x" * len(raw),
    ],
)
def test_a_damaged_entry_says_so(tmp_path, damage):
    store = Store(tmp_path)
    entry = store.put(b"abcdefgh")
    path = tmp_path / f"{entry}.scene"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match="damaged"):
        store.get(entry)


def test_eight_threads(store):
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda i: store.put(bytes([i]) * 100), range(40)))
        assert list(pool.map(store.get, entries)) == [bytes([i]) * 100 for i in range(40)]
    assert len(set(entries)) == 40


def test_from_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SPATIAL_EDIT_STORE", str(tmp_path))
    monkeypatch.setenv("SPATIAL_EDIT_STORE_DAYS", "3")
    store = Store.from_environment()
    assert store.persistent and store.quota.days == 3
    monkeypatch.delenv("SPATIAL_EDIT_STORE")
    monkeypatch.delenv("SPATIAL_EDIT_STORE_DAYS")
    assert not Store.from_environment().persistent and Store.from_environment().quota.days == 30


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_wrong_settings_are_refused(monkeypatch, value):
    monkeypatch.setenv("SPATIAL_EDIT_STORE_DAYS", value)
    with pytest.raises(StoreError, match="SPATIAL_EDIT_STORE_DAYS"):
        Store.from_environment()


def test_an_unknown_address_is_refused():
    with pytest.raises(StoreError, match="SPATIAL_EDIT_STORE"):
        Store("nosuchscheme://x")
