"""MCP: the API's endpoints as tools, by Gradio's own server, with one correction.

Gradio 6.31 gives the results of a tool with several outputs as one text when the client asks for no progress,
so that a picture arrives as the name of a file. Here each result is given for itself.
"""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from gradio.mcp import GradioMCPServer


async def each_result(self: GradioMCPServer, job: Any) -> list[Any]:
    """The results of a finished call, one item an output."""
    result = await run_sync(job.result)
    return list(result) if isinstance(result, tuple) else [result]


def mcp_options() -> dict[str, Any]:
    """Keyword arguments for `launch` that make the app an MCP server; needs the extra `mcp`."""
    setattr(GradioMCPServer, "_execute_tool_without_progress", each_result)  # noqa: B010
    return {"mcp_server": True}
