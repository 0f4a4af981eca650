"""The API as an MCP server: named, documented tools that return pictures. Needs the extra `mcp`."""

from __future__ import annotations

import ast
import asyncio
import base64
import importlib.util
import io
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

TOOLS = {
    *("models", "generate", "open_code", "describe", "edit", "complete", "vary", "parse", "parse_many"),
    *("see", "vary_four", "replay", "link", "drag"),
}
needs_mcp = pytest.mark.skipif(
    importlib.util.find_spec("mcp") is None, reason="mcp is absent: pip install 'gradio[mcp]==6.31.0'"
)


def test_without_the_package_one_sentence_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import app

    monkeypatch.setattr(app.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'gradio\[mcp\]==6\.31\.0'"):
        app.main(["--mcp", "--port", str(free_port())])


def test_the_sentence_names_the_pinned_version() -> None:
    import app

    root = Path(app.__file__).parent
    pinned = next(
        line for line in (root / "requirements.txt").read_text().split() if line.startswith("gradio=")
    )
    version = pinned.partition("==")[2]
    assert f"gradio[mcp]=={version}'" in app.MCP_MISSING
    assert f'mcp = ["gradio[mcp]=={version}"]' in (root / "pyproject.toml").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from spatial_edit.generators.blobgan.renderer import BlobGenerator
    from spatial_edit.store import Store
    from spatial_edit.ui.api.mcp import mcp_options
    from spatial_edit.ui.wiring import build, launch_options
    from tests.ui.fake_generator import fake_parse

    model = BlobGenerator.tiny()
    demo = build(lambda name: model, Store(), {model.spec.name: model.spec}, parse=fake_parse)
    port = free_port()
    demo.launch(server_port=port, prevent_thread_lock=True, quiet=True, **launch_options(), **mcp_options())
    yield f"http://127.0.0.1:{port}/gradio_api/mcp/"
    demo.close()


def talk(address: str, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """The list of tools, then the result of every call."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def run() -> list[Any]:
        async with AsyncExitStack() as stack:
            read, write, _ = await stack.enter_async_context(streamablehttp_client(address))
            session = await stack.enter_async_context(ClientSession(read, write))
            await session.initialize()
            tools = (await session.list_tools()).tools
            return [tools, *[await session.call_tool(name, given) for name, given in calls]]

    return asyncio.run(run())


def content(result: Any) -> tuple[list[Image.Image], str]:
    """The pictures and the text of a result."""
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(part.data))) for part in result.content if part.type == "image"
    ]
    return pictures, "\n".join(part.text for part in result.content if part.type == "text")


@needs_mcp
def test_tools_are_named_and_documented(address: str) -> None:
    (tools,) = talk(address)
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert len(tool.description) > 20, tool.name
        for name, schema in tool.inputSchema["properties"].items():
            assert schema.get("description"), (tool.name, name)
    edit = next(tool for tool in tools if tool.name == "edit")
    assert '"op": "move"' in edit.description and "complete   keep, seed" in edit.description


@needs_mcp
def test_tools_return_pictures_and_codes(address: str) -> None:
    _, made = talk(address, ("generate", {"model": "blobgan-tiny", "seed": 3, "truncation": 0}))
    pictures, text = content(made)
    assert len(pictures) == 1 and pictures[0].size == (32, 32)
    code = text.split()[-1]
    edit = {"code": code, "edit_json": [{"op": "resize", "target": 1, "factor": 1.5}]}
    _, edited, seen, wrong = talk(
        address,
        ("edit", edit),
        ("describe", {"code": code}),
        ("edit", {"code": code, "edit_json": [{"op": "explode"}]}),
    )
    pictures, text = content(edited)
    assert len(pictures) == 1 and code not in text
    assert len(ast.literal_eval(content(seen)[1])["elements"]) == 4  # Gradio gives Python's notation
    assert wrong.isError and "no known op" in content(wrong)[1]
