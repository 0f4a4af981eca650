"""The command that takes the screenshots, on the toy model."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.browser


def test_a_tab_is_shot_on_every_device(browser: Any, app_url: str, tmp_path: Path) -> None:
    from spatial_edit.bench import screens

    def shoot() -> dict[str, int]:
        return asyncio.run(screens._shoot(app_url, "edit", screens._edited, tmp_path))

    with ThreadPoolExecutor(1) as other:  # this thread's event loop belongs to the test's own browser
        made = other.submit(shoot).result()
    assert set(made) == {"edit-desktop.jpg", "edit-phone.jpg", "edit-dark.jpg"}
    sizes, corners = {}, {}
    for name, size in made.items():
        assert size == (tmp_path / name).stat().st_size < 400_000
        with Image.open(tmp_path / name) as picture:
            sizes[name], corners[name] = picture.size, sum(picture.convert("RGB").getpixel((3, 3)))
    assert [sizes[name][0] for name in sorted(sizes)] == [1280, 1280, 390]
    assert corners["edit-dark.jpg"] < 150 < 600 < corners["edit-desktop.jpg"]
    assert "kB  together" in screens.table({"files": made, "bytes": sum(made.values())})
