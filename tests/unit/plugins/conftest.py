"""What the tests of the plugins share."""

from __future__ import annotations

import os
import threading
import time

import pytest
from hypothesis import settings
from misbehaving import Server

# How long one example takes says more about the machine than about the code. The same examples in every run, so that a
# red run is the change's own doing; to look for new ones: HYPOTHESIS_PROFILE=search make unit
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture
def server():
    """A server that is running."""
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made, without making them."""
    made = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made
