"""What every page carries: the scripts without comments, the page compressed, live pictures small."""

from __future__ import annotations

import base64
import gzip
import io

import pytest
import torch
from PIL import Image

pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from spatial_edit.ui import template
from spatial_edit.ui.serving.compress import CompressedPage
from spatial_edit.ui.serving.live import LiveDesk

BODY = b"<!doctype html>" + b"the same words again and again " * 4000


async def everything(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that answers every path with the same page."""
    headers = [(b"content-type", b"text/html"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


@pytest.mark.parametrize(
    ("path", "takes", "encoding"),
    [
        ("/", "gzip, br", "gzip"),
        ("/config", "gzip", "gzip"),
        ("/", "identity", None),
        ("/gradio_api/component_server", "gzip", None),
        ("/gradio_api/queue/data", "gzip", None),
    ],
)
def test_the_page_is_compressed_and_nothing_else(path: str, takes: str, encoding: str | None) -> None:
    client = TestClient(CompressedPage(everything))
    with client.stream("GET", path, headers={"accept-encoding": takes}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    assert (gzip.decompress(raw) if encoding else raw) == BODY
    assert len(raw) == int(answer.headers["content-length"])


def test_scripts_lose_comments_and_indentation_alone() -> None:
    source = "// head\nconst a = 1;   // why\n\n  if (a) {\n    // note\n    b('//kept');\n  }\n"
    assert template.lean(source) == "const a = 1;   // why\nif (a) {\nb('//kept');\n}"
    assert len(template.script()) < 0.95 * sum(len(template._read(name)) for name in template.SCRIPTS)


def test_no_text_goes_over_several_lines() -> None:
    """`lean` would change it: on every line the backticks are closed again."""
    for name in template.SCRIPTS:
        for number, line in enumerate(template._read(name).splitlines(), 1):
            assert line.split("//")[0].count("`") % 2 == 0 or line.count("`") % 2 == 0, f"{name}:{number}"


@pytest.mark.parametrize(("side", "shown"), [(16, 256), (256, 256), (320, 320)])
def test_live_pictures_are_small_and_say_how_long_they_took(side: int, shown: int) -> None:
    desk = LiveDesk(lambda code, elements: torch.zeros(3, side, side))
    answer = desk.answer({"client": "a", "seq": 1, "code": "x", "elements": []})
    data = base64.b64decode(str(answer["image"]).split(",")[1])
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (shown, shown)
    assert isinstance(answer["ms"], float) and answer["ms"] >= 0
