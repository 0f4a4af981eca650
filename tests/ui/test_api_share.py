"""Links that need the store: made once, the key for the first alone, bounded, and told to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit import share  # noqa: E402
from spatial_edit.store import NotFound, Store, StoreError  # noqa: E402
from spatial_edit.ui import sharing  # noqa: E402
from spatial_edit.ui.context import Context  # noqa: E402
from spatial_edit.ui.serving.seats import Seats  # noqa: E402
from spatial_edit.ui.sharing import MOST_A_MINUTE, ShareDesk, space_home  # noqa: E402
from tests.ui.fake_generator import FakeGenerator, fake_parse  # noqa: E402

MODEL = "fake-rooms"


def made(store: Store) -> Context:
    generator = FakeGenerator()
    context: Context = Context(
        lambda name: generator,
        store,
        {MODEL: generator.spec},
        fake_parse,
        Seats(lambda: context.new_session()),
    )
    return context


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LINK_CHARACTERS", 100)


def code_of(context: Context, seed: int) -> str:
    return context.new_session().generate(MODEL, seed).code


def test_a_code_that_fits_is_its_own_link(tmp_path: Path) -> None:
    context = made(Store(tmp_path))
    code = code_of(context, 1)
    assert ShareDesk(context).answer({"code": code}) == {"code": code, "note": "", "key": ""}
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("short")
def test_the_key_goes_to_the_first_visitor_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    context = made(store)
    desk, code = ShareDesk(context), code_of(context, 1)
    first, second = desk.shared(code), desk.shared(code)
    assert first.code == second.code and first.key and not second.key
    assert "for 30 days" in first.note and len(list(tmp_path.iterdir())) == 1
    assert context.new_session().open(first.code).code == code
    store.delete(share.decode_stored(first.code).entry, first.key)
    again = desk.shared(code)  # deleted meanwhile: a new entry, with a key of its own
    assert again.code != first.code and again.key and again.key != first.key


@pytest.mark.usefixtures("short")
def test_without_a_folder_the_note_says_until_when() -> None:
    context = made(Store())
    assert "until the app restarts: no store is set up" in ShareDesk(context).shared(code_of(context, 1)).note


def test_a_stored_scene_that_is_gone_says_so() -> None:
    context = made(Store())
    session = context.new_session()
    code = session.adopt(session.generate(MODEL, 3).scene).code
    desk = ShareDesk(context)
    assert "until the app restarts" in desk.shared(code).note
    assert session.receipt is not None
    context.store.delete(session.receipt.id, session.receipt.key)
    with pytest.raises(NotFound):
        desk.shared(code)


@pytest.mark.usefixtures("short")
def test_nobody_fills_the_store_in_a_minute() -> None:
    context, now = made(Store()), [0.0]
    desk = ShareDesk(context, clock=lambda: now[0])
    for seed in range(MOST_A_MINUTE):
        desk.shared(code_of(context, seed))
    with pytest.raises(ValueError, match="in a minute"):
        desk.shared(code_of(context, 1000))
    desk.shared(code_of(context, 0))  # what is there is still given
    now[0] = 61.0
    assert desk.shared(code_of(context, 1000)).key


@pytest.mark.usefixtures("short")
def test_a_full_store_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    context = made(Store())
    code = code_of(context, 1)
    monkeypatch.setattr(context.store, "_fits", lambda size: False)
    with pytest.raises(StoreError, match="full"):
        ShareDesk(context).shared(code)


@pytest.mark.parametrize("payload", [None, 5, {}, {"code": 5}, {"code": ["x"]}, {"code": "<script>"}, "code"])
def test_malformed_requests_are_refused(payload: Any) -> None:
    with pytest.raises(ValueError):
        ShareDesk(made(Store())).answer(payload)


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("me-rooms.hf.space", "https://me-rooms.hf.space"),
        ("", ""),
        ('x" onload="alert(1)', ""),
        ("${alert(1)}", ""),
    ],
)
def test_only_a_host_becomes_an_address(monkeypatch: pytest.MonkeyPatch, name: str, home: str) -> None:
    monkeypatch.setenv("SPACE_HOST", name)
    assert space_home() == home
