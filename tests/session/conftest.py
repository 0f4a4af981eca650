"""The fake model, fresh for every test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load() -> ModuleType:
    name = "session_fake_generator"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("fake_generator.py"))
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def fake() -> ModuleType:
    """The module fake_generator: FakeGenerator, Models, parsed."""
    return _load()


@pytest.fixture
def models(fake: ModuleType) -> object:
    return fake.Models()
