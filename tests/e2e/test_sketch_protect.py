"""The protect mask: painted, made from the selection or a picture; outside it the picture stays."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spatial_edit import share

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CELLS = 64
APPLIED = "Outside the mask nothing changes; its edge is soft"
PICTURE = """async () => {  // 64 x 64 greys of the picture shown
  const img = document.querySelector('.se-img'); await img.decode();
  const pen = Object.assign(document.createElement('canvas'), { width: 64, height: 64 }).getContext('2d');
  pen.drawImage(img, 0, 0, 64, 64);
  return Array.from(pen.getImageData(0, 0, 64, 64).data.filter((value, place) => place % 4 === 1));
}"""


def picture(page: Any) -> np.ndarray:
    return np.array(page.evaluate(PICTURE), dtype=float).reshape(64, 64)


def guard(page: Any) -> np.ndarray | None:
    """The mask in the scene's code, True where the picture may change."""
    code = page.evaluate("() => spatialEdit.scene.code")
    kept = share.decode(code).guard
    return None if kept is None else kept.mask.numpy()


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    box = page.locator(".se-svg").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def stroke(page: Any, *points: tuple[float, float]) -> None:
    page.mouse.move(*place(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, *point), steps=5)
    page.mouse.up()


def do(page: Any, what: str) -> None:
    page.locator(f"button[data-mask={what}]").click()


def brush(page: Any, percent: int) -> None:
    page.locator("[data-mask=size]").fill(str(percent))


def applied(page: Any) -> None:
    do(page, "apply")
    page.wait_for_function("() => spatialEdit.scene.why === 'commit' && spatialEdit.idle")


@pytest.fixture
def masking(open_page: Any) -> Any:
    page = open_page()
    page.locator("button[data-tool=protect]").click()
    return page


def test_a_painted_mask_keeps_the_rest(masking: Any) -> None:
    page = masking
    before = picture(page)
    brush(page, 25)
    stroke(page, (0.5, 0.62), (0.55, 0.68))
    assert page.locator(".se-veil path").get_attribute("d").count("M") == 2  # all but a hole is hatched
    applied(page)
    assert page.locator(".se-status").inner_text().startswith(APPLIED)
    mask = guard(page)
    assert mask[40, 32] and not mask[10, 10] and 0.02 < mask.mean() < 0.25
    page.mouse.click(*place(page, 0.52, 0.64))  # the bed, or what lies on it
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("+")
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")
    page.keyboard.press("h")
    page.wait_for_function("() => spatialEdit.elements.some((item) => item.hidden) && spatialEdit.idle")
    change = np.abs(picture(page) - before)
    far = np.ones((64, 64), bool)
    rows, columns = np.nonzero(mask)
    far[max(0, rows.min() - 5) : rows.max() + 6, max(0, columns.min() - 5) : columns.max() + 6] = False
    assert change[mask].max() > 12 and change[far].max() <= 3  # what is left is the JPEG's
    for _ in range(4):
        page.keyboard.press("Control+z")
        page.wait_for_function("() => spatialEdit.idle")
    assert guard(page) is None and page.locator(".se-veil").is_hidden()


def test_erase_invert_clear_and_lift(masking: Any) -> None:
    page = masking
    page.get_by_role("radio", name="Protect", exact=True).click()
    brush(page, 20)
    stroke(page, (0.2, 0.2), (0.8, 0.2))  # first stroke: only this is kept
    page.get_by_role("radio", name="Let change").click()
    brush(page, 10)
    stroke(page, (0.5, 0.1), (0.5, 0.3))  # and a gap in it
    applied(page)
    mask = guard(page)
    assert not mask[12, 16] and not mask[12, 48] and mask[12, 32] and mask[40, 32]
    assert page.locator("button[data-tool=protect].marked").count() == 1
    page.locator("button[data-tool=protect]").click()
    do(page, "invert")
    applied(page)
    assert np.array_equal(guard(page), ~mask)
    page.locator("button[data-tool=protect]").click()
    do(page, "clear")
    applied(page)
    assert guard(page) is None and page.locator("button[data-tool=protect].marked").count() == 0


def test_all_but_the_selection_with_the_keyboard(open_page: Any) -> None:
    page = open_page()
    page.locator('.se-shape[data-id="4"]').focus()
    page.keyboard.press("m")
    page.locator("[data-mask=around]").press("Enter")
    page.locator("[data-mask=apply]").press("Enter")
    page.wait_for_function("() => spatialEdit.scene.why === 'commit' && spatialEdit.idle")
    item = page.evaluate("() => spatialEdit.elements.find((one) => one.id === 4)")
    mask = guard(page)
    assert mask[int(64 * item["y"]), int(64 * item["x"])] and not mask[60, 4]
    area = np.pi * item["size"] ** 2
    assert 0.8 * area < mask.mean() < 3 * area
    assert page.evaluate("() => document.querySelector('.se-stage').contains(document.activeElement)")


def test_a_picture_as_a_mask(masking: Any, tmp_path: Path) -> None:
    page = masking
    half = Image.new("L", (300, 200), 0)
    half.paste(255, (150, 0, 300, 200))
    file = tmp_path / "half.png"
    half.save(file)
    page.locator(".se-maskfile").set_input_files(str(file))
    page.locator(".se-status").get_by_text("half.png").wait_for()
    applied(page)
    mask = guard(page)
    assert not mask[:, :31].any() and mask[:, 33:].all()

    page.locator("button[data-tool=protect]").click()
    for name, data, words in (
        ("note.png", b"this is no picture", "cannot be read"),
        ("page.html", b"<b>", "no PNG, JPEG or WebP"),
        ("large.png", b"0" * 20_000_001, "larger than 20 MB"),
    ):
        file = tmp_path / name
        file.write_bytes(data)
        page.locator(".se-maskfile").set_input_files(str(file))
        page.locator(".se-status.bad").get_by_text(words).wait_for()
    assert np.array_equal(guard(page), mask)
    assert page.locator("[data-mask=apply]").is_disabled()  # the bad files changed nothing


def test_masks_that_leave_nothing_or_everything(masking: Any, tmp_path: Path) -> None:
    page = masking
    for name, grey, words in (
        ("black.png", 0, "Nothing could change"),
        ("white.png", 255, "Nothing is protected"),
    ):
        data = io.BytesIO()
        Image.new("L", (8, 8), grey).save(data, "PNG")
        (tmp_path / name).write_bytes(data.getvalue())
        page.locator(".se-maskfile").set_input_files(str(tmp_path / name))
        page.locator(".se-status").get_by_text(name).wait_for()
        do(page, "apply")
        page.locator(".se-status").get_by_text(words).wait_for()
        assert guard(page) is None


def test_masking_with_a_finger_on_a_phone(open_page: Any) -> None:
    page = open_page(**PHONE)
    page.locator("button[data-tool=protect]").tap()
    page.locator(".se-stage").scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        places = [dict(zip("xy", place(page, *point), strict=True)) for point in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", (0.3, 0.5))
    for step in range(1, 9):
        send("touchMove", (0.3 + 0.05 * step, 0.5))
    send("touchEnd")
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("[data-mask=apply]").scroll_into_view_if_needed()
    assert page.locator("[data-mask=apply]").bounding_box()["height"] >= 44
    page.locator("[data-mask=apply]").tap()
    page.wait_for_function("() => spatialEdit.scene.why === 'commit' && spatialEdit.idle")
    mask = guard(page)
    assert mask[32, 20:44].all() and not mask[10].any()


def test_two_fingers_enlarge_and_paint_nothing(open_page: Any) -> None:
    page = open_page(**PHONE)
    page.locator("button[data-tool=protect]").tap()
    page.locator(".se-stage").scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        places = [dict(zip("xy", place, strict=True), id=k) for k, place in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    one, two = place(page, 0.4, 0.5), place(page, 0.6, 0.5)
    send("touchStart", one)
    send("touchMove", (one[0] + 4, one[1]))
    send("touchStart", (one[0] + 4, one[1]), two)
    for step in range(1, 6):
        send("touchMove", (one[0] - 8 * step, one[1]), (two[0] + 8 * step, two[1]))
    send("touchEnd")
    assert (
        page.locator(".se-svg").bounding_box()["width"]
        > 1.3 * page.locator(".se-stage").bounding_box()["width"]
    )
    assert page.locator("[data-mask=apply]").is_disabled() and page.locator(".se-veil").is_hidden()


def test_boxes_have_a_mask_too(open_room: Any) -> None:
    page = open_room()
    number = page.evaluate("() => spatialEdit.elements[0].id")
    page.locator(f'[data-pick="{number}"]').first.click()
    page.locator("button[data-tool=protect]").click()
    do(page, "around")
    applied(page)
    mask = guard(page)
    assert mask.any() and not mask.all() and page.locator(".se-veil").is_visible()
