"""The app in a process of its own, as a person starts it, for as long as it is measured."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spatial_edit.bench import BenchError

APP = Path(__file__).resolve().parents[2] / "app.py"
PATIENCE = 120.0  # seconds until the app must listen, on a busy machine


@contextmanager
def serving(model: str) -> Iterator[str]:
    """Start app.py with this model in front, on a free port; gives its address and stops it at the end."""
    if not APP.is_file():
        raise BenchError("app.py is not here: run the bench in a clone of the repository")
    port = free_port()
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(
            [sys.executable, str(APP), "--port", str(port), "--model", model],
            cwd=APP.parent,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            _wait(server, port)
            yield f"http://127.0.0.1:{port}"
        except _Ended as error:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:]
            raise BenchError(f"the app did not start: {' '.join(last) or error}") from error
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


class _Ended(Exception):
    """The server is not there, and why."""


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if server.poll() is not None:
            raise _Ended(f"it ended with exit code {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise _Ended(f"nothing listened within {PATIENCE:.0f} s")


def free_port() -> int:
    """A port of this machine that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
