"""
A person connects their account in a real Chromium: Writ's page, the sign-in at a real authorization server (oidc-provider), back to Writ, and the
agent's call works. And who tries to have it otherwise. With $WRIT_SHOTS pictures of the pages are written there.
"""
import os
import re
import subprocess
import urllib.parse

import pytest

from chromium import chromium, needs_chromium
from house import DEADLINE, IS_ROOT, READER, Endpoint, House, free_port
from test_creds import LOCAL, Remote, account, pin, ready, records, text_of, wait_for

pytestmark = [needs_chromium]


@pytest.fixture(scope="module")
def remote():
    r = Remote()
    yield r
    r.close()


@pytest.fixture
def house(remote):
    h = House()
    try:
        port = free_port()
        h.at = f"http://127.0.0.1:{port}"
        h.text = ready(h, "remote", remote.url, LOCAL + "  oauth: { grant: person }\n", f"connect: {{ listen: 127.0.0.1:{port} }}\n")
        yield h
    finally:
        h.close()


def link(h):
    return h.api("POST", "/v1/connect", {"destination": "remote", "person": "ana"})["url"]


def shot(page, name):
    if os.environ.get("WRIT_SHOTS"):
        page.screenshot(path=os.path.join(os.environ["WRIT_SHOTS"], name + ".png"))


def sign_in(page, until="Connected"):
    """From Writ's page through those of the authorization server."""
    page.get_by_role("link", name="Continue and sign in").click()
    page.locator("input[name=login]").fill("ana")
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name=until).wait_for()


def refusals(h, why):
    return [x for x in records(h, "refusal") if x["what"] == "consent" and why in x["why"]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_person_connects_in_a_browser(house, remote, dark):
    url, said = link(house), []
    with chromium(width=760, height=640, dark=dark) as page:
        page.on("console", lambda m: said.append(m.text))
        answer = page.goto(url)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert page.locator("script").count() == 0 and page.locator("[style]").count() == 0
        for word in ("Connect your account at remote?", "Asked by", remote.issuer, "close this page: nothing has happened yet"):
            assert word in page.inner_text("main"), word
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) == dark, "the style is there, in both colours: " + background
        shot(page, f"consent-{'dark' if dark else 'light'}")
        assert account(house)["state"] != "connected", "looking at the page connects nothing"
        sign_in(page)
        assert page.url.startswith(house.at + "/callback?")
        shot(page, f"connected-{'dark' if dark else 'light'}")
        assert [s for s in said if "Content Security Policy" in s or "Refused" in s] == []
    assert account(house)["state"] == "connected"
    pin(house, "remote", house.text, "whoami")
    agent = Endpoint(house, on_behalf_of="ana")
    try:
        assert text_of(agent.call("remote", "whoami")) == "person ana"
    finally:
        agent.close()
    wait_for(lambda: "account connected" in [r.get("change") for r in records(house, "privilege")])


def test_links_and_answers_are_good_once(house, remote):
    """The callback again, the link again, the way on again; a state of nobody, and one with the code of another sign-in."""
    with chromium() as page:
        url = link(house)
        page.goto(url)
        way_on = page.get_by_role("link", name="Continue and sign in").get_attribute("href")
        page.goto(url)  # shown again: the way on of before is no longer good
        assert page.goto(house.at + way_on).status == 404
        page.goto(url)
        sign_in(page)
        callback = page.url
        assert page.goto(url).status == 404 and page.goto(callback).status == 400 and "belongs to no open link" in page.inner_text("main")
        wait_for(lambda: refusals(house, "belongs to no open link"))
        first = urllib.parse.parse_qs(urllib.parse.urlsplit(callback).query)

        # A second consent: its state, with the code of the first (as if somebody put their own account in the place of hers).
        house.api("POST", "/v1/disconnect", {"destination": "remote", "person": "ana"})
        states = []
        page.on("request", lambda r: states.extend(re.findall(r"[?&]state=([^&]+)", r.url)))
        page.goto(link(house))
        page.get_by_role("link", name="Continue and sign in").click()
        wait_for(lambda: states)
        swapped = urllib.parse.urlencode({"code": first["code"][0], "state": urllib.parse.unquote(states[0]), "iss": first["iss"][0]})
        answer = page.goto(f"{house.at}/callback?{swapped}")
        assert answer.status in (403, 502) and "Not connected" in page.inner_text("main")
        assert account(house)["state"] != "connected"
        wait_for(lambda: [r for r in records(house, "privilege") if r.get("change") == "account refused" and "refused" in r["why"]])
        assert page.goto(f"{house.at}/callback?code=x&state=st_aaaaaaaaaaaaaaaaaaaaaaaaaa").status == 400
        wait_for(lambda: len(refusals(house, "belongs to no open link")) >= 2)
    wait_for(lambda: refusals(house, "no longer good"))


@pytest.mark.skipif(not IS_ROOT, reason="a browser of another user needs root")
def test_the_agents_own_process_opens_the_link(house, remote):
    """The link is ana's; the agent was given it to show. Opened by its own process, before or while she looks at it, it connects nobody."""
    url = link(house)
    code = f"import urllib.request as u\ntry: u.urlopen({url!r})\nexcept u.HTTPError as e: print(e.code, 'class=\"go\"' in e.read().decode())\n"
    out = subprocess.run(["python3", "-c", code], user=READER, group=READER, extra_groups=[], capture_output=True, text=True, cwd="/", timeout=DEADLINE)
    assert out.stdout.strip() == "403 False", out
    wait_for(lambda: any(f"this is the browser of user {READER}" in r.get("why", "") for r in records(house, "privilege")))
    with chromium() as page:  # hers works on: what others tried used nothing up
        page.goto(url)
        way_on = page.get_by_role("link", name="Continue and sign in").get_attribute("href")
        stolen = code.replace(url, house.at + way_on)
        out = subprocess.run(["python3", "-c", stolen], user=READER, group=READER, extra_groups=[], capture_output=True, text=True, cwd="/", timeout=DEADLINE)
        assert out.stdout.strip() == "403 False", out
        sign_in(page)
    assert account(house)["state"] == "connected"


def test_the_page_is_not_framed_or_reached_under_another_name(house):
    """Clickjacking and DNS rebinding: a page elsewhere shows it in a frame, or has its own name point here."""
    url = link(house)
    with chromium() as page:
        page.set_content(f'<iframe src="{url}"></iframe>')
        page.wait_for_timeout(500)
        assert all("Connect your account" not in f.content() for f in page.frames)
    request = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: evil.test", url], capture_output=True, text=True)
    if request.returncode == 0:
        assert request.stdout == "403"
        wait_for(lambda: refusals(house, "Not here"))
