"""The command of the README: the app starts on the bundled model, without network, and draws."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "checkpoints" / "blobgan-rooms" / "config.json"
SECONDS = 15.0  # from the command to the first picture, two cores
BUSY = 4.0  # a test machine does other things at the same time


@pytest.mark.slow
@pytest.mark.skipif(not MODEL.exists(), reason="no checkpoints/blobgan-rooms: check out the project")
def test_the_first_picture_comes_in_time() -> None:
    from gradio_client import Client

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        while True:
            assert server.poll() is None, server.stderr and server.stderr.read().decode()
            assert time.monotonic() - began < SECONDS * BUSY, "the app did not start in time"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        image, code = client.predict("blobgan-rooms", 7, 0, api_name="/generate")
        assert time.monotonic() - began < SECONDS * BUSY
        with Image.open(image) as picture:
            assert picture.size == (64, 64)
        edited, second = client.predict(
            code, {"op": "move", "target": 0, "dx": 0.05, "dy": 0.0}, api_name="/edit"
        )
        opened = client.predict(second, api_name="/open")
        assert Path(opened).read_bytes() == Path(edited).read_bytes()
    finally:
        server.terminate()
        server.wait(20)
