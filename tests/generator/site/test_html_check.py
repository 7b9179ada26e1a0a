"""What is wrong with a folder of HTML: links, anchors, foreign hosts, sizes."""

from pathlib import Path

import pytest

from auditwright_generator.site.html_check import MAX_BYTES, check_site


def findings(folder: Path, **pages: str) -> list[str]:
    """`page: message` for a site of these pages; `a__b` is the page a/b.html."""
    for name, text in pages.items():
        path = folder / f"{name.replace('__', '/')}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return [f"{found.page}: {found.message}" for found in check_site(folder)]


@pytest.mark.parametrize(
    "link",
    [
        '<a href="level/models.html">',
        '<a href="level/models.html#added">',
        '<a href="level/models.html#%C3%A9t%C3%A9">',
        '<a href="./level/../level/models.html?highlight=x#added">',
        '<a href="level/">',
        '<a href="level">',
        '<a href="/level/models.html#added">',
        '<a href="level/models.html#:~:text=Model%20added">',
        '<a href="#here">',
        '<a href="#">',
        '<a href="#top">',
        '<a href="">',
        "<a name='here'><a href=level/models.html>",
        '<a href="https://example.com/none.html#none">',
        '<a href="//example.com/">',
        '<a href="mailto:ada@example.com">',
        '<a href="http://[not a host/">',
        '<link rel="canonical" href="https://example.com/">',
        '<img src="data:image/png;base64,AAAA">',
        '<img src="my%20logo.svg" srcset="my%20logo.svg 1x, my%20logo.svg 2x">',
        '<img src="my%20logo.svg#part">',
        '<!-- <a href="none.html"> -->',
        "<script>document.write('<a href=\"none.html\">')</script>",
        '<p>&lt;a href="none.html"&gt;</p>',
        '<p title="<a href=none.html>">',
        "<svg><use href='#here'/></svg>",
    ],
)
def test_right_links_are_no_findings(link: str, tmp_path: Path) -> None:
    (tmp_path / "my logo.svg").touch()
    target = '<h2 id="added">x</h2><h2 id="été">y</h2>'
    found = findings(tmp_path, index=f'<p id="here">{link}', level__models=target, level__index="")
    assert found == []


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ('<a href="none.html">', "links to level/none.html, which is not on the site"),
        ('<a href="Other.html">', "links to level/Other.html, which is not on the site"),
        ('<a\n  class="x"\n  href="none.html"\n>', "links to level/none.html, which is not on the site"),
        ("<A HREF=none.html>", "links to level/none.html, which is not on the site"),
        ('<a href="../../index.html">', "links to ../index.html, which is not on the site"),
        ('<a href="folder/">', "links to level/folder, which is not on the site"),
        ('<a href="other.html#none">', "links to level/other.html#none, and that page has no such anchor"),
        ('<a href="#none">', "links to level/page.html#none, and that page has no such anchor"),
        ('<a href="none.html?a=1&amp;b=2">', "links to level/none.html, which is not on the site"),
        ('<script src="none.js"></script>', "loads level/none.js, which is not on the site"),
        ('<img src="../none.png"/>', "loads none.png, which is not on the site"),
        ('<img srcset="none.png 2x">', "loads level/none.png, which is not on the site"),
        ('<p style="background: url(none.png)">', "loads level/none.png, which is not on the site"),
    ],
)
def test_broken_links_and_missing_files_are_found(link: str, message: str, tmp_path: Path) -> None:
    assert findings(tmp_path, level__page=link, level__other="", index="") == [f"level/page.html: {message}"]


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="{}"></script>',
        '<link href="{}" rel="stylesheet">',
        '<link rel="shortcut icon" href="{}">',
        '<link rel="preconnect" href="{}">',
        '<img src="{}">',
        '<iframe src="{}"></iframe>',
        '<style>@import "{}";</style>',
        "<style>body {{ background: url({}) }}</style>",
    ],
)
@pytest.mark.parametrize("url", ["https://cdn.example.com/x", "//cdn.example.com/x"])
def test_resources_of_other_hosts_are_found(tag: str, url: str, tmp_path: Path) -> None:
    message = f"loads {url} from another host; a copy belongs into `html_static_path`"
    assert findings(tmp_path, index=tag.format(url)) == [f"index.html: {message}"]


def test_style_sheets_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    text = '@font-face { src: url("none.woff2") }\n@import url(https://fonts.example.com/css);'
    (tmp_path / "_static" / "brand.css").write_text(text, "utf-8")
    (tmp_path / "_static" / "piece.html").write_text('<a href="{{ pathto() }}">', "utf-8")
    assert findings(tmp_path) == [
        "_static/brand.css: loads _static/none.woff2, which is not on the site",
        "_static/brand.css: loads https://fonts.example.com/css from another host; "
        "a copy belongs into `html_static_path`",
    ]


def test_a_fault_of_all_pages_is_one_finding(tmp_path: Path) -> None:
    link = '<a href="/none.html">'
    assert findings(tmp_path, b=link, a=link, c=link + '<a href="a.html#x">') == [
        "a.html: links to none.html, which is not on the site (and 2 other pages)",
        "c.html: links to a.html#x, and that page has no such anchor",
    ]


def test_a_page_that_is_too_large_is_found(tmp_path: Path) -> None:
    assert findings(tmp_path, large="x" * (MAX_BYTES + 1), right="x" * MAX_BYTES) == [
        "large.html: has 300,001 bytes, and 300,000 are the most that loads well; split the page"
    ]
