"""Parsing photos in a real browser, with the toy parser."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
COLOURS = ("teal", "orange", "navy", "white", "crimson")
NAMES = "() => [...document.querySelectorAll('.ph-card.done b')].map((node) => node.textContent)"
LIKENESS = (
    "() => [...document.querySelectorAll('.ph-card.done .ph-state')].map((n) => parseFloat(n.textContent))"
)
WATCH = """() => {  // remembers every state that a card was seen in
  window.seen = new Set();
  const look = () => document.querySelectorAll('.ph-card').forEach((card) => seen.add(card.querySelector('b').textContent + card.classList[1]));
  new MutationObserver(look).observe(document.querySelector('.ph-list'), { subtree: true, attributes: true, childList: true });
}"""  # noqa: E501
LOADED = "() => [...document.querySelectorAll('.ph-compare img')].every((img) => img.naturalWidth > 0)"


def rooms(folder: Path, count: int = 2, broken: bool = False) -> list[str]:
    files = []
    for place, colour in enumerate(COLOURS[:count]):
        files.append(folder / f"room {place}.jpg")
        Image.new("RGB", (90, 60), colour).save(files[-1])
    if broken:
        files.append(folder / "note &lt;b&gt; ${1}.png")
        files[-1].write_text("this is no picture")
    return [str(file) for file in files]


def drop(page: Any, files: list[str]) -> None:
    """To the tab, and the photos into it."""
    page.get_by_role("tab", name="Parse photos").click()
    page.locator("#photos input[type=file]").set_input_files(files)
    page.wait_for_function(f"() => document.querySelectorAll('#photos tr.file').length >= {len(files)}")


def parsed(page: Any, files: list[str], words: str) -> None:
    drop(page, files)
    page.locator("#parse").click()
    page.locator("#parse-status").get_by_text(words).wait_for()


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.ui import fake_generator

    monkeypatch.setattr(fake_generator, "PARSE_SECONDS", 3.0)


def test_photos_become_scenes_and_a_bad_file_is_listed(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    parsed(page, rooms(tmp_path, 2, broken=True), "2 photos parsed")
    failed = page.locator(".ph-card.failed")
    assert "not an image" in failed.inner_text() and "note" in failed.inner_text()
    assert failed.locator("b b").count() == 0  # a name is text
    assert page.locator(".ph-card.done").count() == 2
    page.wait_for_function(
        "() => [...document.querySelectorAll('.ph-card.done img')].every((i) => i.naturalWidth)"
    )

    with page.expect_download() as waiting:
        page.locator("#save-all").click()
    with zipfile.ZipFile(waiting.value.path()) as bundle:
        names = bundle.namelist()
        blobs = list(csv.DictReader(io.StringIO(bundle.read("blobs.csv").decode())))
    assert "photos.csv" in names and sum(name.endswith("scene.json") for name in names) == 2
    assert sum(name.endswith("/blob_map.png") for name in names) == 2
    assert {row["photo"] for row in blobs} == {"room 0.jpg", "room 1.jpg"} and len(blobs) == 20


def test_one_is_sent_to_the_editor_and_its_link_can_be_deleted(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    parsed(page, rooms(tmp_path), "2 photos parsed")
    page.locator(".ph-card.done").nth(1).click()
    assert page.locator(".ph-facts h3").inner_text() == "room 1.jpg"
    page.locator("#open-in-editor").click()
    page.wait_for_function("() => new URL(location.href).searchParams.get('s')")
    page.locator(".se-stage").wait_for(state="visible")
    code = page.evaluate("() => spatialEdit.scene.code")
    assert code.startswith("s:")

    page.get_by_role("tab", name="Parse photos").click()
    assert page.locator(".ph-card.done").count() == 2  # the results are still there
    page.locator(".ph-card.done").nth(0).click()
    page.locator(".ph-card.done").nth(1).click()
    page.get_by_text("Delete a scene's link").click()
    field = page.locator("#delete-code input, #delete-code textarea").first
    field.wait_for(state="visible")  # what is folded away is made when it is opened
    page.wait_for_function(
        "(code) => document.querySelector('#delete-code input, #delete-code textarea').value === code",
        arg=code,
    )
    assert field.input_value() == code
    page.locator("#delete").click()
    page.locator("#delete-told").get_by_text("is deleted").wait_for()
    page = open_page(f"?s={code[2:]}")
    assert "not in the store" in page.locator(".se-status").inner_text()


@pytest.mark.usefixtures("slowly")
def test_stop_and_resume(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    drop(page, rooms(tmp_path, 3))
    page.locator("#parse").click()
    page.locator(".ph-card.working").wait_for()
    assert page.locator(".ph-card.waiting").count() == 2
    page.locator(".ph-state", has_text="Working · 40 %").or_(
        page.locator(".ph-state", has_text="Working · 60 %")
    ).wait_for()
    page.locator(".ph-card.done").wait_for()
    page.locator("#stop").click()
    page.locator("#parse-status").get_by_text("Stopped.").wait_for()
    assert page.locator(".ph-card.done").count() == 1 and page.locator(".ph-card.waiting").count() == 2
    page.locator("#resume").click()
    page.locator(".ph-card.working").wait_for()
    assert "done" in page.locator(".ph-card").first.get_attribute("class")  # not made again
    page.locator("#parse-status").get_by_text("3 photos parsed").wait_for()
    assert page.locator("#resume").is_hidden()


def test_the_list_is_sorted_by_likeness_name_and_order(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    files = rooms(tmp_path, 5)
    parsed(page, files[::-1], "5 photos parsed")
    given = page.evaluate(NAMES)
    assert given == [Path(file).name for file in files[::-1]]
    page.locator(".ph-sort").select_option("best")
    best = page.evaluate(LIKENESS)
    assert best == sorted(best, reverse=True) and len(set(best)) > 1
    page.locator(".ph-sort").select_option("worst")
    assert page.evaluate(LIKENESS) == best[::-1] or page.evaluate(LIKENESS) == sorted(best)
    page.locator(".ph-sort").select_option("name")
    assert page.evaluate(NAMES) == sorted(given)
    page.locator(".ph-sort").select_option("order")
    assert page.evaluate(NAMES) == given


def test_photo_and_reconstruction_are_compared(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    parsed(page, rooms(tmp_path), "2 photos parsed")
    page.wait_for_function(LOADED)
    cut = "() => getComputedStyle(document.querySelector('.ph-result')).clipPath"
    before = page.evaluate(cut)
    page.locator(".ph-slider").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert page.evaluate(cut) != before and "60%" in page.evaluate(cut)
    box = page.locator(".ph-compare").bounding_box()
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    assert float(page.locator(".ph-slider").input_value()) == pytest.approx(20, abs=3)
    page.get_by_role("radio", name="Layout map").click()
    assert page.locator(".ph-map").is_visible() and page.locator(".ph-slider").is_hidden()
    first = page.locator(".ph-result").get_attribute("src")
    page.locator(".ph-card.done").nth(1).click()
    page.wait_for_function("(was) => document.querySelector('.ph-result').src !== was", arg=first)


def test_photos_added_later_leave_the_others_alone(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    files = rooms(tmp_path, 3)
    parsed(page, files[:2], "2 photos parsed")
    page.evaluate(WATCH)
    page.locator("#photos input[type=file]").set_input_files(files[2:])
    page.wait_for_function("() => document.querySelectorAll('#photos tr.file').length === 3")
    page.locator("#parse").click()
    page.locator("#parse-status").get_by_text("3 photos parsed").wait_for()
    seen = page.evaluate("() => [...seen]")
    assert "room 2.jpgdone" in seen and "room 0.jpgdone" in seen
    assert not {"room 0.jpgwaiting", "room 0.jpgworking", "room 1.jpgworking"} & set(seen)


def test_the_tab_on_a_phone(open_page: Any, tmp_path: Path) -> None:
    page = open_page(**PHONE)
    parsed(page, rooms(tmp_path, 2, broken=True), "2 photos parsed")
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.locator(".ph-card.done").nth(1).tap()
    assert page.locator(".ph-facts h3").inner_text() == "room 1.jpg"
    page.wait_for_function(LOADED.replace("every", "some"))
    page.locator("#open-in-editor").tap()
    page.wait_for_function("() => spatialEdit.scene.code.startsWith('s:') && spatialEdit.idle")
