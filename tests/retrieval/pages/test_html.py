from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.knowledge import passages_of
from shopllm_rasa.retrieval.pages import Page
from shopllm_rasa.retrieval.pages.html import MAX_HTML_BYTES, blocks_of, read_html

Write = Callable[..., Path]


def one(file: Path) -> Page:
    (page,) = read_html(file)
    return page


def told(markup: str) -> dict[str, tuple[str, ...]]:
    """Section to sentences."""
    return {passage.section: passage.sentences for passage in passages_of(Page("T", blocks_of(markup)), "t.html")}


PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Returns | My Shop</title>
<link rel="canonical" href="https://shop.example/returns">
<meta property="article:modified_time" content="2026-10-01T10:00:00Z">
<style>p { color: red }</style><script>alert("Half price")</script></head>
<body><header><h1>My Shop</h1><nav><ul><li>Home<li>Shoes</ul></nav></header><aside>Look at this</aside>
<main>%s</main>
<form><label>Newsletter</label><input></form><footer><p>All rights reserved.</p></footer></body></html>"""


class TestWhatCounts:
    def test_the_main_part_alone(self, write: Write) -> None:
        page = one(write("returns.html", PAGE % "<h1>Returns &amp; refunds</h1><p>Within 30&nbsp;days."))
        passages = list(passages_of(page, "returns.html"))
        assert [(item.page, item.section, item.text) for item in passages] == [
            ("Returns & refunds", "", "Within 30 days.")
        ]
        assert (page.url, page.date) == ("https://shop.example/returns", "2026-10-01")

    def test_without_a_main_part_the_body_without_its_frame(self, write: Write) -> None:
        text = PAGE.replace("<main>", "<div>").replace("</main>", "</div>") % "<h2>Shoes</h2><p>Within 60 days.</p>"
        page = one(write("returns.html", text))
        assert [block.text for block in page.blocks] == ["Shoes", "Within 60 days."]
        assert page.title == "Returns"  # of <title>, without the shop's name

    def test_all_articles_but_none_twice(self, write: Write) -> None:
        text = "<p>Menu</p><article><p>One.</p><article><p>Two.</p></article></article><article>Three.</article>"
        assert [block.text for block in one(write("a.html", text)).blocks] == ["One.", "Two.", "Three."]

    def test_an_empty_main_part_is_passed_over(self, write: Write) -> None:
        assert one(write("a.html", "<main><h1>T</h1></main><p>Text.</p>")).blocks[-1].text == "Text."

    @pytest.mark.parametrize(
        "markup",
        [
            "<script>x = 'Text.'</script>", "<style>p{}</style>", "<nav>Text.</nav>", "<footer>Text.</footer>",
            "<!-- Text. -->", "<div role=navigation>Text.</div>", "<div hidden>Text.</div>",
            "<svg><text>Text.</text></svg>",
            "<span aria-hidden=true>×</span>", "<button>Buy</button>", "<template><p>Text.</p></template>",
            "<form><p>Text.</p></form>", "<noscript>Text.</noscript>", "<textarea>Text.</textarea>",
        ],
    )  # fmt: skip
    def test_what_does_not_count(self, markup: str) -> None:
        assert [block.text for block in blocks_of(f"<p>Before.</p>{markup}<p>After.</p>")] == ["Before.", "After."]

    def test_the_closed_part_of_an_accordion_counts(self) -> None:
        markup = '<h3><button aria-controls="p1">Is it free?</button></h3><div id="p1" hidden><p>Yes.</p></div>'
        assert told(markup) == {"Is it free?": ("Yes.",)}

    def test_a_form_around_everything(self) -> None:
        assert told("<form><h2>Shoes</h2><p>Within 60 days.</p><input></form>") == {"Shoes": ("Within 60 days.",)}

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "ftp://x.example", "https://a b", ""])
    def test_an_address_that_could_not_be_linked(self, write: Write, url: str) -> None:
        assert one(write("a.html", f'<link rel="canonical" href="{url}"><p>Text.')).url is None


class TestBlocks:
    def test_headings_of_all_kinds(self) -> None:
        markup = """
            <h2>Returns</h2> <p>Two weeks.</p> <h3>Shoes <small>and boots</small></h3> <p>Sixty days.</p>
            <p><strong>Damages</strong></p> <p>Tell us.</p> <p><b>Not</b> a heading.</p>
            <h2>Shipping</h2> <details><summary>How long?</summary>Three days.</details>"""
        assert told(markup) == {
            "Returns": ("Two weeks.",),
            "Returns > Shoes and boots": ("Sixty days.",),
            "Returns > Shoes and boots > Damages": ("Tell us.", "Not a heading."),
            "Shipping > How long?": ("Three days.",),
        }

    def test_paragraphs_that_are_never_closed_and_line_breaks(self) -> None:
        markup = "<p>Within\n\n30 days.<p>Write to\n <a href=x>us</a> first.<br>Or call.<br>\n<br>Last."
        assert [block.text for block in blocks_of(markup)] == [
            "Within 30 days.",
            "Write to us first. Or call.",
            "Last.",
        ]

    def test_lists_keep_what_introduces_them(self) -> None:
        markup = "<p>Bring back:<ul><li>the box<li>all cables:<ul><li>power<li>data</ul><li>the manual.</ul><p>Done."
        assert told(markup) == {"": ("Bring back: the box; all cables: power; data; the manual.", "Done.")}

    def test_a_list_without_introduction(self) -> None:
        assert told("<h2>Express</h2><ul><li>Ireland: €9.95.<li>UK: €16.95.</ul>") == {
            "Express": ("Ireland: €9.95.", "UK: €16.95.")
        }

    def test_rows_of_a_table_name_their_columns(self) -> None:
        markup = """<table><caption>Express</caption><thead><tr><th>Country<th>Price<th>Days</thead>
            <tr><td>Spain<td>€8.95<td>3<tr><td>UK<td colspan=2>on request</table>"""
        assert told(markup) == {
            "": ("Express: Country: Spain; Price: €8.95; Days: 3.", "Express: Country: UK; Price: on request.")
        }

    def test_a_table_whose_rows_have_headings(self) -> None:
        markup = "<p>Our hours:<table><tr><th>Monday<td>9 to 5</tr><tr><th>Sunday<td>closed</tr></table>"
        assert told(markup) == {"": ("Our hours: Monday; 9 to 5.", "Our hours: Sunday; closed.")}

    def test_a_table_for_the_layout_is_read_as_text(self) -> None:
        assert told("<table><tr><td><h2>Shoes</h2><p>Within 60 days.</p></td></tr></table>") == {
            "Shoes": ("Within 60 days.",)
        }

    def test_terms(self) -> None:
        markup = "<dl><dt>Weight</dt><dd>2 kg</dd><dt>Is it free?</dt><dd>Above €50. Always.</dd></dl>"
        assert told(markup) == {"": ("Weight: 2 kg.",), "Is it free?": ("Above €50.", "Always.")}


class TestEncodings:
    def test_the_one_the_page_names(self, write: Write) -> None:
        text = '<meta charset="iso-8859-1"><p>Café costs 5 €.'
        assert one(write("a.html", text.encode("cp1252"))).blocks[0].text == "Café costs 5 €."

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
    def test_the_one_of_the_byte_order_mark(self, write: Write, encoding: str) -> None:
        assert one(write("a.html", "<p>Café.".encode(encoding))).blocks[0].text == "Café."

    def test_an_xml_declaration(self, write: Write) -> None:
        assert one(write("a.html", '<?xml version="1.0" encoding="utf-8"?><p>Café.')).blocks[0].text == "Café."

    def test_another_than_the_page_says(self, write: Write) -> None:
        file = write("a.html", "<p>Café.".encode("latin-1"))
        with pytest.raises(KnowledgeError) as caught:
            read_html(file)
        assert str(caught.value) == f"{file}: byte 7 is not UTF-8. Save the page as UTF-8."

    def test_an_unknown_one(self, write: Write) -> None:
        with pytest.raises(KnowledgeError, match="unknown encoding 'klingon'"):
            read_html(write("a.html", "<meta charset=klingon><p>Text."))


class TestProblems:
    @pytest.mark.parametrize("text", ["", " ", "<html></html>", "<nav><p>Text.", "<h1>Title</h1>", "<!-- <p>Text."])
    def test_no_text(self, write: Write, text: str) -> None:
        file = write("a.html", text)
        with pytest.raises(KnowledgeError, match="no text was found in the page's main part") as caught:
            read_html(file)
        assert str(caught.value).startswith(f"{file}: ")

    def test_too_long(self, write: Write) -> None:
        with pytest.raises(KnowledgeError, match="more than 5,000,000 bytes"):
            read_html(write("a.html", b"x" * (MAX_HTML_BYTES + 1)))

    def test_deep_nesting(self, write: Write) -> None:
        text = "<div>" * 50_000 + "Deep." + "</div>" * 50_000 + "<p>Text.</p>"
        try:
            assert one(write("a.html", text)).blocks
        except KnowledgeError as error:
            assert "no text was found" in str(error)  # noqa: PT017 - the parser may stop at a depth

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.sampled_from(["<p>", "</p>", "<li>", "<ul>", "</ul>", "<table>", "<tr>", "<td>", "</table>", "<h2>",
                             "</h2>", "<br>", "<dl>", "<dt>", "<dd>", "text.", "a:", "&amp;", "<", "\x00",
                             "<th colspan=9>",
                             "<main>", "</div>", "<details><summary>"]),
            max_size=14,
        ).map("".join)
        | st.text()
    )  # fmt: skip
    def test_any_page_is_read_or_refused(self, write: Write, text: str) -> None:
        file = write("a.html", text.encode("utf-8", "replace"))
        try:
            page = one(file)
        except KnowledgeError as error:
            assert str(error).startswith(str(file))  # noqa: PT017
            return
        for passage in passages_of(page, "a.html"):
            assert passage.sentences
            assert all(0 < len(sentence) <= 600 for sentence in passage.sentences)
