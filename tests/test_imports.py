"""Who may import whom, read from the source; and what `import spatial_edit` needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("spatial_edit", "kernels")

BASE = {"kernels", "images", "films", "seeds", "runtime", "uploads"}
FILES = {"checkpoints", "foreign", "safetensors_header"}
MODELS = BASE | {"layouts", "nn", "generators", "checkpoints", "safetensors_header", "hub"}
WORK = MODELS | {"foreign", "edits", "data", "parse", "metrics", "train"}
CORE = WORK | {"share", "store"}

# Part of the project -> the other parts that it may import (itself always). docs/design.md says why.
MAY_IMPORT: dict[str, set[str]] = {
    **{part: set() for part in BASE},
    "safetensors_header": set(),
    "placement": {"safetensors_header"},
    "layouts": BASE,
    "nn": BASE,
    "checkpoints": BASE | {"safetensors_header", "placement"},
    "hub": BASE | {"checkpoints", "safetensors_header"},
    "generators": BASE | {"layouts", "nn", "checkpoints", "safetensors_header", "hub"},
    "foreign": MODELS,
    "edits": BASE | {"layouts", "generators"},
    "data": BASE | {"layouts"},
    "parse": MODELS,
    "metrics": MODELS | {"edits", "parse", "data"},
    "train": WORK,
    "share": BASE | {"layouts"},
    "store": BASE | {"layouts"},
    "session": CORE - {"train", "metrics"},
    "ui": BASE | {"session", "layouts", "share"},
    "bench": CORE | {"session", "ui"},
    "commands": CORE | {"session", "bench"},
    "drag_command": CORE | {"session"},
    "cli": CORE | {"session", "bench", "commands", "drag_command"},
    "__main__": {"cli"},
}
# Within `edits`, only these look at generators; the rest is layout -> layout.
EDITS_WITH_GENERATORS = {"drag", "complete"}
# Heavy or optional packages -> the parts that may import them.
WHERE = {
    "gradio": {"ui", "app"},
    "spaces": {"ui", "app"},
    "accelerate": {"checkpoints", "placement", "train"},
    "ray": {"parse", "bench"},
    "huggingface_hub": {"hub"},
    "triton": {"kernels"},
    "fsspec": {"store"},
    "safetensors": {"checkpoints", "placement", "foreign", "parse", "metrics", "train", "layouts", "data"},
}
NEVER = {"torchvision", "einops", "dill", "joblib", "cloudpickle", "timm", "lpips", "kornia"}


def sources() -> dict[str, Path]:
    """Dotted module name -> file, for our packages and app.py."""
    found = {}
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    if (ROOT / "app.py").exists():
        found["app"] = ROOT / "app.py"
    return found


SOURCES = sources()


def part(module: str) -> str:
    """`spatial_edit.data.rooms.bed` -> `data`; `kernels.x` -> `kernels`; `spatial_edit` -> ``."""
    if module.startswith("spatial_edit"):
        return [*module.split("."), ""][1]
    return module.split(".")[0]


def imports(module: str, path: Path, *, type_checking: bool = True) -> set[str]:
    """Every module named by an import statement anywhere in the file, functions included."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    if not type_checking:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) in (
                "TYPE_CHECKING",
                "typing.TYPE_CHECKING",
            ):
                node.body = [ast.Pass()]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the whole name"
            assert node.module and all(alias.name != "*" for alias in node.names), f"{path}: star import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in SOURCES else node.module)
    return names


def importing(*, type_checking: bool = True) -> dict[str, set[str]]:
    return {name: imports(name, path, type_checking=type_checking) for name, path in SOURCES.items()}


ALL = importing()


@pytest.mark.parametrize("module", [name for name in SOURCES if name != "app"])
def test_direction(module: str) -> None:
    own = part(module)
    if own == "":  # the package itself: public names, fetched lazily
        return
    assert own in MAY_IMPORT, f"{module} is in no known part: add {own!r} to the table and to docs/design.md"
    for target in ALL[module]:
        if target.split(".")[0] not in OURS or part(target) == own:
            continue
        if target == "spatial_edit" and module != "spatial_edit":
            pytest.fail(f"{module} imports the package itself: import the module that defines the name")
        assert part(target) in MAY_IMPORT[own], (
            f"{module} imports {target}: {own} may not import {part(target)}"
        )
        if own == "edits" and part(target) == "generators":
            assert module.split(".")[2] in EDITS_WITH_GENERATORS, f"{module} imports {target}"


def test_table_has_no_cycles() -> None:
    order: list[str] = []
    remaining = {name: allowed & set(MAY_IMPORT) for name, allowed in MAY_IMPORT.items()}
    while remaining:
        free = sorted(name for name, allowed in remaining.items() if allowed <= {*order, name})
        assert free, f"cycle among {sorted(remaining)}"
        order += free
        remaining = {name: allowed for name, allowed in remaining.items() if name not in order}


def test_modules_have_no_cycles() -> None:
    graph = {
        name: {target for target in targets if target in SOURCES and target != "spatial_edit"}
        for name, targets in importing(type_checking=False).items()
        if name != "spatial_edit"
    }
    for targets in graph.values():  # importing a.b.c runs a.b's __init__ too, unless one is inside the other
        targets |= {
            ".".join(t.split(".")[:i]) for t in set(targets) for i in range(2, t.count(".") + 1)
        } & set(graph)
    for name, targets in graph.items():
        graph[name] = {target for target in targets if not name.startswith(f"{target}.") and target != name}

    state: dict[str, int] = {}

    def visit(name: str, path: list[str]) -> None:
        if state.get(name) == 2:
            return
        assert state.get(name) != 1, "import cycle: " + " -> ".join([*path[path.index(name) :], name])
        state[name] = 1
        for target in sorted(graph.get(name, ())):
            visit(target, [*path, name])
        state[name] = 2

    for name in graph:
        visit(name, [])


@pytest.mark.parametrize("package", WHERE)
def test_heavy_packages_stay_where_they_belong(package: str) -> None:
    users = {
        part(module) for module, targets in ALL.items() if any(t.split(".")[0] == package for t in targets)
    }
    assert users <= WHERE[package], f"{package} is imported in {sorted(users - WHERE[package])}"


def test_some_packages_are_never_imported() -> None:
    for module, targets in ALL.items():
        wrong = {target.split(".")[0] for target in targets} & NEVER
        assert not wrong, f"{module} imports {sorted(wrong)}"


def test_only_app_and_bench_import_ui() -> None:
    users = {part(module) for module, targets in ALL.items() if any(part(t) == "ui" for t in targets)}
    assert users <= {"ui", "app", "bench"}


def test_import_is_light() -> None:
    """The package and its plain names import, quietly, with all but torch, numpy and pillow blocked."""
    blocked = [
        "gradio",
        "accelerate",
        "cv2",
        "triton",
        "ray",
        "fsspec",
        "safetensors",
        "spaces",
        "torchvision",
    ]
    program = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        # torch itself looks for triton and lives without it
        if name.split(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
import spatial_edit
heavy = [name for name in ("torch", "numpy", "PIL") if name in sys.modules]
assert not heavy, heavy
from spatial_edit import Blobs, Generator, Latent, ModelSpec, Provenance, Scene, open_photo
import spatial_edit.cli, spatial_edit.checkpoints, spatial_edit.runtime, spatial_edit.seeds
import torch
assert not torch.cuda.is_initialized()
assert not set({blocked}) & set(sys.modules), set({blocked}) & set(sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "" and result.stderr == ""
