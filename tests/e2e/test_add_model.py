"""Adding a model in a real browser: a small file is uploaded, read, drawn, linked and removed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import pages_of
from tests.e2e.test_axe import NAMES, PLACES, judge

pytestmark = pytest.mark.browser

CODE = "() => spatialEdit.scene.code"
OPEN = "(model) => window.spatialEdit && spatialEdit.scene.model === model && spatialEdit.idle"
TOLD = """(before) => {
  const box = document.querySelector('.oc'), words = box.querySelector('p').textContent;
  return words !== before && ['done', 'failed'].includes(box.dataset.state);
}"""
EVIL = '<img src=x onerror="window.pwned=1">${window.pwned=2}{{window.pwned=3}}'


@contextmanager
def served(host: str | None) -> Iterator[str]:
    """The app on the registry's models, as app.py builds it for a server that listens on `host`."""
    import app
    from spatial_edit.generators import registry
    from spatial_edit.ui.models.permission import permission
    from spatial_edit.ui.wiring import build, launch_options
    from tests.ui.fake_generator import fake_parse

    may = permission(host, {})
    demo = build(registry.load, store(), app.shown("blobgan-rooms"), parse=fake_parse, permission=may)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    demo.launch(server_port=port, prevent_thread_lock=True, quiet=True, **launch_options(may))
    yield f"http://127.0.0.1:{port}"
    demo.close()


def store() -> Any:
    from spatial_edit.store import Store

    return Store()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where added models lie."""
    from spatial_edit.generators import registry

    home = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPATIAL_EDIT_MODELS", str(home))
        yield home
    for name in ("toy", "mine"):
        registry.forget(name)


@pytest.fixture(scope="module")
def local_url(folder: Path) -> Iterator[str]:
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    with served("127.0.0.1") as url:
        yield url


@pytest.fixture
def open_models(browser: Any, local_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(
        "tests.e2e.conftest.SHOWN", "window.spatialEdit && spatialEdit.scene.code && spatialEdit.idle"
    )
    with pages_of(browser, local_url) as opener:

        def open_at(query: str = "", **context: Any) -> Any:
            page = opener(query, **context)
            page.get_by_role("tab", name="Models").click()
            page.wait_for_selector('.md-table tr[data-name="blobgan-rooms"]')
            return page

        yield open_at


def add(page: Any, file: Path, name: str = "", licence: str = "") -> str:
    """Fill the form and wait for the outcome; gives its words."""
    page.locator("#checkpoint input[type=file]").set_input_files(str(file))
    page.wait_for_selector("#checkpoint .file-preview")
    page.locator("#model-name input, #model-name textarea").first.fill(name)
    page.locator("#model-licence input, #model-licence textarea").first.fill(licence)
    before = page.locator(".oc p").text_content()
    page.locator("#add-model").click()
    page.wait_for_function(TOLD, arg=before, timeout=60_000)
    return page.locator(".oc p").inner_text()


def test_a_file_is_added_drawn_linked_and_removed(open_models: Any, tmp_path: Path, folder: Path) -> None:
    from tests.ui.small_file import write_checkpoint

    file = tmp_path / "toy.pt"
    write_checkpoint(file)
    page = open_models()
    page.locator("#to-form").focus()
    page.keyboard.press("Enter")  # with many models the form is far below: keys go on there
    page.wait_for_function("() => document.querySelector('#where').contains(document.activeElement)")
    words = add(page, file, "toy", EVIL)
    assert words.startswith("Added toy: StyleGAN2, 16 px, recognised as rosinality's StyleGAN2"), words
    assert EVIL in page.locator('tr[data-name="toy"] td[data-label="Licence"]').inner_text()
    page.wait_for_function(OPEN, arg="toy")
    assert (folder / "toy" / "config.json").is_file()

    page.locator('tr[data-name="toy"] button', has_text="Open").click()  # the editor shows it
    page.wait_for_selector("#generate:visible")
    assert page.locator(".se").get_attribute("data-kind") == "bare"
    assert page.locator(".se-still").is_visible() and page.locator(".se-layers").is_hidden()
    assert "toy · StyleGAN2, 16 px" in page.locator("#model input").input_value()
    first = page.evaluate(CODE)
    page.locator("#seed input").fill("11")
    page.locator("#generate").click()
    page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=first)
    code = page.evaluate(CODE)

    again = open_models(f"?e={code}")  # another visitor, whose lists were made after the model was added
    again.wait_for_function(OPEN, arg="toy")
    assert again.evaluate(CODE) == code and not again.evaluate("() => window.pwned")
    assert not page.evaluate("() => window.pwned")

    again.locator('tr[data-name="toy"] .md-remove').click()
    again.locator(".md-question button", has_text="Keep").click()
    assert (folder / "toy").is_dir()
    again.locator('tr[data-name="toy"] .md-remove').click()
    again.locator(".md-yes").click()
    again.wait_for_selector('tr[data-name="toy"]', state="detached")
    again.wait_for_function(OPEN, arg="blobgan-rooms")  # the editor does not keep what is gone
    assert not (folder / "toy").exists() and "Removed toy" in again.locator(".oc p").inner_text()


def test_a_text_is_refused_and_the_page_goes_on(open_models: Any, tmp_path: Path, folder: Path) -> None:
    from tests.ui.small_file import write_checkpoint

    letter, file = tmp_path / "letter.pkl", tmp_path / "toy.pt"
    letter.write_text("Dear reader,\nthis is no checkpoint.\n")
    write_checkpoint(file, 2)
    page = open_models(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    words = add(page, letter, "mine")
    assert page.locator("#checkpoint .file-preview").count() == 0  # the upload is gone: it is of no use
    assert "letter.pkl" in words and page.locator(".oc").get_attribute("data-state") == "failed"
    assert words.endswith(".") and "Traceback" not in words and not (folder / "mine").exists()
    assert add(page, file, "Mine").startswith("'Mine' cannot be a model's name")
    page.locator("#model-name input, #model-name textarea").first.fill("mine")
    page.locator("#add-model").click()  # the upload is still there
    page.wait_for_selector('tr[data-name="mine"]')
    page.wait_for_selector(".oc[data-state=done]")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("query", "context"), PLACES, ids=NAMES)
def test_nothing_to_object_to(
    open_models: Any,
    axe_source: str,
    tmp_path: Path,
    folder: Path,
    query: str,
    context: dict[str, Any],
) -> None:
    from tests.ui.small_file import write_checkpoint

    write_checkpoint(tmp_path / "axe.pt", 3)
    page = open_models(query, **context)
    add(page, tmp_path / "axe.pt")
    page.locator('tr[data-name="axe"] button', has_text="Open").click()
    page.wait_for_selector(".se-still:visible")
    judge(page, axe_source, "a picture without a layout")
    page.get_by_role("tab", name="Models").click()
    page.locator('tr[data-name="axe"] .md-remove').click()
    page.wait_for_selector(".md-question")
    judge(page, axe_source, "models, one about to be removed")
    page.locator(".md-yes").click()
    page.wait_for_selector('tr[data-name="axe"]', state="detached")


def test_without_permission_there_is_no_form(
    browser: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.e2e.conftest.SHOWN", "window.spatialEdit && spatialEdit.scene.code && spatialEdit.idle"
    )
    with served("0.0.0.0") as url, pages_of(browser, url) as opener:
        page = opener()
        page.get_by_role("tab", name="Models").click()
        page.wait_for_selector('.md-table tr[data-name="blobgan-rooms"]')
        assert not page.locator("#add-model, #checkpoint").count() and not page.locator(".md-remove").count()
        assert "switched off" in page.locator(".intro").last.inner_text()
