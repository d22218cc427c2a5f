"""The role dev_cloud, on a second cloud beside the one in use: what it refuses, what it leaves, what it mends.

The scripts are shell because what they do to the machine is: links, namespaces, rules, killed processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("script", ["refuse", "destroy", "mend"])
def test_dev_cloud(script):
    search = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    file = Path(__file__).with_name(f"{script}.sh")
    done = subprocess.run([file], env={**os.environ, "PATH": search}, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "passed, 0 failed" in done.stdout
