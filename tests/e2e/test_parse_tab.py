"""Parsing photos in a real browser, with the toy parser."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.browser


def test_photos_become_scenes_and_a_bad_file_is_listed(open_page: Any, tmp_path: Path) -> None:
    files = []
    for place, colour in enumerate(("teal", "orange")):
        files.append(tmp_path / f"room {place}.jpg")
        Image.new("RGB", (90, 60), colour).save(files[-1])
    files.append(tmp_path / "note.png")
    files[-1].write_text("this is no picture")

    page = open_page()
    page.get_by_role("tab", name="Parse photos").click()
    page.locator("#photos input[type=file]").set_input_files([str(file) for file in files])
    page.wait_for_function("() => document.querySelectorAll('#photos tr.file, #photos .file').length >= 3")
    page.locator("#parse").click()
    page.locator("#parse-status").get_by_text("2 photos parsed").wait_for()
    page.locator("#failures").get_by_text("not an image").last.wait_for()
    page.wait_for_function("() => document.querySelectorAll('#results img').length === 2")

    with page.expect_download() as waiting:
        page.locator("#save-all").click()
    with zipfile.ZipFile(waiting.value.path()) as bundle:
        names = bundle.namelist()
    assert "results.csv" in names and sum(name.endswith("scene.json") for name in names) == 2

    page.locator("#results img").nth(1).click()
    page.locator("#open-in-editor").click()
    page.wait_for_function("() => new URL(location.href).searchParams.get('s')")
    page.locator(".se-stage").wait_for(state="visible")
    code = page.evaluate("() => spatialEdit.scene.code")
    assert code.startswith("s:")

    page.get_by_role("tab", name="Parse photos").click()
    page.get_by_text("Delete a scene's link").click()
    assert page.locator("#delete-code input, #delete-code textarea").first.input_value() == code
    page.locator("#delete").click()
    page.locator("#delete-told").get_by_text("is deleted").wait_for()
    page = open_page(f"?s={code[2:]}")
    assert "not in the store" in page.locator(".se-status").inner_text()
