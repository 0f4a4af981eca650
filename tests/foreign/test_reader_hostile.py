"""Files made to harm: each is refused with a sentence that names the reason, and nothing of it happens."""

from __future__ import annotations

import builtins
import io
import struct
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.fuzzing.specimens import (
    Call,
    Name,
    OrderedDict,
    archive_of,
    inside,
    plain,
    stream_of,
    zipped,
)
from spatial_edit.foreign.reading import machine, names
from spatial_edit.foreign.reading.budget import FLOOR, Budget, shown
from spatial_edit.foreign.reading.reader import read

Made = Callable[..., Path]
Recorded = Callable[[str], Path]
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.fixture(autouse=True)
def nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """No file appears, no module is imported, nothing is slow, no memory beyond what is allowed."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before, start = set(sys.modules), time.process_time()
    yield
    assert time.process_time() - start < 10
    assert not list((tmp_path / "here").iterdir())
    new = {name.split(".")[0] for name in set(sys.modules) - before}
    assert not {"os", "antigravity", "this", "dnnlib", "training"} & new
    assert not hasattr(builtins, "NV_PICKLE_CANARY")


def refusal(path: Path) -> str:
    """The sentence; reading takes no more memory than the file may."""
    limit = Budget(path.stat().st_size).limit
    tracemalloc.start()
    with pytest.raises(ForeignError) as caught:
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= limit, f"{peak / 1e6:.0f} MB"
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400 and text.startswith(path.name)
    return text


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("evil_reduce.pkl", "builtins.exec"),
        ("evil_bounds.pkl", "reaches to entry 999999 of a storage of 4"),
        ("evil_build.pkl", r"sets attributes of torch._utils._rebuild_parameter (BUILD)"),
        ("evil_truncated.pkl", "cut short"),
    ],
)
def test_recorded_files(file: str, words: str, recorded: Recorded) -> None:
    with pytest.raises(ForeignError) as caught:
        read(recorded(f"stylegan2/{file}"))
    assert words in str(caught.value)


# What a file asks for.


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"cos\nsystem\n(S'touch executed'\ntR.", "asks for os.system"),
        (b"cposix\nsystem\n(S'touch executed'\ntR.", "asks for posix.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "asks for builtins.eval"),
        (b"cbuiltins\ngetattr\n(tR.", "asks for builtins.getattr"),
        (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.", "OrderedDict.__init__"),
        (b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93.", "asks for torch.os.system"),
        (b"ctorch\nload\n.", "asks for torch.load"),
        (b"ctorch.hub\nload\n.", "asks for torch.hub.load"),
        (b"cnumpy\nload\n.", "asks for numpy.load"),
        (b"ccopyreg\n_reconstructor\n.", "asks for copyreg._reconstructor"),
        (b"ccopy_reg\n_reconstructor\n.", "asks for copy_reg._reconstructor"),
        (
            b"cspatial_edit.foreign.reading.reader\nread\n.",
            "asks for spatial_edit.foreign.reading.reader.read",
        ),
        (b"c\n\n.", "asks for ."),
        (b"\x80\x04K\x01K\x02\x93.", "something that is no name"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02\x83\x01\x00.", "EXT2"),
        (b"\x80\x02\x84\x01\x00\x00\x00.", "EXT4"),
        (b"(cos\nsystem\nS'touch executed'\no.", "asks for os.system"),
        (b"(ccollections\nOrderedDict\no.", "OBJ"),
        (b"(S'touch executed'\nios\nsystem\n.", "INST"),
        (b"Pfile\n.", "PERSID"),
        (b"K\x01Q.", "outside the file"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\x80\x05N\x98.", "READONLY_BUFFER"),
    ],
)
def test_names_and_opcodes_that_are_refused(data: bytes, words: str, made: Made) -> None:
    assert words in refusal(made(data))


def test_names_of_the_file_are_shown_safely(made: Made) -> None:
    text = refusal(made(b"\x80\x04\x8c\x08a\x1b[31m\nb\x8c\xff" + b"x" * 255 + b"\x93."))
    assert text.isprintable() and len(text) < 300
    assert shown("é\u202e\x00") == "\\xe9\\u202e?"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ctorch._utils\n_rebuild_parameter\n}S'__defaults__'\nK\x01sb.", "sets attributes of torch._utils"),
        (b"ccollections\nOrderedDict\n}S'update'\nNsb.", "sets attributes of collections.OrderedDict"),
        (b"}}S'a'\nK\x01sb.", "sets attributes of a dict"),
        (b"]}S'a'\nK\x01sb.", "sets attributes of a list"),
        (b"K\x01}b.", "sets attributes of a int"),
        (b"cargparse\nNamespace\n)R}b}b.", "twice"),
        (b"K\x01)R.", "calls a int"),
        (b"cargparse\nNamespace\n)R)R.", "calls a record Namespace"),
        (b"ctyping\nAny\n)R.", "typing.Any, which is read as a name alone"),
        (b"ctraining.loss\ngrad_hook\n)R.", "read as a name alone"),
        (b"ctorch\nFloatStorage\n(K\x05tR.", "read as a name alone"),
        (b"cargparse\nNamespace\nK\x01R.", "with a int"),
        (b"\x80\x04cargparse\nNamespace\n)}S'a'\nK\x01s\x92.", "named arguments"),
        (b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.", "something else than bytes"),
        (b"c_codecs\nencode\n(V\\u0101\nS'latin1'\ntR.", "bytes in it are none"),
        (b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n(K\x01tR.", "not described as a class"),
        (b"cnumpy\ndtype\n(S'O'\ntR.", "only plain numbers"),
        (b"cnumpy\ndtype\n(S'O8'\ntR.", "only plain numbers"),
        (b"cnumpy\ndtype\n(S'V8'\ntR.", "only plain numbers"),
        (b"cnumpy\ndtype\n(S'>f4'\ntR.", "only plain numbers"),
        (b"cnumpy\ndtype\n((S'f4'\nS'f4'\nttR.", "only plain numbers"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\ntR.", "another class than numpy.ndarray"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\ntR.", "without its numbers"),
        (b"cnumpy.core.multiarray\nscalar\n(S'f4'\nS'xxxx'\ntR.", "without their type"),
        (b"ctorch.storage\n_load_from_bytes\n(S'x'\ntR.", "without bytes"),
        (b"\x80\x03ctorch.storage\n_load_from_bytes\n(C\x01xtR.", "inner stream"),
    ],
)
def test_calls_and_builds_that_are_refused(data: bytes, words: str, made: Made) -> None:
    assert words in refusal(made(data))


def test_nothing_of_a_load_outlives_it(made: Made) -> None:
    """Records that the file fills are its own: a second load is not touched by the first."""
    data = b"cargparse\nNamespace\n)R}S'a'\nK\x01sb."
    first, second = read(made(data)).root, read(made(b"cargparse\nNamespace\n)R.", "b.pkl")).root
    assert first.state == {"a": 1} and second.state is None
    assert not hasattr(Record, "a") and "a" not in vars(type(second))
    token = read(made(b"ctyping\nAny\n.")).root
    assert isinstance(token, Record) and token is not read(made(b"ctyping\nAny\n.")).root


def test_the_table_holds_strings_and_stand_ins_of_our_own() -> None:
    for (module, name), stand_in in names.NAMES.items():
        assert type(module) is str and type(name) is str and "." not in name
        assert stand_in is None or stand_in.__module__.startswith("spatial_edit.foreign.")
    assert set(names.INNER) <= set(names.NAMES)
    assert len(names.NAMES) < 120


def test_values_never_hold_what_the_machine_works_with(made: Made) -> None:
    storage = Call(Name("torch.storage", "_load_from_bytes"), (stream_of(None, [torch.ones(3)]),))
    assert "bare storage" in refusal(made(plain({"a": storage})))
    large = read(made(b"\x80\x03(B" + struct.pack("<I", 1000) + b"x" * 1000 + b"K\x01t.")).root
    assert large == (b"x" * 1000, 1) and type(large[0]) is bytes


# Tensors.


def tensor_call(*arguments: object, dtype: torch.dtype = torch.float32) -> bytes:
    storage = inside(torch.arange(12).to(dtype))
    return plain(Call(Name("torch._utils", "_rebuild_tensor_v2"), (storage, *arguments)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, (13,), (1,)), "reaches to entry 12 of a storage of 12"),
        ((12, (1,), (1,)), "reaches to entry 12"),
        ((13, (0,), (1,)), "reaches to entry 12"),
        ((0, (2, 2), (11, 1)), "reaches to entry 12"),
        ((11, (2,), (-1,)), "no whole numbers from 0"),
        ((-1, (2,), (1,)), "no whole numbers from 0"),
        ((0, (-2,), (1,)), "no whole numbers from 0"),
        ((0, (2.0,), (1,)), "no whole numbers from 0"),
        ((0, (True,), (1,)), "no whole numbers from 0"),
        ((0, [2], (1,)), "no whole numbers from 0"),
        ((0, (2**62,), (0,)), "no whole numbers from 0"),
        ((0, (2, 2), (1,)), "2 dimensions with 1 strides"),
        ((0, (1,) * 17, (1,) * 17), "17 dimensions"),
        ((0, (2**20, 2**20), (0, 0)), "unpacks to more"),
        ((0, (2**40,), (0,)), "unpacks to more"),
        ((0, (0, 2**47), (0, 0)), "unpacks to more"),
        ((0, (1,) * 3), "arguments"),
    ],
)
def test_views_that_are_refused(arguments: tuple, words: str, made: Made) -> None:
    assert words in refusal(made(tensor_call(*arguments)))


def test_views_that_are_allowed(made: Made) -> None:
    assert read(made(tensor_call(1, (2, 3), (5, 2)))).root.tolist() == [[1, 3, 5], [6, 8, 10]]
    assert read(made(tensor_call(0, (3, 2), (0, 1)))).root.tolist() == [[0, 1]] * 3
    assert read(made(tensor_call(12, (0, 5), (5, 1)))).root.shape == (0, 5)
    assert read(made(tensor_call(11, (), ()))).root.item() == 11
    assert read(made(tensor_call(0, (3,), (1,), dtype=torch.bool))).root.tolist() == [False, True, True]


def test_tensors_of_something_else(made: Made) -> None:
    assert "no storage" in refusal(made(REBUILD + b"(K\x01K\x00))tR."))


def inner(data: bytes) -> bytes:
    return plain(Call(Name("torch.storage", "_load_from_bytes"), (data,)))


def test_the_inner_stream_is_read_as_strictly(made: Made) -> None:
    good = stream_of(None, [torch.ones(3)])
    evil = good.replace(b"ctorch\nFloatStorage\n", b"cos\nsystem\n")
    assert "asks for os.system" in refusal(made(inner(evil)))
    nested = good.replace(b"ctorch\nFloatStorage\n", b"ctorch.storage\n_load_from_bytes\n")
    assert "asks for torch.storage._load_from_bytes" in refusal(made(inner(nested)))
    other = good.replace(b"ctorch\nFloatStorage\n", b"ccollections\nOrderedDict\n")
    assert "no class of storages" in refusal(made(inner(other)))
    assert "announced" in refusal(made(inner(good.replace(b"FloatStorage", b"DoubleStorage"))))
    assert "cut short" in refusal(made(inner(good[:-1])))
    assert "big-endian" in refusal(made(inner(good.replace(b"\x88X", b"\x89X", 1))))
    count = struct.pack("<q", 3)
    assert "entries where 3 are announced" in refusal(made(inner(good.replace(count, struct.pack("<q", -3)))))
    assert "entries where 3" in refusal(made(inner(good.replace(count, struct.pack("<q", 2**62)))))


def test_storages_of_an_older_stream_agree(made: Made) -> None:
    good = stream_of({"a": torch.ones(3), "b": torch.zeros(2)})
    assert "list of storages" in refusal(made(good.replace(b"X\x01\x00\x00\x001", b"X\x01\x00\x00\x007", 1)))
    assert "cut short" in refusal(made(good[:-4]))
    assert "stream of protocol" in refusal(made(good.replace(b"\x8a\x02\xe9\x03.", b"\x8a\x02\xe8\x03.")))


# Sizes and depths.


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80\x04N\x94r\xff\xff\xff\xff.", "numbers a value 4294967295"),
        (b"Np99999999999999999\n.", "numbers a value"),
        (b"Np-1\n.", "numbers a value"),
        (b"\x80\x04\x8e" + b"\xff" * 8 + b"x.", "cut short"),
        (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7fx.", "cut short"),
        (b"\x80\x05\x96" + b"\xff" * 8 + b"x.", "cut short"),
        (b"\x80\x03B\xff\xff\xff\xffx.", "cut short"),
        (b"\x80\x04\x95" + b"\xff" * 8 + b"N.", "cut short"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f.", "whole number of 2147483647 bytes"),
        (
            b"\x80\x02\x8b" + struct.pack("<I", 100_000) + b"1" * 100_000 + b".",
            "whole number of 100000 bytes",
        ),
        (b"I" + b"9" * 60_000 + b"\n.", "whole number of 60000 digits"),
        (b"I" + b"9" * 1_000_000 + b"\n.", "a line in it does not end"),
        (b"L" + b"9" * 5_000 + b"L\n.", "digits"),
        (b"F1e999999x\n.", "a number in it is none"),
        (b"c" + b"a" * 70_000 + b"\nb\n.", "a line in it does not end"),
        (b"]" * 200 + b"a" * 199 + b".", "more than 100 deep"),
        (b"(" * 2_000 + b"t" * 2_000 + b".", "more than 1000 deep"),
        (b")" + b"\x85" * 5_000 + b".", "more than 100 deep"),
        # 80 deep, and the same again below 60 others
        (
            b"]" * 80 + b"a" * 79 + b"q\x000](h\x00" + b"]" * 60 + b"h\x00" + b"a" * 60 + b"e.",
            "more than 100 deep",
        ),
        (b"}" * 200_000 + b".", "unpacks to more than 32 MB"),
        (b"]" * 200_000 + b".", "unpacks to more than 32 MB"),
        (b"N" + b"2" * 600_000 + b".", "unpacks to more than 32 MB"),
        (b"(" + b"N" * 600_000 + b"t.", "unpacks to more than 32 MB"),
        (b"\x80\x04N" + b"\x94" * 300_000 + b".", "unpacks to more than 32 MB"),
        (b"(" * 100_000 + b".", "more than 1000 deep"),
    ],
)
def test_sizes_and_depths_that_are_refused(data: bytes, words: str, made: Made) -> None:
    assert words in refusal(made(data))


def laughs(levels: int, width: int, opening: bytes, closing: bytes) -> bytes:
    """A group of `width` times the one before it, `levels` times."""
    body = b"".join(
        b"p%d\n0(" % level + b"g%d\n" % level * width + closing.replace(b"(", b"") for level in range(levels)
    )
    return opening + body + b"."


def test_small_files_that_unfold_to_billions(made: Made) -> None:
    assert "again and again" in refusal(made(laughs(30, 10, b"(lI1\na", b"l")))
    assert "again and again" in refusal(made(laughs(60, 2, b")", b"t")))
    assert len(read(made(laughs(2, 10, b"(lI1\na", b"l"))).root) == 10


def test_tuples_are_no_keys(made: Made) -> None:
    """The hash of a tuple costs as much as the tuple unfolds to: 2^60 steps here."""
    assert "uses a tuple as a key" in refusal(made(laughs(60, 2, b")", b"t")[:-1] + b"p61\n0}g61\nNs."))
    assert "uses a tuple as a key" in refusal(made(b"\x80\x04\x8f()\x85\x90."))
    assert "uses a list as a key" in refusal(made(b"}]Ns."))
    assert "uses a record Namespace as a key" in refusal(made(b"}cargparse\nNamespace\n)RNs."))
    assert "62 bits" in refusal(made(b"\x80\x02}\x8a\x08" + b"\xff" * 7 + b"\x7fNs."))


@pytest.mark.parametrize(
    "data",
    [
        b"]q\x00h\x00a.",
        b"}q\x00S'self'\nh\x00s.",
        b"cargparse\nNamespace\n)Rq\x00}S'a'\nh\x00sb.",
        b"](h\x00tq\x010.".replace(b"](h\x00", b"]q\x00(h\x00").replace(b"q\x010.", b"q\x01a."),
    ],
    ids=["list", "dict", "record", "tuple"],
)
def test_values_that_contain_themselves(data: bytes, made: Made) -> None:
    assert "contains itself" in refusal(made(data))


def configuration(parent: bytes, number: int) -> bytes:
    return b"comegaconf.dictconfig\nDictConfig\n)Rq%c}S'_parent'\n" % number + parent


def test_parents_of_configurations_come_to_an_end(made: Made) -> None:
    assert "without end" in refusal(made(configuration(b"h\x00sb.", 0)))
    assert "something that is none" in refusal(made(configuration(b"]sb.", 0)))
    assert "contains itself" in refusal(made(configuration(b"N", 0) + b"sS'a'\nh\x00sb."))
    chain = b"Nq\x000" + b"".join(configuration(b"h\x00", 1) + b"sbq\x000" for _ in range(150)) + b"h\x00."
    assert "without end" in refusal(made(chain))
    hidden = configuration(b"]q\x01h\x01a", 0) + b"sb."
    assert "contains itself" in refusal(made(hidden))


def test_the_budget_is_for_the_file_as_a_whole(made: Made) -> None:
    """A thousand views of one storage are a thousand tensors."""
    storage = inside(torch.zeros(100_000))
    many = [
        Call(Name("torch._utils", "_rebuild_tensor_v2"), (storage, 0, (100_000,), (1,))) for _ in range(99)
    ]
    assert "unpacks to more than 32 MB" in refusal(made(plain(many)))
    budget = Budget(FLOOR)
    assert budget.limit == 4 * FLOOR and Budget(1).limit == FLOOR
    with pytest.raises(ForeignError):
        budget.charge(4 * FLOOR + 1)


def test_time_is_limited(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial_edit.foreign.reading.budget.SECONDS", -1.0)
    assert "seconds" in refusal(made(b"(" + b"N" * 500 + b"t."))


# Archives.


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return file.getvalue()


def test_zip_bombs_are_refused_unopened(made: Made) -> None:
    bomb = archive({"a/data.pkl": b"\x80\x02N.", "a/data/0": b"\0" * 5_000_000}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 6_000
    assert "is compressed" in refusal(made(bomb))


def test_archives_that_torch_does_not_write(made: Made) -> None:
    good = archive_of({"a": torch.ones(3)})
    assert read(made(good)).root["a"].sum() == 3
    assert "no data.pkl" in refusal(made(archive({"a/b.txt": b"x"})))
    assert "no data.pkl" in refusal(made(archive({})))
    assert "TorchScript" in refusal(made(archive({"a/data.pkl": b"N.", "a/code/x.py": b"import os"})))
    assert "TorchScript" in refusal(made(archive({"a/data.pkl": b"N.", "a/constants.pkl": b"N."})))
    packed = archive({"a/code/x.py": b"import os\n" * 99, "a/constants.pkl": b"N."}, zipfile.ZIP_DEFLATED)
    assert "TorchScript" in refusal(made(packed))  # as torch.jit.save writes it
    assert "unpack it" in refusal(made(archive({"model.pt": good}, zipfile.ZIP_DEFLATED)))
    assert "several folders" in refusal(made(archive({"a/data.pkl": b"N.", "b/data/0": b""})))
    assert "name that torch.save does not give" in refusal(made(archive({"a/data.pkl": b"", "a/../b": b""})))
    assert "name that torch.save does not give" in refusal(made(archive({"/data.pkl": b"N."})))
    assert "big-endian" in refusal(made(archive({"a/data.pkl": b"N.", "a/byteorder": b"big"})))
    assert "asks for os.system" in refusal(
        made(zipped({"data.pkl": b"cos\nsystem\n(S'touch executed'\ntR."}))
    )


def test_members_that_overlap_or_differ(made: Made) -> None:
    good = archive_of({"a": torch.ones(3), "b": torch.zeros(3)})
    entries = [i for i in range(len(good)) if good[i : i + 4] == b"PK\1\2"]
    first, last = (struct.unpack_from("<L", good, entry + 42)[0] for entry in (entries[0], entries[-1]))
    moved = bytearray(good)
    struct.pack_into("<L", moved, entries[-1] + 42, first)
    assert "overlaps" in refusal(made(bytes(moved))) or "differs" in refusal(made(bytes(moved)))
    longer = bytearray(good)
    size = struct.unpack_from("<L", good, entries[0] + 24)[0] + 20
    struct.pack_into("<2L", longer, entries[0] + 20, size, size)
    assert "overlaps another" in refusal(made(bytes(longer)))
    huge = bytearray(good)
    struct.pack_into("<2L", huge, entries[-1] + 20, 2**31, 2**31)
    assert "reaches beyond the archive" in refusal(made(bytes(huge)))
    renamed = bytearray(good)
    renamed[last + 30] ^= 1
    assert "header that differs" in refusal(made(bytes(renamed)))
    twice = good.replace(b"archive/data/1", b"archive/data/0")
    assert "there twice" in refusal(made(twice))
    many = bytearray(good)
    struct.pack_into("<2H", many, len(good) - 14, 60_000, 60_000)
    assert "announces 60000 members" in refusal(made(bytes(many)))


def test_storages_of_archives_agree(made: Made) -> None:
    value = torch.ones(3)
    good = archive_of({"a": value})
    pickled = good.replace(b"ctorch\nFloatStorage\n", b"ctorch\nDoubleStorage\n"[:20] + b"\n")
    assert refusal(made(pickled))
    pid = Call(pid=("storage", Name("torch", "DoubleStorage"), "0", "cpu", 3))
    call = Call(Name("torch._utils", "_rebuild_tensor_v2"), (pid, 0, (3,), (1,), False, Call(OrderedDict)))
    assert "12 bytes where 24 are announced" in refusal(made(archive_of({"a": value, "b": call})))
    pid = Call(pid=("storage", Name("torch", "FloatStorage"), "../version", "cpu", 3))
    call = Call(Name("torch._utils", "_rebuild_tensor_v2"), (pid, 0, (3,), (1,), False, Call(OrderedDict)))
    assert "not in the archive" in refusal(made(archive_of({"b": call})))
    pid = Call(pid=("module", Name("torch", "FloatStorage"), "0", "cpu", 3))
    assert "no storage" in refusal(made(archive_of({"b": pid})))


def test_large_archives_have_wide_fields(made: Made) -> None:
    """zip64, as torch writes it beyond 4 GB: the same sizes, in the wide fields."""
    good = archive_of({"a": torch.ones(3)})
    end = good.rindex(b"PK\5\6")
    count, size, offset = struct.unpack_from("<H2L", good, end + 10)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    assert read(made(good[:end] + wide + locator + last)).root["a"].sum() == 3
    astray = struct.pack("<4sLQL", b"PK\6\7", 0, 2**62, 1)
    assert "not where it is announced" in refusal(made(good[:end] + wide + astray + last))


# safetensors


def test_safetensors_headers_are_bounded(made: Made) -> None:
    header = b'{"a":' + b"[" * 900_000
    assert "header of" in refusal(made(struct.pack("<Q", len(header)) + header))
    small = b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4]}}'
    text = refusal(made(struct.pack("<Q", len(small)) + small + b"\0" * 4))
    assert "4 bytes" in text


def test_the_machine_stands_alone() -> None:
    """No part of the reader imports pickle, torch's loading, or runs what it is given."""
    for part in (machine, names):
        text = Path(part.__file__).read_text()
        assert "import pickle" not in text and "torch.load" not in text and "importlib" not in text
