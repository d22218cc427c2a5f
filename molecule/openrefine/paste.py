"""Paste a table into OpenRefine behind the login of a running Jupyter, in a real browser, and see it in a project.

usage: paste.py URL SCREENSHOT   with the password in the environment variable PASSWORD. Prints the project's URL.
"""

import os
import sys

from chromium import chromium
from playwright.sync_api import Page


def paste(page: Page, table: str) -> None:
    """Go through OpenRefine's own pages, from its first one to a project."""
    page.locator(".create-project-ui-source-selection-tab", has_text="Clipboard").click()
    page.locator("textarea:visible").fill(table)
    page.locator("button:visible", has_text="Next").click()
    page.locator("button:visible", has_text="Create project").click()
    page.locator(".data-table-container").get_by_text("Great Ouse").wait_for()


def main() -> None:
    url, screenshot = sys.argv[1:]
    with chromium() as context:
        page = context.new_page()
        page.goto(f"{url}openrefine/")
        page.get_by_label("Password").fill(os.environ["PASSWORD"])
        page.keyboard.press("Enter")
        try:
            paste(page, "town,river\nMilton Keynes,Ouse\nBedford,Great Ouse\n")
        finally:
            page.screenshot(path=screenshot)
        print(page.url)


main()
