"""The command of the README: the app starts on the bundled models, without network, and draws; options."""

from __future__ import annotations

import os
import re
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
def test_the_first_picture_comes_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    from gradio_client import Client

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
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
        listening = time.monotonic() - began
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        image, code = client.predict("blobgan-rooms", 7, 0, api_name="/generate")
        drawn = time.monotonic() - began
        with capsys.disabled():
            print(f"\nlistening after {listening:.1f} s, a picture after {drawn:.1f} s; {load} at the start")
        assert drawn < SECONDS * BUSY
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


def said(*options: str) -> tuple[int, str, str, bool]:
    """Of `python app.py` with these options: exit code, output, errors, and whether it imported torch."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "app.py", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    errors = [line for line in ran.stderr.splitlines() if not line.startswith("import time:")]
    imported_torch = bool(re.search(r"\|\s+torch$", ran.stderr, re.MULTILINE))
    return ran.returncode, ran.stdout, "\n".join(errors), imported_torch


def test_help_names_every_option_without_loading_torch() -> None:
    code, out, errors, torch = said("--help")
    assert code == 0 and errors == "" and not torch
    assert all(option in out for option in ("--host", "--port", "--model", "--device"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--port", "70000"), "'70000' is no port: use 1 to 65535"),
        (("--host", "192.0.2.1"), "'192.0.2.1' is no address of this machine"),  # RFC 5737: nobody has it
        (("--device", "tpu"), "device is 'tpu': use auto, cpu, cuda, cuda:N or mps"),
        (("--device", "cuda:77"), "device 'cuda:77' is not here"),
        (("--model", "nothing"), "There is no model 'nothing': use one of"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: tuple[str, ...], sentence: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code, _, errors, _ = said("--port", str(port), *options)
    assert code != 0 and sentence in errors and "Traceback" not in errors


def test_a_port_that_is_taken_is_said_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, errors, torch = said("--port", str(port))
    assert code != 0 and not torch and errors == f"Port {port} is taken: choose another one with --port."
