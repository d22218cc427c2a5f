"""The course image, booted as a cloud would that has a config drive; the demo boots it with the metadata service."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

IMAGES = Path("/var/lib/coursevm/images")


def test_the_image_boots_with_a_config_drive():
    built = sorted(IMAGES.glob("coursevm-debian-12-*.qcow2"))
    if not built:
        pytest.fail(f"no image in {IMAGES}: build it first (make image, or make demo)")
    script = Path(__file__).with_name("boot.sh")
    done = subprocess.run([script, built[-1]], capture_output=True, text=True, timeout=900, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert ", 0 failed" in done.stdout
