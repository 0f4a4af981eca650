"""The history strip, four variations, the replay, and files that come back."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e.hands import CODE, PIXELS, settle
from tests.e2e.test_seeing_view import nudge

pytestmark = pytest.mark.browser

LABELS = "() => [...document.querySelectorAll('.sg-step')].map((step) => step.getAttribute('aria-label'))"
NOW = (
    "() => [...document.querySelectorAll('.sg-step')].findIndex((step) => step.hasAttribute('aria-current'))"
)
THUMBS = "() => [...document.querySelectorAll('.sg-step img')].every((img) => img.src.startsWith('data:'))"
DROP = """([name, text]) => {
  const data = new DataTransfer(), bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  data.items.add(new File([bytes], name));
  const stage = document.querySelector('.se-stage');
  const how = { dataTransfer: data, bubbles: true, cancelable: true };
  for (const type of ['dragenter', 'dragover', 'drop']) stage.dispatchEvent(new DragEvent(type, how));
}"""


def drop(page: Any, name: str, data: bytes) -> None:
    page.evaluate(DROP, [name, base64.b64encode(data).decode()])


def saved(page: Any, what: str) -> bytes:
    with page.expect_download() as waiting:
        page.locator(f"#save-{what}").click()
    return Path(waiting.value.path()).read_bytes()


def code_becomes(page: Any, code: str) -> None:
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=code)


# ---- history ----


def test_the_strip_has_a_picture_of_every_step_and_goes_there(open_page: Any) -> None:
    page = open_page()
    codes, pictures = [page.evaluate(CODE)], [page.evaluate(PIXELS)]
    for number in (5, 9):
        nudge(page, number)
        codes.append(page.evaluate(CODE))
        pictures.append(page.evaluate(PIXELS))
    page.wait_for_function(THUMBS)
    assert page.evaluate(NOW) == 2 and len(page.evaluate(LABELS)) == 3
    sources = page.evaluate("() => [...document.querySelectorAll('.sg-step img')].map((img) => img.src)")
    assert len(set(sources)) == 3
    page.locator(".sg-step").nth(0).click()
    code_becomes(page, codes[0])
    assert page.evaluate(PIXELS) == pictures[0] and page.evaluate(NOW) == 0
    assert "undone" in page.evaluate(LABELS)[2]
    page.locator(".sg-step").nth(2).click()
    code_becomes(page, codes[2])
    assert page.evaluate(PIXELS) == pictures[2]


def test_a_branch_that_was_left_comes_back(open_page: Any) -> None:
    page = open_page()
    first = page.evaluate(CODE)
    nudge(page, 5)
    left = page.evaluate(CODE)
    page.keyboard.press("Control+z")
    code_becomes(page, first)
    nudge(page, 9, "ArrowDown")
    assert page.evaluate(LABELS)[2].startswith("Branch: ")
    assert page.locator(".sg-step.branch img").get_attribute("src")
    page.locator(".sg-step.branch").click()
    code_becomes(page, left)


def test_the_strip_by_keyboard_alone(open_page: Any) -> None:
    page = open_page()
    codes = [page.evaluate(CODE)]
    for number in (5, 9):
        nudge(page, number)
        codes.append(page.evaluate(CODE))
    page.locator(".sg-step").nth(2).focus()
    assert page.locator('.sg-step[tabindex="0"]').count() == 1
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    code_becomes(page, codes[1])
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    code_becomes(page, codes[0])


def test_labels_are_text_and_the_strip_scrolls_inside(open_page: Any) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    for number in (5, 9, 5, 9, 5, 9):
        nudge(page, number, "ArrowLeft", 1)
    strip = page.locator(".sg-strip")
    assert strip.evaluate("(node) => node.scrollWidth > node.clientWidth && node.scrollLeft > 0")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert strip.locator("script, [onerror]").count() == 0


# ---- variations ----


def test_four_variations_and_a_second_choice_takes_the_first_back(open_tiny: Any) -> None:
    page = open_tiny()
    first = page.evaluate(CODE)
    page.locator('[data-panel="vary"]').click()
    page.locator(".sg-choice").nth(3).wait_for()  # one click and there are four
    assert page.locator(".sg-choice").count() == 4
    sources = "(buttons) => buttons.map((button) => button.firstChild.src)"
    four = page.locator(".sg-choice").evaluate_all(sources)
    page.locator('[data-seeing="vary"]').click()
    page.wait_for_function(
        "(old) => [...document.querySelectorAll('.sg-choice img')].length === 4"
        " && !old.includes(document.querySelector('.sg-choice img').src)",
        arg=four,
    )
    page.locator(".sg-choice").nth(1).click()
    page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=first)
    one = page.evaluate(CODE)
    page.locator(".sg-choice").nth(2).click()
    page.wait_for_function(
        "([a, b]) => ![a, b].includes(spatialEdit.scene.code) && spatialEdit.idle", arg=[first, one]
    )
    settle(page)
    assert page.locator('.sg-choice[aria-pressed="true"]').count() == 1
    page.keyboard.press("Control+z")
    code_becomes(page, first)  # the first choice is no step in between


def test_variations_that_need_a_selection_ask_for_one(open_tiny: Any) -> None:
    page = open_tiny()
    page.locator('[data-panel="vary"]').click()
    page.locator(".sg-kind").select_option("restyle")
    page.locator(".sg-four", has_text="Select").wait_for()
    assert "Select" in page.locator(".sg-four").inner_text()
    page.locator("[data-pick]").first.click()
    page.locator('[data-seeing="vary"]').click()
    page.locator(".sg-choice").nth(3).wait_for()


# ---- replay ----


@pytest.mark.parametrize(("kind", "tag"), [("gif", "img"), ("webp", "img"), ("mp4", "video")])
def test_the_replay_is_made_shown_and_downloaded(open_page: Any, kind: str, tag: str) -> None:
    page = open_page()
    page.locator('[data-panel="film"]').click()
    page.locator('[data-seeing="film"]').click()
    assert "only one step" in page.locator(".sg-screen").inner_text()
    nudge(page)
    page.locator(".sg-format").select_option(kind)
    page.locator('[data-seeing="film"]').click()
    page.locator(".sg-take").wait_for(timeout=60_000)
    assert page.locator(f".sg-screen {tag}").count() == 1
    with page.expect_download() as waiting:
        page.locator(".sg-take").click()
    assert waiting.value.suggested_filename == f"fake-rooms-replay.{kind}"
    data = Path(waiting.value.path()).read_bytes()
    if kind == "mp4":
        assert data[4:8] == b"ftyp"
    else:
        assert getattr(Image.open(io.BytesIO(data)), "n_frames") > 5  # noqa: B009


# ---- files ----


@pytest.mark.parametrize("what", ["picture", "scene"])
def test_a_saved_file_dropped_on_another_page_opens_the_scene(open_page: Any, what: str) -> None:
    page = open_page()
    nudge(page)
    code, picture, data = page.evaluate(CODE), page.evaluate(PIXELS), saved(page, what)
    other = open_page()
    assert other.evaluate(CODE) != code
    drop(other, f"room.{what}", data)
    code_becomes(other, code)
    assert other.evaluate(PIXELS) == picture and other.evaluate("() => spatialEdit.scene.why") == "open"
    assert other.evaluate("() => new URL(location.href).searchParams.get('e')") == code


def test_the_file_button_opens_too(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    nudge(page)
    code, data = page.evaluate(CODE), saved(page, "scene")
    path = tmp_path / "room.json"
    path.write_bytes(data)
    other = open_page()
    other.locator(".sg-file").set_input_files(path)
    code_becomes(other, code)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<script>window.pwned = 1</script>", b'{"code": "<img src=x onerror=window.pwned=1>"}',
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b'{"code": "${window.pwned=1}"}',
    ],
)  # fmt: skip
def test_a_hostile_file_gets_one_sentence_and_harms_nothing(open_page: Any, data: bytes) -> None:
    page = open_page()
    code = page.evaluate(CODE)
    drop(page, "evil.json", data)
    page.locator(".se-status.bad").wait_for()
    assert 10 < len(page.locator(".se-status").inner_text()) < 250
    assert page.evaluate(CODE) == code and page.evaluate("() => window.pwned") is None
    assert page.locator(".sg-drop").is_hidden()
