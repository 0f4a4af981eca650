"""The house's rules that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_FILE = 9_500_000
MAX_CHECKOUT = 45_000_000
MAX_LINES = 350
PICKLES = {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".npy", ".joblib", ".dill"}


def shipped() -> list[Path]:
    """The files of the project: what git tracks, or everything that is not ignored when there is no git."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        files = [ROOT / name for name in listing.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path for path in ROOT.rglob("*") if not {".git", ".venv", "runs", "pools"} & set(path.parts)]
    return [path for path in files if path.is_file()]


FILES = shipped()
PYTHON = [path for path in FILES if path.suffix == ".py"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def requirement_lines(path: str) -> list[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / path).read_text().splitlines())
    return [line for line in lines if line]


def test_something_is_checked() -> None:
    assert len(PYTHON) > 20


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_syntax_is_that_of_3_11_and_3_12(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for version in ((3, 11), (3, 12)):
        ast.parse(text, str(path), feature_version=version)


def test_modules_are_short_and_named_for_what_they_hold() -> None:
    long = {
        name(p): n
        for p in PYTHON
        if (n := len(p.read_text().splitlines())) > MAX_LINES and "tests" not in p.parts
    }
    assert not long
    assert not [name(p) for p in PYTHON if p.stem in ("utils", "helpers", "misc", "common")]


def test_modules_say_what_they_are() -> None:
    silent = [
        name(p) for p in PYTHON if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent


def test_no_broad_except() -> None:
    """A broad handler may only tidy up and raise again."""
    broad = [
        f"{name(path)}:{node.lineno}"
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or re.search(r"\b(Base)?Exception\b(?!Group)", ast.unparse(node.type)))
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]
    assert not broad


def test_no_unsafe_loading() -> None:
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "torch.load",
                "np.load",
                "numpy.load",
            ):
                text = ast.unparse(node)
                assert "weights_only=True" in text or "allow_pickle=False" in text, (
                    f"{name(path)}:{node.lineno}"
                )
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("eval", "exec", "os.system"):
                pytest.fail(f"{name(path)}:{node.lineno}: {ast.unparse(node.func)}")


def test_pickle_lends_its_error_alone() -> None:
    """torch.load(weights_only=True) raises pickle's error; nothing else of that module is used."""
    for path in PYTHON:
        tree = ast.parse(path.read_text())
        used = {
            n.attr
            for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "pickle"
        }
        assert used <= {"UnpicklingError"}, name(path)
        froms = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "pickle"]
        assert not froms, name(path)


def test_no_pickles_and_no_large_files() -> None:
    assert not [name(path) for path in FILES if path.suffix in PICKLES]
    assert not [name(path) for path in FILES if path.stat().st_size > MAX_FILE]
    assert sum(path.stat().st_size for path in FILES) < MAX_CHECKOUT


def test_requirements_are_exact() -> None:
    lines = requirement_lines("requirements.txt") + requirement_lines("tests/requirements.txt")
    assert "torch>=2.8,<=2.13.0" in lines
    for line in lines:
        assert line.startswith("torch>=") or re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line), line
    packages = [re.split(r"[=<>]", line)[0].lower().replace("_", "-") for line in lines]
    assert len(set(packages)) == len(packages)
    assert "opencv-python" in packages and "opencv-python-headless" not in packages
    assert "torchvision" not in packages


def test_front_matter_agrees_with_requirements() -> None:
    text = (ROOT / "README.md").read_text()
    front = dict(re.findall(r"^(\w+): *\"?([^\"\n]*)\"?$", text.split("---")[1], flags=re.M))
    assert front["sdk"] == "gradio" and front["app_file"] == "app.py" and front["license"] == "mit"
    assert f"gradio=={front['sdk_version']}" in requirement_lines("requirements.txt")
    assert front["python_version"] == "3.12"


def test_readme_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    for command in (
        "pip install -r requirements.txt && python app.py",
        "pip install -r requirements.txt -r tests/requirements.txt && python -m pytest",
    ):
        assert command in text


def test_readme_names_only_files_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert linked
    assert not [path for path in linked if not (ROOT / path).exists()]


def test_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.11"
    assert {"train", "cluster", "openvino", "triton", "dev"} <= set(
        project["project"]["optional-dependencies"]
    )
    ruff = project["tool"]["ruff"]
    assert ruff["line-length"] == 110 and set(ruff["lint"]["select"]) == {"E", "F", "I", "UP", "B", "RUF"}


def test_ci_is_executable() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
