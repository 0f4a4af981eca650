"""The loop: exact resume, the NaN guard, state files that are whole or refused, several processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from spatial_edit.data.rooms.pool import Pool, render_pool
from spatial_edit.train import loop
from spatial_edit.train.blobgan_decoder import DecoderTask
from spatial_edit.train.blobgan_four_terms import FourTermsTask
from spatial_edit.train.blobgan_published import Rooms
from spatial_edit.train.ema import Ema
from spatial_edit.train.loop import NAN_LIMIT, Diverged, Plan, run
from spatial_edit.train.recipes import (
    blobgan_rooms_four_terms_toy,
    blobgan_rooms_toy,
    stylegan2_rooms_toy,
)
from spatial_edit.train.stylegan2_rooms import StyleGAN2Task

ROOT = Path(__file__).resolve().parents[2]


class Line:
    """Fits y = <w, x>; four pictures' worth a step. `wrong`: (step, what to do to the loss)."""

    def __init__(self, inputs: int = 3, wrong: dict[int, str] | None = None, seed: int = 5) -> None:
        torch.manual_seed(0)
        self.batch, self.inputs, self.wrong, self.steps = 4, inputs, wrong or {}, 0
        module = nn.Linear(inputs, 1)
        self.modules: dict[str, nn.Module] = {"line": module}
        self.averages = {"line": Ema(module)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "line": torch.optim.Adam(module.parameters(), 0.01)
        }
        self.generator = torch.Generator().manual_seed(seed)
        self.recalled = 0.0
        self.drawn: list[torch.Tensor] = []
        self.losses: list[float] = []

    def step(self, progress: float, images: int) -> dict[str, torch.Tensor]:
        x = torch.randn(self.batch, self.inputs, generator=self.generator)
        self.drawn.append(x)
        loss = (self.modules["line"](x) - x.sum(1, keepdim=True)).square().mean() * (1 - progress / 2)
        kind = self.wrong.get(self.steps, "")
        shown = loss.detach()
        if kind == "loss":
            loss = loss * float("nan")
            shown = loss.detach()
        elif kind == "gradient":  # the loss is fine, its gradient is not
            loss = loss + (self.modules["line"].weight * 0).abs().sqrt().sum()
        self.steps += 1
        self.optimisers["line"].zero_grad(set_to_none=True)
        loss.backward()
        self.optimisers["line"].step()
        self.losses.append(float(shown))
        return {"loss": shown}

    def remember(self) -> dict[str, float]:
        return {"steps": float(self.steps)}

    def recall(self, memory: dict[str, float]) -> None:
        self.recalled = memory["steps"]

    def sheet(self) -> torch.Tensor | None:
        return torch.zeros(3, 4, 4)

    def metrics(self) -> dict[str, float]:
        return {"w": float(self.modules["line"].weight.detach().sum())}


def content(task) -> dict[str, torch.Tensor]:
    """Everything that a task holds, by name."""
    found = {f"m.{n}.{k}": v for n, m in task.modules.items() for k, v in m.state_dict().items()}
    found |= {f"a.{n}.{k}": v for n, e in task.averages.items() for k, v in e.module.state_dict().items()}
    for name, optimiser in task.optimisers.items():
        for index, moments in optimiser.state_dict()["state"].items():
            found |= {f"o.{name}.{index}.{k}": v for k, v in moments.items() if isinstance(v, torch.Tensor)}
    return {k: v.clone() for k, v in (found | {"generator": task.generator.get_state()}).items()}


def assert_same(a, b):
    assert a.keys() == b.keys() and not [k for k in a if not torch.equal(a[k], b[k])]


@pytest.fixture(scope="module")
def pool() -> Pool:
    return render_pool(24, 7, 32)


TASKS = {
    "line": lambda pool: Line(),
    "decoder": lambda pool: DecoderTask(blobgan_rooms_toy().decoder, pool, None),
    "stylegan2": lambda pool: StyleGAN2Task(stylegan2_rooms_toy(), pool),
    "four_terms": lambda pool: FourTermsTask(blobgan_rooms_four_terms_toy(), Rooms(pool.pictures)),
}


class Interrupted(RuntimeError):
    """Stands for a machine that goes away between two steps."""


def listen(task, steps: int | None = None) -> list[dict[str, float]]:
    """The losses of every coming step; after `steps` of them the run is interrupted."""
    shown: list[dict[str, float]] = []
    step = task.step

    def listening(progress, images):
        if len(shown) == steps:
            raise Interrupted
        losses = step(progress, images)
        shown.append({k: float(v) for k, v in losses.items()})
        return losses

    task.step = listening
    return shown


@pytest.mark.parametrize("name", TASKS)
def test_determinism_of_a_resumed_run(name, pool, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)  # a state after every step
    whole, parts, again = (TASKS[name](pool) for _ in range(3))
    images = 10 * whole.batch

    losses = listen(whole)
    progress = run(whole, Plan(tmp_path / "whole", images=images, quiet=True, report_seconds=1e9))
    first = listen(parts, steps=5)
    with pytest.raises(Interrupted):
        run(parts, Plan(tmp_path / "parts", images=images, quiet=True, report_seconds=1e9))
    torch.manual_seed(99)  # whatever the new process did before
    second = listen(again)
    resumed = run(again, Plan(tmp_path / "parts", images=images, quiet=True, report_seconds=1e9, resume=True))

    assert first + second == losses and len(second) == 5
    assert_same(content(whole), content(again))
    assert resumed.losses == progress.losses
    assert resumed.images == progress.images == images and resumed.steps == 10


def test_numbers_of_a_run(tmp_path, capsys):
    task = Line()
    progress = run(task, Plan(tmp_path, images=200, report_seconds=1e9))
    assert (progress.images, progress.steps, progress.skipped) == (200, 50, 0)
    assert sum(task.losses[-10:]) < 0.5 * sum(task.losses[:10])
    line = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert line["images"] == 200 and line["w"] == round(float(task.modules["line"].weight.detach().sum()), 5)
    assert (tmp_path / "sheet_00000200.png").read_bytes()[:4] == b"\x89PNG"
    shown = capsys.readouterr()
    assert shown.out == ""  # standard output is the caller's
    assert json.dumps(line) in shown.err and "200/200" in shown.err  # the bar knows its end


def test_a_run_by_time_plans_itself_and_says_how_far_it_gets(tmp_path, monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])
    task, fractions = Line(), []
    step = task.step

    def half_a_second(progress, images):
        clock[0] += 0.5
        fractions.append(progress)
        return step(progress, images)

    task.step = half_a_second
    progress = run(task, Plan(tmp_path, minutes=4, report_seconds=1e9))
    assert progress.images == 4 * 60 * 2 * 4 and progress.seconds == 240
    assert fractions[0] == 0 and fractions[-1] == pytest.approx(1, abs=0.01)
    said = [text for text in capsys.readouterr().err.splitlines() if "img/s:" in text]
    assert said == ["8.0 img/s: 480 images so far, about 1,920 in total, 3.0 minutes to go"]


def test_a_step_that_is_not_finite_changes_nothing(tmp_path):
    for kind in ("loss", "gradient"):
        clean, sick = Line(), Line(wrong={5: kind})
        listen(clean, steps=5)
        with pytest.raises(Interrupted):
            run(clean, Plan(tmp_path / kind / "clean", images=24, quiet=True))
        progress = run(sick, Plan(tmp_path / kind / "sick", images=24, quiet=True))
        assert progress.skipped == 1 and progress.steps == 6
        after = content(sick)
        for key, tensor in content(clean).items():  # five good steps, and a sixth that left no trace
            assert torch.equal(tensor, after[key]) or not key.startswith(("m.", "o.")), key
        assert all(torch.isfinite(t).all() for t in after.values())


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_run_that_stays_not_finite_stops_with_a_sentence(kind, tmp_path):
    task = Line(wrong=dict.fromkeys(range(3, 1000), kind))
    with pytest.raises(Diverged, match="not finite for 20 steps in a row: lower the learning rate"):
        run(task, Plan(tmp_path, images=10_000, quiet=True))
    assert task.steps == 3 + NAN_LIMIT
    assert all(p.isfinite().all() for p in task.modules["line"].parameters())


def saved(folder: Path, **options) -> Line:
    task = Line(**options)
    run(task, Plan(folder, images=20, quiet=True))
    return task


def test_a_full_disk_leaves_the_last_state(tmp_path, monkeypatch):
    saved(tmp_path)
    before = (tmp_path / "state.pt").read_bytes()

    def full(state, path):
        Path(path).write_bytes(b"half of it")
        raise RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed writing file")

    monkeypatch.setattr(loop.torch, "save", full)
    with pytest.raises(OSError, match=r"cannot write state.pt in .*: make room there .*last state is kept"):
        run(Line(), Plan(tmp_path, images=40, resume=True, quiet=True))
    assert (tmp_path / "state.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(OSError, match="there is no earlier state"):
        run(Line(), Plan(tmp_path / "new", images=40, quiet=True))
    assert not list((tmp_path / "new").glob("state*"))


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "empty":
        data = b""
    elif how == "text":
        data = b"these are not weights"
    elif how == "bit":
        with zipfile.ZipFile(path) as archive:
            info = max(archive.infolist(), key=lambda i: i.file_size)
        middle = info.header_offset + 200 + info.file_size // 2
        data = data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]
    elif how == "pickle":
        torch.save([1, 2, 3], path)
        return
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "empty", "text", "bit", "pickle"])
def test_a_damaged_state_is_refused_and_nothing_is_lost(how, tmp_path):
    saved(tmp_path)
    damage(tmp_path / "state.pt", how)
    kept, task = (tmp_path / "state.pt").read_bytes(), Line()
    before = content(task)
    with pytest.raises(ValueError, match=r"state.pt is damaged: delete it to begin again") as error:
        run(task, Plan(tmp_path, images=40, resume=True, quiet=True))
    assert "\n" not in str(error.value)
    assert (tmp_path / "state.pt").read_bytes() == kept
    assert_same(before, content(task))


def test_the_state_of_another_recipe_is_refused(tmp_path):
    saved(tmp_path)
    before = content(other := Line(inputs=4))
    with pytest.raises(ValueError, match=r"belongs to another recipe .*line.weight is \(1, 3\) there"):
        run(other, Plan(tmp_path, images=40, resume=True, quiet=True))
    assert_same(before, content(other))

    named = Line()
    named.modules["second"] = nn.Linear(1, 1)
    with pytest.raises(ValueError, match=r"belongs to another recipe .*second"):
        run(named, Plan(tmp_path, images=40, resume=True, quiet=True))

    state = torch.load(tmp_path / "state.pt", weights_only=True)
    for change in (
        {"progress": state["progress"] | {"images": float("nan")}},
        {"progress": state["progress"] | {"colour": 1}},
        {"generator": torch.zeros(3, dtype=torch.uint8)},
        {"optimisers": {"line": {"state": {}, "param_groups": []}}},
    ):
        torch.save(state | change, tmp_path / "state.pt")
        before = content(task := Line())
        with pytest.raises(ValueError, match="belongs to another recipe"):
            run(task, Plan(tmp_path, images=40, resume=True, quiet=True))
        assert_same(before, content(task))


def test_a_task_may_remember_numbers_and_older_states_open(tmp_path):
    saved(tmp_path)
    task = Line()
    run(task, Plan(tmp_path, images=20, resume=True, quiet=True))
    assert task.recalled == 5 and task.steps == 0  # the plan was already fulfilled
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    old = {k: v for k, v in state.items() if k not in ("memory", "generators")}
    torch.save(old, tmp_path / "state.pt")
    del Line.recall
    try:
        assert run(Line(), Plan(tmp_path, images=24, resume=True, quiet=True)).steps == 6
    finally:
        Line.recall = lambda self, memory: setattr(self, "recalled", memory["steps"])


PAIR = """
import importlib.util, json, sys, torch
from pathlib import Path
spec = importlib.util.spec_from_file_location("loop_test", sys.argv[1])
module = importlib.util.module_from_spec(spec); sys.modules["loop_test"] = module
spec.loader.exec_module(module)
from spatial_edit.train.loop import Plan, run
from spatial_edit.train.parallel import all_finite, is_main, process_count
folder = Path(sys.argv[2])
task = module.Line(wrong={3: "loss"} if sys.argv[3] == "1" else {})
start = [p.detach().clone() for p in task.modules["line"].parameters()]
progress = run(task, Plan(folder, images=64, quiet=True))
finite = all_finite(torch.tensor(float("nan") if sys.argv[3] == "1" else 0.0))
again = module.Line()
resumed = run(again, Plan(folder, images=80, quiet=True, resume=True))
print(json.dumps({"rank": int(sys.argv[3]), "main": is_main(), "count": process_count(),
    "images": progress.images, "steps": progress.steps, "skipped": progress.skipped, "finite": finite,
    "drawn": [x.tolist() for x in task.drawn], "start": [p.tolist() for p in start],
    "weights": [p.tolist() for p in task.modules["line"].parameters()],
    "resumed": [resumed.steps, again.drawn[0].tolist(),
                [p.tolist() for p in again.modules["line"].parameters()]],
}))
"""


def test_two_processes_train_as_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PAIR, str(Path(__file__)), str(tmp_path), str(rank)],
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        answers = [process.communicate(timeout=240) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [p.returncode for p in processes] == [0, 0], answers
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in answers)

    assert (first["main"], second["main"]) == (True, False)
    for answer in (first, second):
        assert (answer["count"], answer["images"], answer["steps"]) == (2, 64, 8)  # 2 x 4 pictures a step
        assert answer["skipped"] == 1  # NaN in one process: both left the step out
        assert answer["finite"] is False
    assert first["weights"] == second["weights"] and first["start"] == second["start"]
    assert first["drawn"][0] != second["drawn"][0]
    assert first["drawn"][0] == draw_of(5) and second["drawn"][0] == draw_of(6)  # seed + rank

    one = together(first, second)  # the same sixteen batches of eight in one process
    for mine, theirs in zip(one, first["weights"], strict=True):
        assert torch.allclose(mine, torch.tensor(theirs), atol=1e-6)
    steps, drawn, weights = zip(first["resumed"], second["resumed"], strict=True)
    assert steps == (10, 10) and weights[0] == weights[1]
    assert drawn[0] != drawn[1] and drawn[1] not in second["drawn"]  # each goes on with its own generator
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "metrics.jsonl",
        "sheet_00000064.png",
        "sheet_00000080.png",
        "state.pt",
    ]
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


def draw_of(seed: int) -> list:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)).tolist()


def together(first: dict, second: dict) -> list[torch.Tensor]:
    """What one process makes of both processes' batches, the third step left out."""
    task = Line()
    line, optimiser = task.modules["line"], task.optimisers["line"]
    for i, (a, b) in enumerate(zip(first["drawn"], second["drawn"], strict=True)):
        if i == 3:
            continue
        x = torch.tensor(a + b)
        loss = (line(x) - x.sum(1, keepdim=True)).square().mean() * (1 - i / 8 / 2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return [p.detach() for p in line.parameters()]
