"""load("hf:owner/name@revision"): what is fetched, what is recorded, and one sentence for what goes wrong."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spatial_edit.generators import registry
from spatial_edit.generators.imported import Facts, facts_json, read_facts
from spatial_edit.hub import fetch as fetching
from spatial_edit.hub.errors import HubError
from spatial_edit.hub.fetch import fetch
from spatial_edit.hub.ids import Address, parse
from tests.hub.conftest import files_of, tiny
from tests.hub.stub_hub import StubHub

NAME = "somebody/tiny-rooms"


def test_load_is_bit_for_bit_and_fetches_nothing_else(
    hub: StubHub, tiny_folder: Path, tmp_path: Path
) -> None:
    extra = {"modeling.py": b"raise SystemExit", "pytorch_model.bin": b"\x80\x04", "sub/x.py": b"1"}
    commit = hub.put(NAME, {**files_of(tiny_folder), **extra})
    generator = registry.load(f"hf:{NAME}@{commit}")
    wanted = tiny().module.state_dict()
    assert all(torch.equal(wanted[name], tensor) for name, tensor in generator.model.state_dict().items())
    assert generator.spec.name == f"hf:{NAME}@{commit}" == generator.sample(3).model
    assert generator.spec.licence == "CC BY-NC 4.0" and 128 <= generator.spec.number <= 227
    assert registry.by_number(generator.spec.number) is generator.spec
    assert torch.equal(generator.render(generator.sample(3)), generator.render(generator.sample(3)))
    fetched = {path.rpartition("/")[2] for path in hub.asked("/resolve/")}
    assert fetched == set(files_of(tiny_folder))
    assert {p.name for p in (tmp_path / "cache").rglob("*") if p.suffix in (".py", ".bin")} == set()


def test_an_encoder_is_fetched_and_a_discriminator_is_not(hub: StubHub, tiny_folder: Path) -> None:
    files = files_of(tiny_folder)
    part = {name: files[name] for name in files if name != "README.md"}
    parts = {
        f"{folder}/{name}": data for folder in ("encoder", "discriminator") for name, data in part.items()
    }
    snapshot = fetch(parse(f"hf:{NAME}@{hub.put(NAME, {**files, **parts})}"))
    assert files_of(snapshot.folder) == {
        **files,
        **{n: d for n, d in parts.items() if n.startswith("encoder")},
    }
    assert hub.asked("/resolve/")[-1].endswith("/config.json")  # where it is, all are
    fetching.discard(snapshot.folder)
    assert not list(snapshot.folder.rglob("*.safetensors")) and fetching._whole(NAME, snapshot.commit) is None
    assert not [p for p in (snapshot.folder.parents[1] / "blobs").iterdir() if p.stat().st_size > 10_000]


def test_a_branch_becomes_its_commit_and_moves(
    hub: StubHub, tiny_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = hub.put(NAME, files_of(tiny_folder))
    assert registry.load(f"hf:{NAME}").spec.name == f"hf:{NAME}@{first}"
    assert f"main of {NAME} is now {first}" in caplog.text
    second = hub.put(NAME, {**files_of(tiny_folder), "README.md": b"another card\n"})
    assert registry.load(f"hf:{NAME}").spec.name == f"hf:{NAME}@{second}"
    assert registry.load(f"hf:{NAME}@main").spec.name == f"hf:{NAME}@{second}"
    hub.requests.clear()
    pinned = registry.load(f"hf:{NAME}@{first}")
    assert pinned.spec.name == f"hf:{NAME}@{first}" and not hub.requests  # in the cache: the hub is not asked
    assert registry.load(f"hf:{NAME}@{first}") is pinned
    numbers = {spec.number for spec in registry._hub.values()}
    assert len(numbers) == 2  # the same weights twice: the second gets the next number


@pytest.mark.parametrize("card", [b"", b"x" * 1_000_001])
def test_a_card_that_is_empty_or_too_long_is_left_there(hub: StubHub, tiny_folder: Path, card: bytes) -> None:
    commit = hub.put(NAME, {**files_of(tiny_folder), "README.md": card})
    assert registry.load(f"hf:{NAME}").spec.name.endswith(commit)
    assert not hub.asked("README.md")


def test_a_tag_and_a_branch_with_a_slash(hub: StubHub, tiny_folder: Path) -> None:
    hub.put(NAME, {"README.md": b"empty"})
    commit = hub.put(NAME, files_of(tiny_folder), branch="refs/pr/1")
    assert fetch(parse(f"hf:{NAME}@refs/pr/1")).commit == commit


@pytest.mark.parametrize(
    "text",
    [
        "hf:", "hf:name", "hf:a/b/c", "hf:../b", "hf:a/..", "hf:a/b@", "hf:a/b@../../x", "hf:a/b@a b",
        "hf:a//b", "hf:a/b?x=1", "hf:a/b#x", "hf:a/b%2e", "hf:http://x/y", "hf:a/b@x\ny", "hf:-a/b",
        "hf:a/b.git", "hf:a/b--c", "hf:" + "a" * 99 + "/b", "hf:a/b@" + "c" * 200, "hf:a/b@/etc",
        "hf:a/b@x/.hidden", "hf:a\\b/c", "hf:a/b@@c",
    ],
)  # fmt: skip
def test_errors_names_are_checked_before_the_network(hub: StubHub, text: str) -> None:
    with pytest.raises(HubError, match="hf:owner/name"):
        registry.load(text)
    assert not hub.requests


def test_numbers_addresses() -> None:
    assert parse("hf:a/b") == Address("a/b") and not parse("hf:a/b").pinned
    assert str(parse("hf:A_b/c.d-e@v1.0")) == "hf:A_b/c.d-e@v1.0"
    assert parse("hf:a/b@" + "0" * 40).pinned and not parse("hf:a/b@" + "0" * 39).pinned


def refused(text: str, words: str) -> str:
    """The sentence with which a model is refused."""
    with pytest.raises(ValueError, match=words) as caught:
        registry.load(text)
    sentence = str(caught.value)
    assert "\n" not in sentence and "Traceback" not in sentence and len(sentence) < 500
    return sentence


def test_errors_of_the_hub(hub: StubHub, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = hub.put(NAME, files_of(tiny_folder))
    refused("hf:nobody/nothing", "the hub has no model hf:nobody/nothing, or it is private")
    refused(f"hf:{NAME}@v9", "does not exist in this revision")
    refused(f"hf:{NAME}@{'0' * 40}", "does not exist in this revision")
    hub.repos[NAME].gated = True
    monkeypatch.setenv("HF_TOKEN", "")
    refused(f"hf:{NAME}", "is gated: accept its terms")
    hub.repos[NAME].gated, hub.repos[NAME].private = False, True
    refused(f"hf:{NAME}", "or it is private: check the name, or set HF_TOKEN")
    hub.repos[NAME].private = False
    for status, words in (
        (503, "a fault of its own .503."),
        (500, "fault"),
        (429, "slow down"),
        (403, "HF_TOKEN"),
    ):
        hub.faults = {"/api/models": status}
        refused(f"hf:{NAME}", words)
    hub.faults = {"/api/models": "hang"}
    refused(f"hf:{NAME}", "did not answer in time")
    hub.faults = {}
    assert registry.load(f"hf:{NAME}").spec.name.endswith(commit)  # nothing of it stayed


@pytest.mark.parametrize(
    ("fault", "words"),
    [("cut", "arrived cut short"), ("flip", "are not the ones that config.json names"),
     (503, "fault of its own"), ("hang", "did not answer in time"), (404, "refused|lacks")],
)  # fmt: skip
def test_errors_on_the_way(hub: StubHub, tiny_folder: Path, fault: int | str, words: str) -> None:
    hub.put(NAME, files_of(tiny_folder))
    hub.faults = {"/objects/": fault}
    assert NAME in refused(f"hf:{NAME}", words)
    assert not registry._hub and not registry._loaded
    hub.faults = {}
    registry.load(f"hf:{NAME}")


def test_errors_offline(hub: StubHub, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    commit = hub.put(NAME, files_of(tiny_folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(f"hf:{NAME}", "HF_HUB_OFFLINE forbids to fetch it")
    refused(f"hf:{NAME}@{commit}", "HF_HUB_OFFLINE forbids to fetch it")
    assert not hub.requests
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    registry.load(f"hf:{NAME}")
    hub.put(NAME, {"README.md": b"moved"})
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    snapshot = fetch(parse(f"hf:{NAME}"))
    assert (
        snapshot.commit == commit and "was fetched earlier and is used" in snapshot.note and not hub.requests
    )
    assert fetch(parse(f"hf:{NAME}@{commit}")).note == ""


def test_errors_without_a_network(hub: StubHub, tiny_folder: Path) -> None:
    commit = hub.put(NAME, files_of(tiny_folder))
    hub.shutdown()
    hub.server_close()
    refused(f"hf:{NAME}@{commit}", "cannot be reached .* check the network")
    snapshot = Path(fetching._snapshot(NAME, commit))
    shutil.copytree(tiny_folder, snapshot)
    fetching._remember(Address(NAME), commit)
    assert registry.load(f"hf:{NAME}").spec.name.endswith(commit)
    (snapshot / "model-00001-of-00003.safetensors").unlink(missing_ok=True)
    (snapshot / "config.json").unlink()  # a copy that is not whole does not count
    registry._hub.clear()
    refused(f"hf:{NAME}", "cannot be reached")


def changed(
    files: dict[str, bytes], change: Callable[[dict], object], name: str = "model.json"
) -> dict[str, bytes]:
    content = json.loads(files[name])
    change(content)
    return {**files, name: json.dumps(content).encode()}


def test_errors_malicious_repositories(hub: StubHub, tiny_folder: Path, tmp_path: Path) -> None:
    good = files_of(tiny_folder)
    weights = [name for name in good if name.endswith(".safetensors")]

    def attempt(files: dict[str, bytes], words: str) -> None:
        hub.put(NAME, files)
        refused(f"hf:{NAME}", words)
        assert not registry._hub and not registry._loaded

    attempt(
        {"pytorch_model.bin": b"\x80\x04.", "config.json": b"{}"}, "no safetensors .*only pytorch_model.bin"
    )
    attempt({"README.md": b"x", "setup.py": b"import os"}, "no safetensors weights")
    attempt({n: d for n, d in good.items() if n != "model.json"}, "lacks model.json")
    attempt(changed(good, lambda c: c.update(family="evil")), "family 'evil', which is unknown here")
    attempt(changed(good, lambda c: c.update(kind="blobs")), "says that its layout is 'blobs'")
    attempt(changed(good, lambda c: c.update(resolution=10**9)), "model.json is damaged .resolution")
    attempt(changed(good, lambda c: c.update(title="a\nb")), "model.json is damaged .title")
    attempt(changed(good, lambda c: c.update(row_names=["x"] * 9999)), "model.json is damaged")
    attempt(changed(good, lambda c: c.update(more=1)), "model.json is damaged")
    attempt({**good, "model.json": b"[" * 1000}, "model.json")
    attempt(changed(good, lambda c: c["config"].update(w_dim=8), "config.json"), "shape|lack|too many")
    attempt(changed(good, lambda c: c["config"].update(kind="judge"), "config.json"), "describes")
    attempt({**good, weights[0]: good[weights[0]][:-1] + b"\x01"}, "config.json names")
    attempt({**good, weights[0]: good[weights[0]][:100]}, "cut short|promises")
    attempt(
        {**good, "model-00009-of-00009.safetensors": good[weights[0]], "config.json": b"{}"}, "config.json"
    )
    traversal = {
        **good,
        "../../evil.safetensors": b"x",
        "encoder/../../config.json": b"x",
        "/etc/x.json": b"y",
    }
    hub.put(NAME, traversal)
    registry.load(f"hf:{NAME}")
    assert not hub.asked("evil") and not hub.asked("..") and not list(tmp_path.rglob("evil*"))


def test_errors_sizes_are_capped_before_anything_is_fetched(
    hub: StubHub, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put(NAME, files_of(tiny_folder))
    weights = next(path.name for path in tiny_folder.glob("model-*"))
    for name, size, words in (
        (weights, 10**12, "bytes, from 1 to"),
        (weights, 0, "has 0 bytes"),
        ("config.json", 10**7, "config.json of .* has 10000000 bytes"),
        ("model.json", 10**7, "model.json of"),
    ):
        hub.listed = {name: size}
        refused(f"hf:{NAME}", words)
    hub.listed = {}
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    refused(f"hf:{NAME}", "needs .* MB, .* has 0 MB free: make room, or set HF_HOME")
    assert not hub.asked("/resolve/")
    monkeypatch.undo()


def test_errors_the_disk_fills_up_on_the_way(
    hub: StubHub, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import file_download

    hub.put(NAME, files_of(tiny_folder))

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(file_download, "http_get", full)
        assert "could not store" in refused(f"hf:{NAME}", "No space left on device")
    registry.load(f"hf:{NAME}")


def test_numbers_facts_are_read_as_written(tiny_folder: Path, tmp_path: Path) -> None:
    facts = Facts(
        "blobgan", "T", "blobs", 64, 130, stands=((1, 2), (3, 4)), row_names=("bed", "lämp"), edits=("mix",)
    )
    (tmp_path / "model.json").write_text(facts_json(facts))
    assert read_facts(tmp_path) == facts
