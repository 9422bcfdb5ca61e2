"""Shared by the tests with real clients: the table of what was tried through the gateway, printed at the end."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

MATRIX = []


@pytest.fixture(scope="session")
def matrix():
    return MATRIX


def pytest_terminal_summary(terminalreporter):
    if not MATRIX:
        return
    heads = ("client", "transport", "client era", "upstream", "upstream era", "tried")
    rows = [heads, *MATRIX]
    widths = [max(len(r[i]) for r in rows) for i in range(5)]
    terminalreporter.section("through the gateway")
    for r in rows:
        terminalreporter.write_line(" | ".join(c.ljust(w) for c, w in zip(r, widths)) + " | " + r[5])
