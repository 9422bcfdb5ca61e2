"""A real Chromium, driven by Playwright: where both are there, pages are looked at as a person sees them."""
import contextlib
import importlib.util
import os
import shutil

import pytest

PROGRAM = os.environ.get("WRIT_CHROMIUM") or shutil.which("chromium")
needs_chromium = pytest.mark.skipif(PROGRAM is None or importlib.util.find_spec("playwright") is None,
                                    reason="needs Chromium and Playwright: scripts/setup.sh browser python (Ubuntu has no package of Chromium; $WRIT_CHROMIUM names one)")


@contextlib.contextmanager
def chromium(width=1000, height=700, dark=False, through=None):
    """A page in a fresh profile. ``through``: a program that starts the browser, as another user say."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=through or PROGRAM, args=["--no-sandbox"])  # root has no sandbox; it opens our own pages only
        try:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
            page.set_default_timeout(60000)
            yield page
        finally:
            browser.close()
