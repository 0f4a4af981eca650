"""The command line on a model of rooms: generate, edit, and the sentences for bad input."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

from spatial_edit import cli
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts.codec import layout_from_json


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Box3DGenerator:
    model = Box3DGenerator.tiny()
    registry = types.ModuleType("spatial_edit.generators.registry")
    registry.MODELS = {model.spec.name: model.spec}  # type: ignore[attr-defined]
    registry.load = lambda name, device="cpu": model  # type: ignore[attr-defined]
    registry.by_number = {model.spec.number: model.spec}.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, registry.__name__, registry)
    monkeypatch.delenv("SPATIAL_EDIT_STORE", raising=False)
    return model


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_generate_then_edit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("generate", "--model", "box3d-tiny", "--seed", 4, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    before = layout_from_json(facts["layout"])
    bed = facts["layout"]["elements"][before.classes.index("bed")]
    edits = json.dumps([
        {"op": "slide", "target": bed["id"], "dx": 0.1, "dz": 0.0, "carry": False},
        {"op": "add", "class": "plant", "x": bed["x"], "z": bed["z"]},
    ])  # fmt: skip
    picture = tmp_path / "room.png"
    assert run("edit", facts["code"], edits, "--out", picture, "--json") == 0
    after = json.loads(capsys.readouterr().out)
    layout = layout_from_json(after["layout"])
    assert float(layout.centres[before.classes.index("bed"), 0]) == pytest.approx(bed["x"] + 0.1, abs=2e-3)
    assert layout.classes[-1] == "plant" and picture.stat().st_size > 0
    assert any("now stands in the bed" in note for note in after["notes"])
    assert run("edit", after["code"], '{"op": "camera", "x": 3.9}') == 2
    assert "outside the room's walls" in capsys.readouterr().err
    assert run("edit", after["code"], '{"op": "move", "target": 0, "dx": 0, "dy": 0}') == 2
    assert "use one of slide, place" in capsys.readouterr().err


def test_help_names_every_op(capsys: pytest.CaptureFixture[str]) -> None:
    from spatial_edit.edits import BOX_OPS
    from spatial_edit.edits.ops import OPS

    with pytest.raises(SystemExit):
        run("edit", "--help")
    out = capsys.readouterr().out
    missing = [op for op in (*OPS, *BOX_OPS) if op not in out]
    assert missing == ["arrange"]  # what a drag sends is no command for people
