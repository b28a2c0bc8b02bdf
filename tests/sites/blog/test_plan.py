"""The plan of a blog: URLs, languages, lists and links; all problems in one report."""

from __future__ import annotations

import pytest

from ledger.errors import BadInputError
from ledger.project.load import load_project
from ledger.store.plan import Documents
from ledger.store.store import Store


def urls(plan) -> dict[str, str]:
    """Return the URL of each file."""
    return {post.source: url for post, url in zip(plan.posts, plan.urls, strict=True)}


def test_addresses(blog):
    """URLs come from date and name, from the path for pages, or from the front matter."""
    blog.post("2024-05-31-hello-World")
    blog.post("posts/2024/trip/index", date="2024-06-01T23:30:00-05:00", title="T")
    blog.post("de/2024-05-31-hallo")
    blog.post("about")
    blog.post("docs/how/to")
    blog.post("odd", date="2024-01-01", url="/own/place/")
    blog.post("named", date="2024-01-02", slug="Other Name")

    assert urls(blog.plan()) == {
        "2024-05-31-hello-World.md": "/2024/05/31/hello-world/",
        "posts/2024/trip/index.md": "/2024/06/01/trip/",
        "de/2024-05-31-hallo.md": "/de/2024/05/31/hallo/",
        "about.md": "/about/",
        "docs/how/to.md": "/docs/how/to/",
        "odd.md": "/own/place/",
        "named.md": "/2024/01/02/other-name/",
    }


def test_the_zone_of_the_machine_does_not_count(blog, monkeypatch):
    """A date without a zone is in the site's zone; its day is the one in the post."""
    blog.settings('timezone = "Pacific/Auckland"\n')
    blog.post("a", date="2024-05-31 01:00")
    blog.post("b", date="2024-05-30T23:00:00+00:00")
    found = []
    for zone in ("America/New_York", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        plan = blog.plan()
        found.append((urls(plan), [post.source for post in plan.posts]))

    assert found[0] == found[1]
    # 01:00 in Auckland is 13:00 UTC of the day before
    assert found[0] == ({"a.md": "/2024/05/31/a/", "b.md": "/2024/05/30/b/"}, ["a.md", "b.md"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("2024-01-01-a", {}), ("de/2024-01-01-a", {})),
        (("2024-01-01-a", {}), ("2024-01-01-a.de", {})),
        (("x", {"date": "2024-01-01"}), ("y", {"date": "2024-01-01", "lang": "de"})),
    ],
    ids=["folder", "suffix", "key"],
)
def test_translations_find_each_other(blog, one, other):
    """Translations are matched by folder, by suffix or by key, in both directions."""
    key = {"translationKey": "k"} if "lang" in other[1] else {}
    blog.post(one[0], **one[1], **key)
    blog.post(other[0], **other[1], **key)
    plan = blog.plan()
    jobs = {job.planned.key: job.planned.payload for job in plan.jobs if job.kind == "post"}

    assert sorted(next(iter(payload["others"])) for payload in jobs.values()) == ["de", "en"]
    assert sorted(post.language for post in plan.posts) == ["de", "en"]


def test_lists(blog):
    """Posts with something in common share a list; spellings of a name are merged."""
    blog.post("2024-05-31-a", tags="[Ruby, x y]", categories="[News]", author="Ann")
    blog.post("2024-05-30-b", tags="[ruby]", categories="[News]")
    blog.post("2023-01-01-c", tags="[Ruby]")
    lists = {item.url: (item.name, list(item.members)) for item in blog.plan().lists}

    assert lists["/tags/ruby/"] == ("Ruby", [2, 1, 0])
    assert lists["/tags/x-y/"] == ("x y", [2])
    assert lists["/categories/news/"][1] == [2, 1]
    assert lists["/authors/ann/"][1] == [2]
    assert lists["/2024/05/"][1] == [2, 1]
    assert lists["/2024/05/31/"][1] == [2]
    assert lists["/"][1] == [2, 1, 0]
    assert lists["/de/"][1] == []


def test_a_fallback_lists_what_is_not_translated(blog):
    """With fallback, an index also lists posts that exist only in other languages."""
    blog.settings("fallback = true\n")
    blog.post("2024-01-01-a")
    blog.post("de/2024-01-01-a")
    blog.post("2024-01-02-b")
    plan = blog.plan()
    german = next(item for item in plan.lists if item.url == "/de/")

    assert [plan.posts[position].source for position in german.members] == [
        "2024-01-02-b.md", "de/2024-01-01-a.md",
    ]  # fmt: skip


def test_links_lead_to_pages(blog):
    """Links to files, pictures and pages resolve to the language of the named file."""
    blog.post(
        "2024-01-01-a",
        "[b](2024-01-02-b.md#x) ![p](img/p.png) [t](/tags/x/) [z](@/about.md) [g](de/2024-01-02-b.md)",
    )
    blog.post("2024-01-02-b", tags="[x]")
    blog.post("de/2024-01-02-b")
    blog.post("about")
    blog.write("content/img/p.png", b"png")
    plan = blog.plan()
    (job,) = (job.planned for job in plan.jobs if job.planned.key == "en/2024-01-01-a")

    assert job.payload["links"] == {
        "2024-01-02-b.md#x": "/2024/01/02/b/#x",
        "img/p.png": "/img/p.png",
        "/tags/x/": "/tags/x/",
        "@/about.md": "/about/",
        "de/2024-01-02-b.md": "/de/2024/01/02/b/",
    }
    assert plan.notes == []


def test_a_link_to_nothing_is_noted_or_refused(blog):
    """Broken links are noted or refused, depending on the setting."""
    blog.post("2024-01-01-a", "[b](gone.md) ![c](gone.png)")
    (first, second) = blog.plan().notes
    assert (first.where, second.what) == (
        "2024-01-01-a.md",
        "links to gone.png, which is not there",
    )

    blog.settings('broken_links = "refuse"\n')
    with pytest.raises(BadInputError) as refusal:
        blog.plan()
    assert len(refusal.value.problems) == 2


def test_all_problems_are_reported_at_once(blog):
    """Problems are reported with file and line, before anything is built."""
    blog.write("content/a.md", "---\ntitle: [\n---\n")
    blog.post("b", title="B", date="2024-13-01")
    blog.post("2024-01-01-c", lang="fr")
    blog.post("de/2024-01-01-d", lang="en")
    blog.write("content/e.md", b"\xff\xfe")
    blog.write("content/f.md", b"x" * 1_000_001)
    blog.post("g", url="../../etc")

    with pytest.raises(BadInputError) as refusal:
        blog.plan()

    told = {problem.where: problem.what for problem in refusal.value.problems}
    assert set(told) == {
        "a.md line 3", "b.md line 3", "2024-01-01-c.md line 2", "de/2024-01-01-d.md line 2",
        "e.md line 1", "f.md", "g.md line 2",
    }  # fmt: skip


def test_two_posts_at_one_address_are_both_named(blog):
    """Two posts with the same URL are refused before anything is built."""
    blog.post("2024-01-01-a")
    blog.post("news/2024-01-01-a")

    with pytest.raises(BadInputError) as refusal:
        blog.plan()

    assert "news/2024-01-01-a.md" in str(refusal.value)
    assert "2024-01-01-a.md has" in str(refusal.value)


def test_drafts_are_left_out(blog):
    """Drafts are left out unless the settings include them."""
    blog.post("2024-01-01-a", draft="true")
    blog.post("2024-01-02-b", published="false")
    blog.post("_drafts/c", date="2024-01-01")
    blog.post("2024-01-03-d")
    assert len(blog.plan().posts) == 1

    blog.settings("drafts = true\n")
    assert len(blog.plan().posts) == 4


def test_what_is_unchanged_is_not_read_again(blog):
    """Files with the same size and mtime are not read again, and changed ones are."""
    blog.post("2024-01-01-a", "One.")
    blog.post("2024-01-02-b", "Two.")
    before = blog.init()
    # the same size and the same mtime: the change cannot be detected
    blog.post("2024-01-01-a", "Eno.")
    blog.write("content/2024-01-02-b.md", "---\n---\n\nThree.\n", at=1_700_000_001)

    assert before.documents == 2
    assert blog.init().changes.changed > 0
    with Store(load_project(blog.root).ledger_path, read_only=True) as store:
        contents = [document.content for document in Documents(store).between(0, 9)]
    assert contents == ["\nOne.\n", "\nThree.\n"]


def test_a_post_of_another_version_is_read_again(blog):
    """A post stored by another version of the program is read again."""
    blog.post("2024-01-01-a", "One.")
    blog.init()
    with Store(load_project(blog.root).ledger_path) as store, store.immediate():
        store.connection.execute("""UPDATE documents SET extra = '["old", 1]', digest = 'old'""")
    blog.post("2024-01-02-b", "Two.")

    assert blog.init().documents == 2
    assert "One." in blog.build()["2024/01/01/a/index.html"].decode()


def test_settings_are_validated(blog):
    """All problems of the settings are reported together."""
    blog.settings(
        base='[site]\nkind = "blog"\nurl = "example.org"\n[blog]\nlanguages = ["xx1"]\n'
        'permalink = "/{year}/"\ntimezone = "Mars"\nper_page = 0\nlists = ["moods"]\nraw_html = "x"\n'
    )
    with pytest.raises(BadInputError) as refusal:
        load_project(blog.root)

    named = {problem.where.split()[-1] for problem in refusal.value.problems}
    assert named == {
        "site.url", "blog.languages", "blog.permalink", "blog.timezone", "blog.per_page",
        "blog.lists", "blog.raw_html",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["../../up", "CON", "a" * 300, "page", "índex\u202e", "a/b", "."])
def test_no_name_leaves_the_output_folder(blog, name):
    """Slugs, tags and authors cannot lead out of the output folder."""
    blog.post("2024-01-01-a", slug=f'"{name}"', tags=f'["{name}"]', author=f'"{name}"')
    plan = blog.plan()

    for job in plan.jobs:
        for path in job.planned.outputs:
            parts = path.split("/")
            assert parts[0] == "site"
            assert ".." not in parts
            assert all(len(part.encode()) <= 200 and part for part in parts)


def test_a_link_out_of_the_tree_is_refused(blog, tmp_path_factory):
    """A link out of the content folder is refused, since what is read gets published."""
    outside = tmp_path_factory.mktemp("outside") / "secret.md"
    outside.write_text("secret")
    blog.post("2024-01-01-a")
    (blog.root / "content" / "b.md").symlink_to(outside)

    with pytest.raises(BadInputError, match=r"b\.md"):
        blog.plan()
