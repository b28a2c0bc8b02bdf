"""Validators of feeds and sitemaps: the rules of their specifications, where checkable."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
XHTML = "{http://www.w3.org/1999/xhtml}"


def _whole(url: str | None) -> str:
    parts = urlsplit(url or "")
    assert parts.scheme in ("http", "https"), url
    assert parts.netloc, url
    assert (url or "").isascii(), f"{url} is an IRI, not a URI"
    return url or ""


def _date(text: str | None) -> datetime:
    date = datetime.fromisoformat(text or "")
    assert date.tzinfo, f"{text} has no zone"
    return date


def _one(parent: ET.Element, name: str) -> ET.Element:
    found = parent.findall(name)
    assert len(found) == 1, f"{len(found)} × {name} in {parent.tag}"
    return found[0]


def check_atom(data: bytes) -> None:
    """Check RFC 4287: required elements of feed and entries, and how often each may occur."""
    feed = ET.fromstring(data)
    assert feed.tag == f"{ATOM}feed"
    _whole(_one(feed, f"{ATOM}id").text)
    assert _one(feed, f"{ATOM}title").text
    newest = _date(_one(feed, f"{ATOM}updated").text)
    ids = []
    for entry in feed.findall(f"{ATOM}entry"):
        ids.append(_whole(_one(entry, f"{ATOM}id").text))
        assert _one(entry, f"{ATOM}title") is not None
        assert _date(_one(entry, f"{ATOM}updated").text) <= newest
        assert len(entry.findall(f"{ATOM}summary")) <= 1
        assert _one(entry, f"{ATOM}content").get("type") == "html"
        assert entry.findall(f"{ATOM}author") or feed.findall(f"{ATOM}author")
        links = [
            link.get("href")
            for link in entry.findall(f"{ATOM}link")
            if link.get("rel") == "alternate"
        ]
        assert len(links) == 1
        _whole(links[0])
    assert len(ids) == len(set(ids))
    (own,) = [link.get("href") for link in feed.findall(f"{ATOM}link") if link.get("rel") == "self"]
    _whole(own)


def check_rss(data: bytes) -> None:
    """Check the RSS 2.0 specification, and the advice of the RSS Board."""
    rss = ET.fromstring(data)
    assert (rss.tag, rss.get("version")) == ("rss", "2.0")
    channel = _one(rss, "channel")
    for name in ("title", "link", "description"):
        assert _one(channel, name).text
    parsedate_to_datetime(_one(channel, "lastBuildDate").text or "")
    guids = []
    for item in channel.findall("item"):
        assert item.find("title") is not None or item.find("description") is not None
        _whole(_one(item, "link").text)
        guids.append(_whole(_one(item, "guid").text))
        assert parsedate_to_datetime(_one(item, "pubDate").text or "").tzinfo
        assert len(item.findall("description")) <= 1
    assert len(guids) == len(set(guids))


def check_json_feed(data: bytes) -> None:
    """Check jsonfeed.org/version/1.1."""
    feed = json.loads(data)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert isinstance(feed["title"], str)
    _whole(feed["home_page_url"])
    _whole(feed["feed_url"])
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert item["content_html"] or item["title"]
        _whole(item["url"])
        _date(item["date_published"])
        if "date_modified" in item:
            _date(item["date_modified"])
        assert all(author["name"] for author in item.get("authors", []))
        assert all(isinstance(tag, str) for tag in item.get("tags", []))
    assert len({item["id"] for item in feed["items"]}) == len(feed["items"])


def check_sitemap(data: bytes) -> None:
    """Check sitemaps.org, with Google's alternates: each group names each of its members."""
    urls = ET.fromstring(data)
    assert urls.tag == f"{SITEMAP}urlset"
    groups = {}
    for url in urls.findall(f"{SITEMAP}url"):
        place = _whole(_one(url, f"{SITEMAP}loc").text)
        assert place not in groups
        groups[place] = {link.get("href") for link in url.findall(f"{XHTML}link")}
        for changed in url.findall(f"{SITEMAP}lastmod"):
            datetime.fromisoformat(changed.text or "")
    assert 0 < len(groups) <= 50_000
    for place, others in groups.items():
        assert all(groups.get(other, others) == others for other in others), place
