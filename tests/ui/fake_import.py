"""An importer for the app's tests: files that begin with the word `model` become a tiny StyleGAN2 here.

What is written is written by the real writer, so that the model can be listed, loaded, drawn and removed.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import torch

from spatial_edit.foreign.card import Original
from spatial_edit.foreign.content import Converted, ForeignError
from spatial_edit.foreign.writer import ImportedModel, Stated, write
from spatial_edit.generators.imported import models_folder
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator, config_to_json

HOLD = threading.Event()  # cleared by a test that wants an import to take its time
HOLD.set()


def fake_import(
    path: Path, name: str, *, licence: str | None = None, source: str | None = None, **more: Any
) -> ImportedModel:
    """The tiny model; its weights depend on the file's bytes. ForeignError for any other file."""
    HOLD.wait(30)
    data = path.read_bytes()
    if not data.startswith(b"model"):
        raise ForeignError(f"{path.name} is a text, not a checkpoint: choose the file of a model")
    digest = hashlib.sha256(data).hexdigest()
    original = Original(path.name, len(data), digest)
    stated = Stated(licence or "not stated", source or path.name)
    return write(converted(int(digest[:8], 16)), original, stated, name, models_folder())


def converted(seed: int) -> Converted:
    """A StyleGAN2 of 16 px with random weights."""
    config = StyleGAN2Config(16, {4: 8, 8: 8, 16: 8}, z_dim=8, w_dim=8, mapping_layers=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = StyleGAN2Generator(config)
    return Converted(
        format="a toy of the tests",
        family="stylegan2",
        title="StyleGAN2, 16 px",
        resolution=16,
        config=config_to_json(config),
        module=module,
    )
