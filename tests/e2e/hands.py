"""What a person does with the panel beside the picture, for the tests of its tabs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PIXELS = """async () => {
  const img = document.querySelector('.se-img'); await img.decode();
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = img.naturalWidth;
  const pen = canvas.getContext('2d'); pen.drawImage(img, 0, 0);
  return Array.from(pen.getImageData(0, 0, canvas.width, canvas.width).data.filter((v, i) => i % 61 === 0));
}"""
CODE = "() => spatialEdit.scene.code"
SET = """([input, value]) => { input.focus(); input.value = value;
  for (const name of ['input', 'change']) input.dispatchEvent(new Event(name, { bubbles: true })); }"""


def settle(page: Any) -> None:
    page.wait_for_function("() => spatialEdit.idle")


def element(page: Any, number: int) -> dict[str, Any]:
    return page.evaluate(f"() => spatialEdit.elements.find((item) => item.id === {number})")


def sets(page: Any, selector: str, value: object) -> None:
    """A control changed as a person does: input while it moves, change when it is let go."""
    page.evaluate(SET, [page.locator(selector).element_handle(), str(value)])
    settle(page)


def one_step(page: Any, do: Callable[[], object]) -> None:
    """What `do` makes is one edit: undo brings the very code back, redo the edit."""
    before = page.evaluate(CODE)
    do()
    page.wait_for_function("(code) => spatialEdit.scene.code !== code && spatialEdit.idle", arg=before)
    after = page.evaluate(CODE)
    assert page.locator(".se-status.bad").count() == 0, page.locator(".se-status").inner_text()
    page.locator('[data-act="undo"]').click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=before)
    page.locator('[data-act="redo"]').click()
    page.wait_for_function("(code) => spatialEdit.scene.code === code && spatialEdit.idle", arg=after)


def choose(page: Any, *numbers: int) -> None:
    """Selects elements in the list, the second and further ones with Shift or Ctrl held."""
    for i, number in enumerate(numbers):
        page.locator(f'.se-layers [data-pick="{number}"]').click(modifiers=["Control"] if i else [])
    settle(page)


def output(page: Any, name: str) -> str:
    return page.locator(f"[data-dial={name}] output").inner_text()
