"""What the tests of the engine share."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import settings
from misbehaving import Server

# How long one example takes says more about the machine than about the code.
settings.register_profile("coursevm", deadline=None)
settings.load_profile("coursevm")


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
