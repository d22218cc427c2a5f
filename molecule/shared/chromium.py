"""Debian's Chromium, with a profile of its own and without its maker's services."""

import contextlib
import tempfile
from collections.abc import Iterator

from playwright.sync_api import BrowserContext, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Milliseconds that anything may take.
TIMEOUT = 90_000


@contextlib.contextmanager
def chromium(trusted_key: str = "") -> Iterator[BrowserContext]:
    """Start the browser, and end it afterwards.

    It takes a certificate that no CA has issued only for this public key: its SHA-256 in base64.
    """
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path="/usr/bin/chromium",
            headless=True,
            args=[*FLAGS, f"--ignore-certificate-errors-spki-list={trusted_key}"],
            viewport={"width": 1200, "height": 700},
        )
        context.set_default_timeout(TIMEOUT)
        yield context
        context.close()
