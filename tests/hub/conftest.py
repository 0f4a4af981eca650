"""A stub hub, and a model's folder that is small enough to be fetched in every test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from spatial_edit.foreign import writer
from spatial_edit.foreign.card import Original
from spatial_edit.foreign.content import Converted
from spatial_edit.generators import registry
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator, config_to_json
from tests.hub.stub_hub import TOKEN, StubHub


def tiny(seed: int = 0) -> Converted:
    """A StyleGAN2 as a converter gives it."""
    torch.manual_seed(seed)
    config = StyleGAN2Config.tiny()
    model = StyleGAN2Generator(config)
    return Converted("a test's format", "stylegan2", "StyleGAN2, 32 px", 32, config_to_json(config), model)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder as `import` writes it, in three shards."""
    out = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "MAX_SHARD_BYTES", 60_000)
        patch.setenv("SPATIAL_EDIT_MODELS", str(out))
        original = Original("tiny.pkl", 1234, "ab" * 32)
        made = writer.write(tiny(), original, writer.Stated("CC BY-NC 4.0", "a test"), "tiny", out)
    assert len(list(made.folder.glob("model-*"))) > 1
    return made.folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    """The stub, and a huggingface_hub that knows no other; its cache is empty."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    from spatial_edit.hub import fetch

    server = StubHub()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(fetch, "TIMEOUT", 1.0)
    monkeypatch.setattr(registry, "_hub", {})
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(time, "sleep", lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.01)))
    server.hang = 3.0
    close_session()
    yield server
    close_session()
    server.shutdown()
    server.server_close()


def files_of(folder: Path) -> dict[str, bytes]:
    """A folder's files as a commit."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
