"""Spatial Edit: entry for a Space and for a laptop. `python app.py --help`.

The environment comes first: OpenMP's waiting policy is read when torch is imported, Gradio's analytics
switch when gradio is. Importing this module loads no model and starts nothing.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads sleep: two cores serve several visitors
os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of small operations wait longer than they compute
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import argparse
import contextlib
import errno
import importlib.util
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

    from spatial_edit.generators.contract import Generator, ModelSpec
    from spatial_edit.store import Store
    from spatial_edit.ui.models.known import KnownModels
    from spatial_edit.ui.models.permission import Permission

if os.environ.get("SPACES_ZERO_GPU"):  # before torch, parts of which it replaces
    with contextlib.suppress(ImportError):
        import spaces  # noqa: F401

PREFERRED = "box3d-rooms"  # what a page opens with when it is there
ON_SPACE = bool(os.environ.get("SPACE_ID"))
MCP_MISSING = "The MCP server needs one more package: pip install 'gradio[mcp]==6.31.0'."
LIBRARY_MISSING = (
    "A system library that OpenCV needs is missing ({error}). Install the packages named in packages.txt, "
    "on Debian or Ubuntu: xargs apt-get install -y < packages.txt"
)


def build_demo(
    lookup: Callable[[str], Generator] | None = None,
    store: Store | None = None,
    models: Mapping[str, ModelSpec] | None = None,
    *,
    device: str = "cpu",
    parse: Callable[..., Any] | None = None,
    permission: Permission | None = None,
) -> gr.Blocks:
    """The app's Blocks. By default on the registry's models and the store that the environment names.

    permission: who may add models; nobody unless given."""
    check_libraries()
    from spatial_edit.generators import registry
    from spatial_edit.store import Store
    from spatial_edit.ui.models.permission import NEVER
    from spatial_edit.ui.wiring import build

    return build(
        lookup or (lambda name: registry.load(name, device=device)),
        store or Store.from_environment(),
        shown(PREFERRED) if models is None else models,
        parse=parse,
        gpu=lambda name: registry.load(name, device="cuda"),
        permission=permission or NEVER,
    )


def shown(first: str) -> KnownModels[ModelSpec]:
    """The models that draw pictures and whose weights are here, bundled and added, `first` in front."""
    from spatial_edit.session.adding import pictured
    from spatial_edit.ui.models.known import KnownModels

    return KnownModels(lambda: in_front(pictured(), first))


def check_libraries() -> None:
    """SystemExit with a sentence when OpenCV cannot find its system libraries."""
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        if "libGL" in str(error) or ".so" in str(error):
            raise SystemExit(LIBRARY_MISSING.format(error=error)) from error
        raise


def in_front(models: Mapping[str, ModelSpec], first: str) -> dict[str, ModelSpec]:
    """The models with `first` in front, the one that a page opens with; else the preferred one, if it is
    there."""
    name = next((name for name in (first, PREFERRED) if name in models), None)
    return {name: models[name], **models} if name else dict(models)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve until interrupted."""
    chosen = _parser().parse_args(arguments)
    if not is_free(chosen.host, chosen.port):
        raise SystemExit(f"Port {chosen.port} is taken: choose another one with --port.")
    check_libraries()
    if chosen.mcp and importlib.util.find_spec("mcp") is None:
        raise SystemExit(MCP_MISSING)

    from spatial_edit.generators import registry
    from spatial_edit.runtime import choose, keep_freed_memory

    keep_freed_memory()
    try:
        device = choose(chosen.device).device
    except ValueError as error:
        raise SystemExit(f"The app cannot start: {error}.") from error
    models = shown(chosen.model)
    if models and chosen.model not in (*models, PREFERRED):
        raise SystemExit(f"There is no model {chosen.model!r}: use one of {', '.join(models)}.")

    from spatial_edit.ui.api.mcp import mcp_options
    from spatial_edit.ui.context import first_seed
    from spatial_edit.ui.models.permission import permission
    from spatial_edit.ui.wiring import launch_options, warm

    if models:
        name = next(iter(models))
        lookup = partial(registry.load, device=device)
        threading.Thread(target=warm, args=(lookup, name, first_seed(name)), daemon=True).start()
    try:
        may = permission(chosen.host)
        demo = build_demo(models=models, device=device, permission=may)
        demo.launch(
            server_name=chosen.host,
            server_port=chosen.port,
            **launch_options(may),
            **(mcp_options() if chosen.mcp else {}),
        )
    except (ValueError, OSError) as error:  # a setting that is wrong
        raise SystemExit(f"The app cannot start: {error}") from error
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Spatial Edit in the browser: it prints its address and serves until Ctrl+C.",
        epilog="Links to parsed photos last when SPATIAL_EDIT_STORE names a folder or an fsspec address. "
        "Models can be added from the page where only this computer reaches it, elsewhere with "
        "SPATIAL_EDIT_ADD_MODELS=1; they lie in the folder SPATIAL_EDIT_MODELS.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    host = "0.0.0.0" if ON_SPACE else "127.0.0.1"
    parser.add_argument("--host", default=host, help="address to listen on; 0.0.0.0 is every one")
    parser.add_argument("--port", type=_port, default=7860, help="port to listen on, 1 to 65535")
    parser.add_argument(
        "--model", default=PREFERRED, help="the model that a page opens with, bundled or added"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N, mps, or auto")
    parser.add_argument("--mcp", action="store_true", help="also serve the API's endpoints as MCP tools")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no port: use 1 to 65535")
    return int(text)


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there. SystemExit for an address that this machine does not have."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise SystemExit(f"{host!r} is no address of this machine: try --host 127.0.0.1.") from error
    return True


if __name__ == "__main__":
    sys.exit(main())
