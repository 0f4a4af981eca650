"""Shared by every test: few threads, offline, repeatable hypothesis runs."""

from __future__ import annotations

import os

# Before torch and gradio are imported: the suite shares two cores, and nothing may call home.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """A test that changes the number of threads does not slow down the next one."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
