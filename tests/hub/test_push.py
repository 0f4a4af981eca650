"""push: one commit of exactly the model's files, a card that the hub takes, and nothing sent otherwise."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spatial_edit.cli import main
from spatial_edit.foreign import writer
from spatial_edit.foreign.card import Original
from spatial_edit.generators import registry
from spatial_edit.generators.imported import models_folder, read_facts
from spatial_edit.hub import push as pushing
from spatial_edit.hub.errors import HubError
from spatial_edit.hub.ids import Address
from spatial_edit.hub.push import push
from tests.hub.conftest import files_of, tiny
from tests.hub.stub_hub import TOKEN, StubHub

REPO = "me/my-rooms"


@pytest.fixture
def added(hub: StubHub) -> Path:
    """An added model in the folder of added models."""
    original = Original("tiny.pkl", 1234, "ab" * 32)
    return writer.write(tiny(), original, writer.Stated("MIT", "a test"), "mine", models_folder()).folder


def test_push_then_load_is_the_same_bit_for_bit(
    hub: StubHub, added: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["push", "mine", REPO, "--private"]) == 0
    printed = capsys.readouterr().out.strip()
    commit = hub.repos[REPO].branches["main"]
    assert printed == f"hf:{REPO}@{commit}" and hub.repos[REPO].private
    assert hub.repos[REPO].commits[commit] == {
        **files_of(added),
        ".gitattributes": b"*.safetensors filter=lfs\n",
    }
    assert len(hub.asked("/commit/")) == 1
    assert main(["push", printed, "me/again"]) == 0  # out of the cache, whose files are links
    again = hub.repos["me/again"].commits[hub.repos["me/again"].branches["main"]]
    assert again == hub.repos[REPO].commits[commit]
    back, here = registry.load(printed), registry.load("mine")
    pairs = zip(here.model.state_dict().items(), back.model.state_dict().items(), strict=True)
    assert all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)
    assert back.weights == here.weights
    assert torch.equal(back.render(back.sample(5)), here.render(here.sample(5)))


def test_a_second_push_replaces_and_leaves_no_old_shard(
    hub: StubHub, added: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = writer.Stated("MIT", "a test")
    with monkeypatch.context() as patch:
        patch.setattr(writer, "MAX_SHARD_BYTES", 60_000)
        writer.write(tiny(), Original("t", 1, "0"), stated, "mine", models_folder(), replace=True)
    assert main(["push", "mine", REPO]) == 0 and not hub.repos[REPO].private
    first = hub.repos[REPO].commits[hub.repos[REPO].branches["main"]]
    assert "model-00001-of-00002.safetensors" in first
    hub.put(REPO, {**first, "notes.txt": b"the owner's own"})
    writer.write(tiny(1), Original("t", 1, "0"), stated, "mine", models_folder(), replace=True)
    assert main(["push", "mine", REPO]) == 0
    second = hub.repos[REPO].commits[hub.repos[REPO].branches["main"]]
    assert set(second) == {*files_of(added), "notes.txt", ".gitattributes"}
    assert registry.load(f"hf:{REPO}").weights == registry.load("mine").weights


def test_further_networks_go_along_and_other_files_do_not(hub: StubHub, added: Path) -> None:
    shutil.copytree(added, added / "encoder")
    (added / "notes").mkdir()
    for name in ("secret.txt", "notes/model.safetensors", "run.py", "Big.PNG"):
        (added / name).write_bytes(b"x")
    (added / "link.png").symlink_to("/etc/hostname")
    address = push(added, REPO, {})
    files = set(hub.repos[REPO].commits[address.revision]) - {".gitattributes"}
    own = {"README.md", "config.json", "model.json", "model.safetensors"}
    assert files == own | {f"encoder/{name}" for name in own}
    (added / "encoder" / "model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=r"encoder/model\.safetensors"):
        push(added, REPO, {})


def test_branches(hub: StubHub, added: Path) -> None:
    facts = {"README.md": "", "model.json": ""}
    assert push(added, REPO, facts).revision == hub.repos[REPO].branches["main"]
    address = push(added, REPO, facts, revision="draft")
    assert address == Address(REPO, hub.repos[REPO].branches["draft"])
    with pytest.raises(HubError, match="a commit cannot be changed"):
        push(added, REPO, facts, revision="0" * 40)


def test_a_bundled_model_gets_its_model_json(hub: StubHub) -> None:
    assert main(["push", "stylegan2-rooms", REPO]) == 0
    files = hub.repos[REPO].commits[hub.repos[REPO].branches["main"]]
    assert json.loads(files["model.json"])["family"] == "stylegan2" and "metrics.json" in files
    back, here = registry.load(f"hf:{REPO}"), registry.load("stylegan2-rooms")
    assert back.weights == here.weights and back.spec.licence == "MIT"
    assert 128 <= back.spec.number <= 227


def nothing_sent(hub: StubHub, act: Callable[[], object], words: str) -> None:
    before = len(hub.requests)
    with pytest.raises(ValueError, match=words) as caught:
        act()
    assert len(hub.requests) == before and "\n" not in str(caught.value)


def test_errors_before_anything_is_sent(hub: StubHub, added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of(added)

    def attempt(words: str, repo: str = REPO) -> None:
        nothing_sent(hub, lambda: push(added, repo, {}), words)
        for name, data in files.items():
            (added / name).write_bytes(data)

    (added / "model.safetensors").write_bytes(files["model.safetensors"][:-1])
    attempt("its header promises")
    (added / "model.safetensors").write_bytes(files["model.safetensors"][:-1] + b"\x07")
    attempt("not the ones that config.json names")
    (added / "config.json").write_text("{}")
    attempt("config.json")
    (added / "README.md").write_text("# no front matter")
    attempt("no front matter")
    (added / "README.md").write_text("---\nlicense: my-own\n---\n")
    attempt("'my-own' is none of the hub's")
    (added / "model.json").unlink()
    attempt("lacks model.json")
    for repo in ("mine", "a/b/c", "../b", "hf:a/b", "a/b@main"):
        attempt("owner/name", repo)
    monkeypatch.setenv("HF_TOKEN", "")
    attempt("set HF_TOKEN")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    attempt("HF_HUB_OFFLINE")


def test_errors_of_the_hub(hub: StubHub, added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def attempt(words: str) -> None:
        with pytest.raises(HubError, match=words) as caught:
            push(added, REPO, {})
        assert "\n" not in str(caught.value) and TOKEN not in str(caught.value)

    for path in ("/api/repos/create", "/api/validate-yaml", "/preupload/", "/objects/batch", "/commit/"):
        for status, words in ((503, "fault of its own .503."), (403, "does not allow")):
            hub.faults = {path: status}
            attempt(words)
        before = {name: dict(repo.branches) for name, repo in hub.repos.items()}
    assert all(len(repo.commits) == 1 for repo in hub.repos.values()) and before
    monkeypatch.setattr(pushing, "WAIT", 0.3)
    hub.hang, hub.faults = 1.0, {"/commit/": "hang"}
    attempt("did not answer in time")
    hub.faults = {}
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    attempt("set HF_TOKEN to a token")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(pushing, "WAIT", 30.0)
    push(added, REPO, {})


def test_import_from_the_hub_makes_an_added_model(
    hub: StubHub, tiny_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    commit = hub.put("somebody/Tiny", {**files_of(tiny_folder), "evil.py": b"1"})
    assert main(["import", "hf:somebody/Tiny"]) == 0
    assert f"main of somebody/Tiny is now {commit}" in capsys.readouterr().err
    folder = models_folder() / "tiny"
    assert {p.name for p in folder.iterdir()} == set(files_of(tiny_folder))
    assert not any(path.is_symlink() for path in folder.iterdir())
    facts = read_facts(folder)
    assert (facts.source, facts.licence) == (f"hf:somebody/Tiny@{commit}", "CC BY-NC 4.0")
    hub.shutdown()
    assert registry.load("tiny").spec.name == "tiny"
    assert main(["import", f"hf:somebody/Tiny@{commit}"]) == 2
    assert "already a model tiny: choose another name with --as" in capsys.readouterr().err
    assert main(["import", f"hf:somebody/Tiny@{commit}", "--as", "two", "--licence", "mine"]) == 0
    assert read_facts(models_folder() / "two").licence == "mine"
    assert read_facts(models_folder() / "two").number != facts.number
    assert main(["import", f"hf:somebody/Tiny@{commit}", "--as", "three", "--onto", "two"]) == 2
    assert sorted(path.name for path in models_folder().iterdir()) == ["tiny", "two"]


def test_the_command_line_in_a_process_of_its_own(hub: StubHub, added: Path, tmp_path: Path) -> None:
    """HF_ENDPOINT as people set it, and a new process that has loaded nothing."""
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}

    def command(*arguments: str) -> subprocess.CompletedProcess:
        whole = [sys.executable, "-m", "spatial_edit", *arguments]
        return subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=120)

    pushed = command("push", "mine", REPO)
    assert pushed.returncode == 0, pushed.stderr
    picture = tmp_path / "p.png"
    drawn = command("generate", "--model", pushed.stdout.strip(), "--seed", "4", "--out", str(picture))
    assert drawn.returncode == 0 and picture.stat().st_size > 100, drawn.stderr
    wrong = command("generate", "--model", "hf:me/nothing")
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: the hub has no model hf:me/nothing")
    assert wrong.stderr.count("\n") == 1
