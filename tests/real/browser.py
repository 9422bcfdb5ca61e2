"""A browser for consent pages: follows links and redirects, keeps cookies, fills in forms. Standard library only."""
import html
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request

PAGES_MAX = 20


class Browser:
    def __init__(self, fill=None):
        self.fill = fill or {}
        self.open_ = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar(policy=http.cookiejar.DefaultCookiePolicy(
            rfc2965=False, strict_domain=False)))).open

    def get(self, url, data=None):
        """→ status, address, text of the page where it ends."""
        try:
            with self.open_(urllib.request.Request(url, data=data), timeout=30) as r:
                return r.status, r.geturl(), r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.geturl(), e.read().decode(errors="replace")

    def through(self, url):
        """Open a link, go on where a page of Writ asks, and submit each form that comes, until a page has none."""
        status, at, text = self.get(url)
        for _ in range(PAGES_MAX):
            asks = re.search(r'<a class="go" href="([^"]*)"', text)
            if status == 200 and asks:
                status, at, text = self.get(urllib.parse.urljoin(at, html.unescape(asks.group(1))))
                continue
            form = re.search(r"<form[^>]*>.*?</form>", text, re.S)
            if status >= 400 or not form:
                return status, at, text
            action = re.search(r'action="([^"]*)"', form.group()).group(1)
            fields = {}
            for tag in re.findall(r"<input[^>]*>", form.group()):
                name = re.search(r'name="([^"]*)"', tag)
                value = re.search(r'value="([^"]*)"', tag)
                if name:
                    fields[name.group(1)] = self.fill.get(name.group(1), html.unescape(value.group(1)) if value else "")
            status, at, text = self.get(urllib.parse.urljoin(at, html.unescape(action)), urllib.parse.urlencode(fields).encode())
        raise AssertionError("no end of forms at " + at)
