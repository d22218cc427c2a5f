"""Use a running Jupyter with a real browser: log in, run a notebook's cell, look at what is published behind the login.

usage: browser.py URL SCREENSHOTS [PATH TEXT]...   with the password in the environment variable PASSWORD and, for a
       certificate that no CA has issued, the SHA-256 of its public key in TRUSTED_KEY, in base64

Each PATH below the URL must show the TEXT. Prints as JSON what the cell printed, the schemes of the web sockets, and
the titles of those pages. Pictures of all are in the directory SCREENSHOTS. Needs Debian's chromium and the Python
package playwright.
"""

import json
import os
import pathlib
import re
import sys
from urllib.parse import urlsplit

from chromium import TIMEOUT, chromium
from playwright.sync_api import Page, expect

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": "sum",
            "metadata": {},
            "source": "print('the answer is', 6 * 7)",
            "outputs": [],
            "execution_count": None,
        }
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}

SAVE = """async ([url, body]) => {
  const headers = {'X-XSRFToken': document.cookie.match(/\\b_xsrf=([^;]*)/)[1]};
  return (await fetch(url, {method: 'PUT', headers, body})).status;
}"""


def log_in(page: Page, url: str, password: str) -> None:
    """Fill in the login form, which leads to JupyterLab."""
    page.goto(url)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(re.escape(url) + "lab"))


def save(page: Page, url: str, name: str) -> None:
    """Save the notebook from a page of Jupyter's."""
    document = {"type": "notebook", "format": "json", "content": NOTEBOOK}
    status = page.evaluate(SAVE, [f"{url}api/contents/{name}", json.dumps(document)])
    assert status in (200, 201), f"saving {name} gives HTTP {status}"


def run_cell(page: Page, url: str, name: str) -> str:
    """Open the notebook, run its cell, and return what appears below it."""
    page.goto(f"{url}lab/tree/{name}")
    expect(page.locator("#jp-bottom-panel")).to_contain_text("Idle", timeout=TIMEOUT)
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-OutputArea-output").first
    expect(output).to_contain_text("answer", timeout=TIMEOUT)
    return output.inner_text().strip()


def main() -> None:
    url, directory, *pages = sys.argv[1:]
    screenshots = pathlib.Path(directory)
    screenshots.mkdir(parents=True, exist_ok=True)
    schemes = set()
    with chromium(os.environ.get("TRUSTED_KEY", "")) as context:
        page = context.new_page()
        page.on("websocket", lambda socket: schemes.add(urlsplit(socket.url).scheme))
        try:
            log_in(page, url, os.environ["PASSWORD"])
            save(page, url, "browser.ipynb")
            output, titles = run_cell(page, url, "browser.ipynb"), []
            page.screenshot(path=screenshots / "notebook.png")
            for number, (path, text) in enumerate(zip(pages[::2], pages[1::2], strict=True), 1):
                page.goto(url + path)
                expect(page.get_by_text(text).first).to_be_visible(timeout=TIMEOUT)
                page.screenshot(path=screenshots / f"page-{number}.png")
                titles.append(page.title())
        except BaseException:
            page.screenshot(path=screenshots / "failed.png")
            raise
    json.dump({"output": output, "sockets": sorted(schemes), "titles": titles}, sys.stdout)


main()
