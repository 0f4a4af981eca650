"""The command line: what is laid out anew, the way between two scenes, all edits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spatial_edit import cli


def code_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(list(arguments)) == 0, capsys.readouterr().err
    return capsys.readouterr().out.split()[-1]


@pytest.fixture
def room(capsys: pytest.CaptureFixture[str]) -> str:
    return code_of(capsys, "generate", "--model", "blobgan-rooms", "--seed", "6")


def layout_of(capsys: pytest.CaptureFixture[str], code: str) -> dict[int, dict[str, object]]:
    """Elements by number."""
    assert cli.main(["edit", code, '{"op": "show", "target": 0}', "--json"]) == 0
    elements = json.loads(capsys.readouterr().out)["layout"]["elements"]
    return {element["id"]: element for element in elements}


def test_complete_keeps_the_named_elements(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, room: str
) -> None:
    before = layout_of(capsys, room)
    out = tmp_path / "room.png"
    code = code_of(capsys, "complete", room, "--keep", "0", "2", "--seed", "3", "--out", str(out))
    after = layout_of(capsys, code)
    assert out.exists() and code != room and len(after) == len(before)
    assert all(after[number] == before[number] for number in (0, 2))
    assert not set(before) - {0, 2} & set(after)


def test_complete_fills_a_room_of_boxes(capsys: pytest.CaptureFixture[str]) -> None:
    room = code_of(capsys, "generate", "--model", "box3d-rooms", "--seed", "2")
    assert code_of(capsys, "complete", room, "--keep", "1", "--seed", "3") != room


def test_morph_and_towards_lead_from_one_room_to_another(
    capsys: pytest.CaptureFixture[str], room: str
) -> None:
    other = code_of(capsys, "generate", "--model", "blobgan-rooms", "--seed", "9")
    between = ["generate", "--model", "blobgan-rooms", "--seed", "6", "--towards", "9", "--share"]
    assert code_of(capsys, *between, "0") == room and code_of(capsys, *between, "1") == other
    assert code_of(capsys, "morph", room, other, "--share", "0") == room
    half = code_of(capsys, "morph", room, other)
    assert half == code_of(capsys, *between, "0.5") and half not in (room, other)


def test_all_sorts_of_edits_in_one_array(capsys: pytest.CaptureFixture[str], room: str) -> None:
    edits = [
        {"op": "recolour", "target": 0, "colour": "#aa2200"},
        {"op": "background", "seed": 12, "share": 0.5},
        {"op": "truncate", "amount": 0.3},
    ]
    assert cli.main(["edit", room, json.dumps(edits), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["truncation"] == 0.3 and told["code"] != room


def test_errors_are_one_line(capsys: pytest.CaptureFixture[str], room: str) -> None:
    wrong = (["complete", room, "--keep", "99"], ["morph", room, "no"], ["morph", room, room, "--share", "2"])
    for arguments in wrong:
        assert cli.main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
    with pytest.raises(SystemExit):
        cli.main(["edit", "--help"])
    text = capsys.readouterr().out
    assert "complete" in text and "protect" in text and "distribute" in text
