"""Check the built pages: every internal link leads somewhere, and nothing is loaded from elsewhere.

Run as ``python docs/check_links.py docs/_build/html``.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches without being asked.
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """Anchors, links and loaded files of a page."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loaded = {"", "top"}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note what the tag names and what it points to."""
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        for key in ("href", "src"):
            address = attrs.get(key)
            if not address or address.startswith("data:"):
                continue
            canonical = tag == "link" and attrs.get("rel") in (
                "canonical",
                "index",
                "search",
                "next",
                "prev",
                "author",
            )
            if (tag, key) in LOADED and not canonical:
                self.loaded.append(address)
            self.links.append(address)


def faults(root):
    """Yield a line for each fault in the pages under a folder."""
    files = [path for path in sorted(root.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in files}
    if not pages:
        yield f"{root} has no pages."
    for path, page in pages.items():
        where = path.relative_to(root)
        for address in page.loaded:
            if urlsplit(address).scheme or urlsplit(address).netloc:
                yield f"{where}: loads {address}"
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{where}: no file {address}"
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{where}: no anchor {address}"


if __name__ == "__main__":
    found = list(faults(Path(sys.argv[1]).resolve()))
    print("\n".join(found) or "all internal links lead somewhere")
    sys.exit(bool(found))
