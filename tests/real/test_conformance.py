"""
The official MCP conformance suite through the gateway, both revisions, over an HTTP and a stdio upstream (tests/conformance/mcp/run.py says how; `make
conformance` also takes each permit away in turn).
"""
import os
import sys

import pytest

from house import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests/conformance/mcp"))
import run  # noqa: E402

pytestmark = pytest.mark.skipif(not os.path.exists(run.SUITE), reason="the conformance suite is not installed (scripts/setup.sh conformance)")


@pytest.fixture(scope="module", params=["http", "stdio"])
def place(request):
    p = run.Place(request.param)
    yield p
    p.close()


@pytest.mark.parametrize("revision", run.REVISIONS)
def test_every_scenario(place, revision):
    outcome = place.run(revision)
    assert not outcome.complaints()
    assert outcome.score() == (run.REVISIONS[revision],) * 2
    assert outcome.extra()[0] == outcome.extra()[1] > 0, "those that the revision does not count: tasks, headers, resumption"
    if (place.transport, revision) == ("http", "2025-11-25"):
        place.permit(but="test_image_content")
        try:
            assert run.changed(outcome, place.run(revision)) == {"tools-call-image"}, "one permit taken away"
        finally:
            place.permit()
