"""Scenes of heatmaps on the canvas and in their panel: levels, followers, sigma, objects, networks."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spatial_edit import share
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from tests.e2e.canvas import PHONE, Fingers, at, drag, elements, pick, settle
from tests.e2e.conftest import pages_of, running
from tests.e2e.hands import CODE, one_step, sets
from tests.e2e.test_axe import judge

pytestmark = pytest.mark.browser
SEED = 1
DARK = "&__theme=dark"
SCREENS: list[tuple[str, dict[str, Any]]] = [("", {}), ("", PHONE), (DARK, {})]


def tiny(number: int, name: str, *, objects: bool, folder: Path | None = None) -> SpatialGANScenes:
    model = SpatialGANScenes.tiny(objects=objects)
    words = ("bed", "window", "painting") if objects else ()
    model.spec = replace(model.spec, number=number, name=name, row_names=words, folder=folder)
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SpatialGANScenes]:
    """A hierarchy with its discriminator, and three objects without one."""
    from spatial_edit.checkpoints import save
    from spatial_edit.nn.discriminator import Discriminator

    folder = tmp_path_factory.mktemp("model")
    widths = {4: 8, 8: 8, 16: 8, 32: 4}
    config = {"resolution": 32, "channels": [[side, width] for side, width in widths.items()]}
    save(folder / "discriminator", Discriminator(32, widths), config, torch.float32)
    return {
        "levels": tiny(236, "levels-tiny", objects=False, folder=folder),
        "objects": tiny(237, "objects-tiny", objects=True),
    }


@pytest.fixture(scope="module")
def heat_url(models: dict[str, SpatialGANScenes]) -> Iterator[str]:
    pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")
    with running(*models.values()) as url:
        yield url


@pytest.fixture
def open_heat(browser: Any, heat_url: str, models: dict[str, SpatialGANScenes]) -> Iterator[Any]:
    with pages_of(browser, heat_url) as opener:

        def open_at(name: str, more: str = "", **context: Any) -> Any:
            model = models[name]
            return opener(f"?e={share.encode(model.sample(SEED), model.spec.number)}{more}", **context)

        yield open_at


def layout_of(page: Any) -> Any:
    return share.decode(page.evaluate(CODE)).layout


def press(page: Any, name: str) -> None:
    page.locator(f"[data-heat={name}]").click()


def drag_centre(page: Any, number: int, dx: float, dy: float) -> None:
    """By fractions of the picture's side."""
    width, item = page.locator(".se-svg").bounding_box()["width"], elements(page)[number]
    drag(page, at(page, item["x"], item["y"]), (dx * width, dy * width))


def steps(page: Any) -> list[str]:
    return page.evaluate("() => spatialEdit.scene.history.steps.map((step) => step.label)")


def centres(page: Any) -> torch.Tensor:
    return layout_of(page).centres


def test_another_centre_is_picked_where_the_first_ones_node_changes_places(open_heat: Any) -> None:
    page = open_heat("levels")
    for number in (5, 1, 3, 2):
        item = elements(page)[number]
        page.mouse.click(*at(page, item["x"], item["y"]))
        settle(page)
        assert page.evaluate("() => spatialEdit.picked") == [number]


def test_finer_levels_follow_the_coarse_one_unless_detached(open_heat: Any) -> None:
    page = open_heat("levels")
    before = centres(page)
    one_step(page, lambda: drag_centre(page, 0, -0.06, 0.05))
    shift = centres(page) - before
    assert torch.allclose(shift, shift[0].expand_as(shift), atol=2e-3)
    assert shift[0].tolist() == pytest.approx([-0.06, 0.05], abs=0.01)
    assert page.evaluate("() => spatialEdit.frames") > 0  # pictures came while dragging
    assert steps(page)[-1] == "Move coarse centre"
    pick(page, 2)
    one_step(page, lambda: press(page, "detach"))
    assert (
        layout_of(page).detached[2]
        and page.locator("[data-heat=detach]").get_attribute("aria-pressed") == "true"
    )
    before = centres(page)
    pick(page, 0)
    start, now = elements(page), at(page, *(elements(page)[0][axis] for axis in "xy"))
    page.mouse.move(*now)
    page.mouse.down()
    page.mouse.move(now[0] + 0.05 * page.locator(".se-svg").bounding_box()["width"], now[1], steps=4)
    page.wait_for_function("(x) => spatialEdit.elements[3].x > x + 0.03", arg=start[3]["x"])
    assert elements(page)[2]["x"] == start[2]["x"]  # while the drag goes on
    page.mouse.up()
    settle(page)
    shift = (centres(page) - before)[:, 0]
    assert shift[2].abs() < 1e-3 and (shift[[0, 1, 3, 4, 5, 6]] > 0.03).all()
    pick(page, 2)
    press(page, "detach")
    settle(page)
    assert not any(layout_of(page).detached)


def test_alt_moves_a_coarse_centre_alone(open_heat: Any) -> None:
    page = open_heat("levels")
    before = centres(page)
    page.keyboard.down("Alt")
    one_step(page, lambda: drag_centre(page, 0, 0.1, 0))
    page.keyboard.up("Alt")
    shift = (centres(page) - before)[:, 0]
    assert shift[0] > 0.08 and shift[1:].abs().max() < 1e-3
    page.locator('.se-shape[data-id="0"]').focus()
    one_step(page, lambda: page.keyboard.press("Alt+ArrowLeft"))
    assert (centres(page) - before)[1:].abs().max() < 1e-3
    page.locator('.se-shape[data-id="0"]').focus()
    one_step(page, lambda: page.keyboard.press("ArrowLeft"))
    assert (centres(page) - before)[1:, 0].max() < -5e-3


def test_a_locked_centre_stays(open_heat: Any) -> None:
    page = open_heat("levels")
    pick(page, 3)
    page.locator("[data-act=lock]").click()
    settle(page)
    before = centres(page)
    pick(page, 0)
    drag_centre(page, 0, 0.06, 0)
    shift = (centres(page) - before)[:, 0]
    assert shift[3].abs() < 1e-3 and shift[4] > 0.04


def test_sigma_to_nothing_removes_and_raising_it_brings_back(open_heat: Any) -> None:
    page = open_heat("objects")
    pick(page, 1)
    assert page.locator(".sh-who").inner_text() == "Window"
    one_step(page, lambda: sets(page, "[data-heat=sigma]", 20))
    assert layout_of(page).sigmas[1].item() == pytest.approx(0.2, abs=1e-3)
    whole = page.locator(".se-img").get_attribute("src")
    one_step(page, lambda: sets(page, "[data-heat=sigma]", 0))
    assert layout_of(page).hidden == (False, True, False)
    assert page.locator(".se-img").get_attribute("src") != whole
    assert page.locator(".sh-item output").inner_text() == "removed"
    assert "removed" in page.locator('.se-shape[data-id="1"]').get_attribute("aria-label")
    one_step(page, lambda: sets(page, "[data-heat=sigma]", 15))
    assert not any(layout_of(page).hidden) and layout_of(page).sigmas[1].item() == pytest.approx(
        0.15, abs=1e-3
    )
    one_step(page, lambda: press(page, "bring"))
    assert layout_of(page).hidden[1] and page.locator("[data-heat=bring]").inner_text() == "Bring back"
    one_step(page, lambda: press(page, "bring"))
    assert not any(layout_of(page).hidden)


def test_the_circle_of_sigma_is_dragged_to_a_size_and_to_nothing(open_heat: Any) -> None:
    page = open_heat("objects")
    pick(page, 0)
    item, width = elements(page)[0], page.locator(".se-svg").bounding_box()["width"]

    def pull(by: float) -> None:
        box = page.locator(".se-handle.sigma .se-dot").bounding_box()
        drag(page, (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2), (by * width, 0))

    one_step(page, lambda: pull(0.08))
    assert layout_of(page).sigmas[0].item() == pytest.approx(item["sigma"] + 0.08, abs=0.01)
    one_step(page, lambda: pull(-item["sigma"] - 0.08))
    assert layout_of(page).hidden[0]


def test_an_object_is_replaced_and_its_own_comes_back(open_heat: Any) -> None:
    page = open_heat("objects")
    pick(page, 0)
    own = page.locator(".se-img").get_attribute("src")
    assert page.locator("[data-heat=own]").is_hidden()
    one_step(page, lambda: press(page, "replace"))
    layout = layout_of(page)
    assert layout.looks[0] is not None and layout.looks[1:] == (None, None)
    assert page.locator(".se-img").get_attribute("src") != own
    one_step(page, lambda: press(page, "own"))
    assert layout_of(page).looks == (None, None, None)
    assert page.locator(".se-img").get_attribute("src") == own


@pytest.mark.parametrize("name", ["levels", "objects"])
def test_other_appearances_of_the_same_layout(open_heat: Any, name: str) -> None:
    page = open_heat(name)
    before = layout_of(page)
    press(page, "others")
    page.locator(".sg-choice").nth(3).wait_for()
    assert page.locator(".sg-choice img").evaluate_all("all => new Set(all.map((one) => one.src)).size") == 4
    one_step(page, lambda: page.locator(".sg-choice").nth(1).click())
    layout = layout_of(page)
    assert layout.appearance is not None and torch.equal(layout.centres, before.centres)
    choices = page.locator(".sg-kind option").all_inner_texts()
    assert len(choices) == {"levels": 2, "objects": 3}[name], choices


def test_a_level_is_shown_and_picked_alone(open_heat: Any) -> None:
    page = open_heat("levels")
    page.locator('.sh-levels [data-level="2"]').click()
    assert page.locator(".se-plain.away").count() == 3
    item = elements(page)[0]
    page.mouse.click(*at(page, item["x"], item["y"]))
    chosen = page.evaluate("() => spatialEdit.selected")
    assert chosen is None or elements(page)[chosen]["level"] == 2
    pick(page, 1)  # from the list: its level is shown then
    assert page.locator('.sh-levels [aria-checked="true"]').inner_text() == "Middle"
    page.locator('.sh-levels [aria-checked="true"]').focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator('.sh-levels [aria-checked="true"]').inner_text() == "All"
    page.locator('.se-shape[data-id="3"]').focus()
    page.keyboard.press("3")
    assert page.locator('.sh-levels [aria-checked="true"]').inner_text() == "Fine"
    page.keyboard.press("3")
    assert not page.locator(".se-plain.away").count()


def test_names_are_words(open_heat: Any) -> None:
    page = open_heat("levels")
    names = page.locator(".se-layers [data-pick]").all_inner_texts()
    assert names == ["Coarse", "Middle 1", "Middle 2", "Fine 1", "Fine 2", "Fine 3", "Fine 4"]
    page = open_heat("objects")
    assert page.locator(".se-layers [data-pick]").all_inner_texts() == ["Bed", "Window", "Painting"]
    assert page.locator(".sh-map figcaption span").all_inner_texts() == ["Bed", "Window", "Painting", "All"]


PIXELS = (
    """(canvas) => Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)"""
)


def drawn(page: Any, place: int) -> np.ndarray:
    values = page.locator(".sh-maps canvas").nth(place).evaluate(PIXELS)
    side = int((len(values) // 4) ** 0.5)
    return np.array(values, np.float32).reshape(side, side, 4)[..., :3]


def test_a_panel_shows_the_level_s_field_and_follows_a_drag(open_heat: Any) -> None:
    page = open_heat("levels")
    assert page.locator(".sh-maps canvas").count() == 4
    picture = drawn(page, 0)
    field = layout_of(page).field(0, picture.shape[0]).numpy()
    bright = (picture - [16, 18, 24]).max(-1)
    far = field < 0.6  # the dot lies where it is higher
    assert np.corrcoef(bright[far], field[far])[0, 1] > 0.999
    item = elements(page)[1]
    page.mouse.move(*at(page, item["x"], item["y"]))
    page.mouse.down()
    before = drawn(page, 1)
    page.mouse.move(*at(page, item["x"] - 0.2, item["y"]), steps=4)
    page.wait_for_timeout(100)
    assert np.abs(drawn(page, 1) - before).max() > 100 and np.array_equal(drawn(page, 0), picture)
    page.mouse.up()
    settle(page)


def test_a_dot_is_dragged_in_a_panel(open_heat: Any) -> None:
    page = open_heat("levels")
    before = centres(page)
    box = page.locator(".sh-maps canvas").first.bounding_box()
    x, y = (box[name] + before[0, axis].item() * box["width"] for axis, name in enumerate("xy"))
    one_step(page, lambda: drag(page, (x, y), (0.1 * box["width"], 0)))
    assert (centres(page) - before)[:, 0].tolist() == pytest.approx([0.1] * 7, abs=0.02)
    assert page.evaluate("() => spatialEdit.selected") == 0


def test_a_panel_is_downloaded(open_heat: Any) -> None:
    page = open_heat("objects")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the heatmap: Window").click()
    assert download.value.suggested_filename == "heatmap-window.png"
    with Image.open(download.value.path()) as picture:
        assert picture.format == "PNG" and picture.size == (512, 512)


def test_what_the_networks_make_of_it(open_heat: Any) -> None:
    page = open_heat("levels")
    page.locator("[data-inside=attention]").click()
    page.locator(".sh-seen img").nth(2).wait_for()
    seen = page.locator(".sh-seen figcaption span").all_inner_texts()
    assert seen == ["4 × 4", "8 × 8", "16 × 16"]
    sources = "all => all.map((one) => one.src)"
    first = page.locator(".sh-seen img").evaluate_all(sources)
    drag_centre(page, 0, 0.1, 0)
    page.wait_for_function("(old) => document.querySelector('.sh-seen img')?.src !== old", arg=first[0])
    page.locator("[data-inside=features]").click()
    page.locator(".sh-seen img").nth(3).wait_for()
    data = page.locator(".sh-seen img").first.get_attribute("src").split(",")[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert len({picture.getpixel((16 + 32 * i, 16 + 32 * j)) for i in range(4) for j in range(4)}) > 4
    page.locator("[data-inside=features]").click()
    assert not page.locator(".sh-seen img").count() and page.locator(".sh-said").inner_text() == ""


def test_a_model_without_its_discriminator_says_so(open_heat: Any) -> None:
    page = open_heat("objects")
    page.locator("[data-inside=attention]").click()
    page.wait_for_function("() => document.querySelector('.sh-said').textContent.includes('discriminator')")
    assert page.locator(".sh-said").inner_text().endswith(".") and not page.locator(".sh-seen img").count()


def test_a_finger_drags_a_centre_and_its_targets_are_large(open_heat: Any) -> None:
    page = open_heat("levels", **PHONE)
    before, item = centres(page), elements(page)[0]
    page.locator('.se-layers [data-pick="0"]').tap()
    Fingers(page).drag(at(page, item["x"], item["y"]), (30, 0))
    page.wait_for_function("() => spatialEdit.scene.can_undo && spatialEdit.idle")
    assert (centres(page) - before)[:, 0].min() > 0.03
    for button in page.locator(".sh button:visible").all():
        box = button.bounding_box()
        assert box["height"] >= 40 and box["width"] >= 40, button.inner_text()
    assert page.locator("[data-heat=sigma]").bounding_box()["height"] >= 40
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("more", "context"), SCREENS, ids=["desktop", "phone", "dark"])
@pytest.mark.parametrize("name", ["levels", "objects"])
def test_axe_has_nothing_to_object_to(
    open_heat: Any,
    axe_source: str,
    name: str,
    more: str,
    context: dict[str, Any],
) -> None:
    page = open_heat(name, more, **context)
    judge(page, axe_source, name)
    pick(page, 1)
    page.locator("[data-inside=features]").click()
    page.locator(".sh-seen img").first.wait_for()
    judge(page, axe_source, f"{name}, one selected")
