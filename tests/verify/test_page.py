import pytest

from pushlive.system.http import Answer
from pushlive.verify import page

DEBUG_PAGE = """<!DOCTYPE html><html><head><title>OperationalError
          at /</title><style>body { color: red }</style></head><body>
<h1>OperationalError</h1><pre class="exception_value">no such table: blog_post</pre>
<textarea id="traceback_area" cols="140" rows="25">
Traceback (most recent call last):
  File &quot;/app/blog/views.py&quot;, line 9, in index
</textarea></body></html>"""


def answer(body: bytes, kind: str = "text/html") -> Answer:
    return Answer(200, {"content-type": kind}, body)


def assets(html: str, path: str = "/") -> tuple[str, ...]:
    return page.assets(page.read(html), path, "shop.example")


def test_a_marked_section_that_no_parser_knows_leaves_what_stood_before_it() -> None:
    assert page.read("<title>Shop</title><p>hello<![int]><p>more").title == "Shop"


def test_reads_the_exception_of_a_debug_page() -> None:
    seen = page.read(DEBUG_PAGE)
    assert seen.title == "OperationalError at /"
    assert seen.exception == "no such table: blog_post"
    assert seen.traceback.splitlines()[1] == '  File "/app/blog/views.py", line 9, in index'
    assert "color" not in seen.text


def test_finds_styles_scripts_and_images_of_this_host() -> None:
    html = """<link rel=stylesheet href=/static/a.css><link rel="canonical" href="/x"><script src="b.js"></script>
    <img src="//shop.example:8000/c.png"><img src="https://cdn.example/d.png"><img src="data:image/png;base64,AA==">
    <script>var x = 1;</script><link rel="shortcut icon" href="/f.ico?v=1&amp;w=2">"""
    assert assets(html, "/blog/") == ("/static/a.css", "/blog/b.js", "/c.png", "/f.ico?v=1&w=2")


def test_resolves_assets_against_the_base_element() -> None:
    assert assets('<base href="/front/"><script src="main.js"></script>', "/blog/") == ("/front/main.js",)


def test_asks_for_an_asset_only_once() -> None:
    assert assets("<img src=/a.png><img src=/a.png>") == ("/a.png",)


def test_quotes_what_no_request_could_carry() -> None:
    assert assets('<img src="/a b\u00e9.png?q=1 2">') == ("/a%20b%C3%A9.png?q=1%202",)


@pytest.mark.parametrize("src", ["http://[", "", "javascript:void(0)", "http://[::1/x", "#top\x00"])
def test_hostile_urls_stop_nothing(src: str) -> None:
    assert assets(f'<img src="{src}">') in {(), ("/",)}


@pytest.mark.parametrize(
    "html", ["<" * 1000, "<!DOCTYPE [", "<img src=", "<title>", "<!--", "<![CDATA[", "&#xFFFFFFFF;"]
)
def test_broken_html_stops_nothing(html: str) -> None:
    page.read(html)


def test_decodes_in_the_character_set_that_is_named() -> None:
    assert page.text_of(answer("é".encode("latin-1"), "text/html; charset=iso-8859-1")) == "é"
    assert page.text_of(answer("é".encode())) == "é"
    assert page.text_of(answer("é".encode(), "text/html; charset=no-such")) == "é"
    assert page.text_of(answer(b"\xff", "text/html; charset=idna"))
