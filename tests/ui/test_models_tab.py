"""The Models tab without a browser: who may add, what a request does, and that every list learns of it."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from gradio.utils import get_upload_folder  # noqa: E402

from spatial_edit.generators import registry  # noqa: E402
from spatial_edit.session.adding import Adding, pictured  # noqa: E402
from spatial_edit.store import Store  # noqa: E402
from spatial_edit.ui.models.known import KnownModels  # noqa: E402
from spatial_edit.ui.models.permission import AFAR, NEVER, OFF, Permission, is_loopback, permission  # noqa: E402
from spatial_edit.ui.models.work import DISK, HUB, UPLOAD, wanted_of  # noqa: E402
from spatial_edit.ui.wiring import build, launch_options  # noqa: E402
from tests.ui.fake_import import HOLD, fake_import  # noqa: E402

LOCAL = Permission(True, True)


def request(host: str = "127.0.0.1:7860", peer: str | None = "127.0.0.1", **headers: str) -> Any:
    """A request as handlers get it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(headers={"host": host, **named}, client=SimpleNamespace(host=peer))


# ---- who may ----


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_on_locally(host: str) -> None:
    assert is_loopback(host) and permission(host, {}) == LOCAL


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "127.0.0.1.example.org", None]
)
def test_off_where_others_reach_it(host: str | None) -> None:
    assert permission(host, {}) == NEVER
    assert permission(host, {"SPATIAL_EDIT_ADD_MODELS": "1"}) == Permission(True, False)
    assert permission(host, {"SPATIAL_EDIT_ADD_MODELS": "perhaps"}) == NEVER


def test_a_space_and_a_word_against_it() -> None:
    space = {"SPACE_ID": "me/app"}
    assert permission("127.0.0.1", space) == NEVER
    assert permission("127.0.0.1", {**space, "SPATIAL_EDIT_ADD_MODELS": "1"}) == Permission(True, False)
    assert permission("127.0.0.1", {"SPATIAL_EDIT_ADD_MODELS": "0"}) == NEVER


def test_requests_from_here_and_from_elsewhere() -> None:
    for host in ("127.0.0.1:7860", "localhost:7860", "[::1]:7860", "localhost"):
        LOCAL.check(request(host))
    strange = [
        request("spatial.example.org"),  # a name that was pointed at this computer
        request("127.0.0.1.example.org:7860"),
        request(""),
        request(peer="192.0.2.7"),
        request(peer=None),
        request(x_forwarded_for="192.0.2.7"),
        request(forwarded="for=192.0.2.7"),
    ]
    for one in strange:
        with pytest.raises(ValueError, match="from the computer that runs"):
            LOCAL.check(one)
        Permission(True, False).check(one)  # whoever says =1 means everybody
    with pytest.raises(ValueError, match="switched off"):
        NEVER.check(request())
    assert "SPATIAL_EDIT_ADD_MODELS=1" in OFF and "SPATIAL_EDIT_ADD_MODELS=1" in AFAR


def test_uploads_are_larger_only_where_models_may_be_added() -> None:
    assert launch_options()["max_file_size"] == launch_options(NEVER)["max_file_size"] == "40mb"
    assert launch_options(LOCAL)["max_file_size"] == "4gb"


# ---- models that come and go ----


def test_known_models_change_in_one_step() -> None:
    states: list[Any] = [{"a": 1, "b": 2}]
    known: KnownModels[int] = KnownModels(lambda: states[-1])
    items = iter(known.items())
    assert next(items) == ("a", 1)
    states.append({"c": 3})
    assert list(known) == ["a", "b"]
    known.refresh()
    assert next(items) == ("b", 2)  # who has begun to look sees the old state to its end
    assert (list(known), known["c"], len(known), "a" in known, known.get("a")) == (["c"], 3, 1, False, None)


def test_a_disk_that_fails_leaves_what_was_known() -> None:
    def read() -> dict[str, int]:
        if broken:
            raise PermissionError(13, "no")
        return {"a": 1}

    broken = False
    known: KnownModels[int] = KnownModels(read)
    broken = True
    known.refresh()
    assert dict(known) == {"a": 1}


def test_many_look_while_it_changes() -> None:
    states = [{str(k): k for k in range(n)} for n in (3, 40)]
    turn = [0]

    def read() -> dict[str, int]:
        turn[0] += 1
        return states[turn[0] % 2]

    known: KnownModels[int] = KnownModels(read)
    seen: list[int] = []

    def look() -> None:
        for _ in range(300):
            pairs = [(name, row) for name, row in known.items()]
            seen.append(len(pairs))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        known.refresh()
    for thread in threads:
        thread.join()
    assert set(seen) <= {3, 40} and len(seen) == 1200


# ---- the page's requests ----


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    yield tmp_path / "models"
    HOLD.set()
    for name in ("toy", "mine"):
        registry.forget(name)


class Page:
    """The app's handlers by what they are wired to, called as Gradio calls them."""

    def __init__(self, may: Permission = LOCAL, adding: Adding | None = None) -> None:
        self.models = KnownModels(pictured)
        self.demo = build(
            registry.load, Store(), self.models, permission=may, adding=adding or Adding(fake_import)
        )

    def handler(self, name: str) -> Any:
        return next(function.fn for function in self.demo.fns.values() if function.name == name)

    def has(self, name: str) -> bool:
        return any(function.name == name for function in self.demo.fns.values())

    def add(
        self, where: str = UPLOAD, upload: Any = None, path: str = "", address: str = "", **said: str
    ) -> Any:
        words = [said.get(key, "") for key in ("name", "licence", "source")]
        return list(self.handler("on_add")("", request(), where, upload, path, address, *words))

    def remove(self, name: Any, asked: Any = None) -> Any:
        return self.handler("on_remove")("", SimpleNamespace(name=name), asked or request())


def told(values: list[Any]) -> dict[str, Any]:
    """The words of the outcome: the last `gr.HTML` of what changes everywhere."""
    return values[8].value


def uploaded(data: bytes = b"model 1", name: str = "Toy.pkl") -> Path:
    """A file where Gradio puts what a browser sends."""
    home = Path(get_upload_folder()) / "ab12"
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(data)
    return home / name


def test_an_uploaded_file_becomes_a_model_everywhere(folder: Path) -> None:
    page, file = Page(), uploaded()
    values = page.add(upload=str(file), licence="CC0")
    last = values[-1]
    assert told(last)["state"] == "done" and "Added toy: StyleGAN2, 16 px" in told(last)["words"]
    assert not file.exists() and not file.parent.exists()
    assert (
        last[2].value == "toy" and ("toy · StyleGAN2, 16 px", "toy") in last[2].choices
    )  # the editor's list
    assert ("toy · StyleGAN2, 16 px", "toy") in last[6].choices  # that of photos
    rows = {row["name"]: row for row in last[7].value["rows"]}
    assert rows["toy"]["licence"] == "CC0" and last[7].value["removable"]
    assert last[1].value["kind"] == "bare" and last[1].value["elements"] == []
    assert "toy" in page.models and json.dumps(last[7].value)


def test_what_is_busy_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial_edit.ui.models.work.SHOW_EVERY", 0.02)
    page, file = Page(), uploaded()
    HOLD.clear()
    values = page.handler("on_add")("", request(), UPLOAD, str(file), "", "", "", "", "")
    first = next(values)
    assert told(first)["state"] == "busy" and "Reading Toy.pkl, and writing toy" in told(first)["words"]
    assert not first[-1].interactive
    again = page.add(upload=str(uploaded(name="second.pkl")))
    assert "Another model is being added" in told(again[-1])["words"]
    HOLD.set()
    assert told(list(values)[-1])["state"] == "done"


def test_a_browser_that_leaves_stops_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial_edit.ui.models.work.SHOW_EVERY", 0.02)
    page, file = Page(), uploaded()
    HOLD.clear()
    values = page.handler("on_add")("", request(), UPLOAD, str(file), "", "", "", "", "")
    next(values)
    values.close()
    HOLD.set()
    for thread in threading.enumerate():
        if thread.name == "add model":
            thread.join(30)
    assert "toy" in page.models and not file.exists()


def test_a_text_is_refused_and_the_tab_goes_on(folder: Path) -> None:
    page, file = Page(), uploaded(b"hello", "letter.pkl")
    last = page.add(upload=str(file))[-1]
    assert told(last) | {"notes": [], "seconds": 0} == {
        "words": "letter.pkl is a text, not a checkpoint: choose the file of a model.",
        "state": "failed",
        "notes": [],
        "seconds": 0,
    }
    assert not file.exists() and last[-1].interactive and last[9].value is None
    assert told(page.add(upload=str(uploaded()))[-1])["state"] == "done"


def test_a_bad_name_keeps_the_upload(folder: Path) -> None:
    page, file = Page(), uploaded()
    last = page.add(upload=str(file), name="Not A Name")[-1]
    assert told(last)["state"] == "failed" and file.exists()
    assert told(page.add(upload=str(file), name="mine")[-1])["state"] == "done"


def test_a_file_of_this_computer_is_not_deleted(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "Toy.pkl"
    file.write_bytes(b"model 1")
    assert told(Page().add(DISK, path=f" {file} ")[-1])["state"] == "done"
    assert file.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((UPLOAD, None, "", "", "", "", ""), "choose one first"),
        ((DISK, None, " ", "", "", "", ""), "where the file lies"),
        ((HUB, None, "", " ", "", "", ""), "owner/name@revision"),
        (("elsewhere", None, "", "", "", "", ""), "out of date"),
        ((None, None, None, None, None, None, None), "out of date"),
        ((UPLOAD, ["a"], "", "", "", "", ""), "choose one first"),
    ],
)
def test_forms_that_say_too_little(given: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wanted_of(given, LOCAL)


def test_only_a_local_page_names_files_of_the_disk() -> None:
    given = (DISK, None, "/etc/passwd", "", "", "", "")
    assert wanted_of(given, LOCAL).file == Path("/etc/passwd")
    with pytest.raises(ValueError, match="out of date"):
        wanted_of(given, Permission(True, False))


def test_switched_off_is_refused_and_not_only_hidden(folder: Path) -> None:
    page = Page(NEVER)
    assert not page.has("on_add")
    allowed = Page()
    assert told(allowed.add(upload=str(uploaded()))[-1])["state"] == "done"
    page.models.refresh()
    with pytest.raises(gr.Error, match="switched off"):
        page.remove("toy")
    assert (folder / "toy").is_dir()


def test_requests_from_afar_are_refused_where_it_is_local(folder: Path) -> None:
    page, file, afar = Page(), uploaded(), request("spatial.example.org")
    last = list(page.handler("on_add")("", afar, UPLOAD, str(file), "", "", "", "", ""))[-1]
    assert "from the computer that runs" in told(last)["words"] and not folder.exists()
    assert told(page.add(upload=str(file))[-1])["state"] == "done"
    with pytest.raises(gr.Error, match="from the computer that runs"):
        page.remove("toy", afar)
    assert (folder / "toy").is_dir()


def test_removing_takes_it_out_of_every_list(folder: Path) -> None:
    page = Page()
    page.add(upload=str(uploaded()))
    values = page.remove("toy")
    assert told(values)["words"] == "Removed toy." and "toy" not in page.models
    assert all(name != "toy" for _, name in values[6].choices) and not (folder / "toy").exists()
    for name in ("toy", "blobgan-rooms", None, 3):
        with pytest.raises(gr.Error, match="no added model"):
            page.remove(name)


def test_a_new_page_learns_of_what_was_added_elsewhere(folder: Path, tmp_path: Path) -> None:
    page = Page()
    other = tmp_path / "Toy.pkl"
    other.write_bytes(b"model 9")
    fake_import(other, "toy")  # as the command line does
    assert "toy" not in page.models
    values = page.handler("on_show")()
    assert "toy" in page.models and ("toy · StyleGAN2, 16 px", "toy") in values[2].choices
    models = page.handler("models")()
    assert any(row["name"] == "toy" and row["kind"] == "" for row in models)
    shutil.rmtree(folder / "toy")
    page.models.refresh()
    assert all(row["name"] != "toy" for row in page.handler("models")())


def test_texts_go_to_the_browser_as_they_are(folder: Path) -> None:
    """The table's script sets them as text; nothing here makes HTML of them."""
    page, evil = Page(), "<img src=x onerror=alert(1)> ${1} {{2}}"
    last = page.add(upload=str(uploaded()), licence=evil, source=evil)[-1]
    row = next(row for row in last[7].value["rows"] if row["name"] == "toy")
    assert row["licence"] == row["source"] == evil
    script = (Path(__file__).parents[2] / "spatial_edit/ui/models/models.js").read_text()
    assert "innerHTML" not in script and "insertAdjacentHTML" not in script


def test_the_app_may_open_with_an_added_model(folder: Path, tmp_path: Path) -> None:
    import app

    file = tmp_path / "Toy.pkl"
    file.write_bytes(b"model 1")
    fake_import(file, "toy")
    assert next(iter(app.shown("toy"))) == "toy" and "blobgan-rooms" in app.shown("toy")
    assert "stylegan2-rooms" not in app.shown("toy")  # a baseline is for comparison, not for people
    shown = app.shown("toy")
    shutil.rmtree(folder / "toy")
    shown.refresh()
    assert next(iter(shown)) == app.PREFERRED
