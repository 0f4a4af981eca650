"""The package's public names: few, documented, and there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import spatial_edit

ROOT = Path(__file__).resolve().parent.parent


def test_at_most_fifteen() -> None:
    assert len(spatial_edit.__all__) <= 15
    assert len(set(spatial_edit.__all__)) == len(spatial_edit.__all__)


@pytest.mark.parametrize("name", spatial_edit.__all__)
def test_each_is_there_and_documented(name: str) -> None:
    value = getattr(spatial_edit, name)
    assert name in dir(spatial_edit)
    if name != "__version__":
        assert value.__doc__ and value.__name__ == name


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Blob'"):
        _ = spatial_edit.Blob
    assert not hasattr(spatial_edit, "layout_of")


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "spatial_edit" / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == spatial_edit._HOME
