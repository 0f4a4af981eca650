"""`bench`: its command line, what is missing said in a sentence, and how figures are counted and judged."""

from __future__ import annotations

import json
import sys
import types
from argparse import Namespace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from spatial_edit import bench, cli
from spatial_edit.bench import BENCHES, BenchError, browser, serve, ui

FIGURES = {"fps": 20.0, "age_ms": 90.0, "final_ms": 150, "fps_80ms": 9.9, "page_kb": 650.5, "usable_s": 1.2}


def test_every_bench_has_a_module_with_its_two_functions() -> None:
    assert "ui" in BENCHES
    for name, one in BENCHES.items():
        module = import_module(one.module)
        assert callable(module.run) and callable(module.table), name


def test_the_command_prints_json_and_writes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[Namespace] = []

    def measure(options: Namespace) -> bench.Figures:
        asked.append(options)
        return {"fps": 12.5}

    monkeypatch.setattr(ui, "run", measure)
    monkeypatch.setattr(ui, "table", lambda figures: f"a table of {figures}")
    file = tmp_path / "figures.json"
    assert cli.main(["bench", "ui", "--json", "--drags", "2", "--out", str(file)]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads(file.read_text()) == {"fps": 12.5}
    assert said.err.startswith("load average before the run:")
    assert asked[0].drags == 2 and asked[0].seconds == 3.0 and asked[0].model == "blobgan-rooms"
    assert cli.main(["bench", "ui"]) == 0
    assert capsys.readouterr().out == "a table of {'fps': 12.5}\n"


@pytest.mark.parametrize("wrong", [["--drags", "0"], ["--seconds", "0.1"], ["--seconds", "nan"]])
def test_wrong_numbers_are_one_sentence(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "ui", *wrong]) == 2
    assert "error: --drags goes from 1 to 100" in capsys.readouterr().err


def test_what_is_missing_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/there/is/none")
    monkeypatch.setitem(sys.modules, "playwright", types.ModuleType("playwright"))
    with pytest.raises(BenchError, match="/there/is/none"):
        browser.check()
    monkeypatch.setitem(sys.modules, "playwright", None)
    with pytest.raises(BenchError, match=r"pip install -r tests/requirements\.txt"):
        browser.check()
    monkeypatch.setattr(serve, "APP", Path("/there/is/none/app.py"))
    with pytest.raises(BenchError, match="clone of the repository"), serve.serving("rooms"):
        pass


def test_an_app_that_ends_at_once_gives_its_last_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "app.py"
    program.write_text("raise SystemExit('There is no model of that name.')")
    monkeypatch.setattr(serve, "APP", program)
    with pytest.raises(BenchError, match=r"did not start: There is no model of that name\."):
        with serve.serving("rooms"):
            pass


def test_the_table_says_what_is_reached() -> None:
    lines = {line.split()[0]: line for line in ui.table({**FIGURES, "model": "rooms"}).splitlines()}
    reached = {name for name in FIGURES if lines[name].endswith("reached")}
    assert reached == {"fps", "final_ms", "page_kb", "usable_s"}
    assert all(lines[name].endswith("missed") for name in FIGURES if name not in reached)
    assert lines["model"].split() == ["model", "rooms"]


def test_bytes_are_counted_once_running_requests_too() -> None:
    handlers: dict[str, Any] = {}

    class Channel:
        def on(self, name: str, handler: Any) -> None:
            handlers[name] = handler

        async def send(self, name: str) -> None:
            assert name == "Network.enable"

    traffic = ui.Traffic()
    list(traffic.listen(Channel()).__await__())
    for size in (1000, 500):
        handlers["Network.dataReceived"]({"requestId": "a", "encodedDataLength": size})
    handlers["Network.dataReceived"]({"requestId": "b", "encodedDataLength": 400})
    assert traffic.kilobytes() == 1.9
    handlers["Network.loadingFinished"]({"requestId": "a", "encodedDataLength": 1700})  # with its headers
    assert traffic.kilobytes() == 2.1


@pytest.mark.parametrize("inwards", [1, -1])
def test_the_pointer_never_rests_and_stays_near(inwards: float) -> None:
    spots = [ui._along((300.0, 200.0), step / 180, 600, inwards) for step in range(1, 181)]
    assert len({(round(x, 2), round(y, 2)) for x, y in spots}) == len(spots)
    assert all(abs(x - 300) < 90 and abs(y - 200) < 40 for x, y in spots)
    x, y = spots[-1]
    assert inwards * (x - 300) == pytest.approx(18) and y == pytest.approx(200)  # released further in
