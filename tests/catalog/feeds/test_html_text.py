import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.catalog.feeds.html_text import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("for screens < 27 inches & rooms > 20 m²", "for screens < 27 inches & rooms > 20 m²"),
        ("AT&T phone", "AT&T phone"),
        ("12MP with &#402;/1.8 &amp; flash", "12MP with ƒ/1.8 & flash"),
        ("<p>One</p><p>Two.</p>", "One. Two."),
        ("<h3>Features</h3><ul><li>Light</li><li>Dry!</li></ul>", "Features: Light. Dry!"),
        ("a<br>b<br/>c", "a b c"),
        ("<b>bo</b>ld", "bold"),
        ("<p>a<script>alert('x')</script>b<style>p{}</style></p>", "ab."),
        ("<!-- note --><p>x</p>", "x."),
        ("<!-- note -->", ""),
        ("<table><tr><th>Weight</th><td>2 kg</td></tr></table>", "Weight: 2 kg."),
        ("<p>unclosed <i>tags", "unclosed tags."),
        ("<p>5 < 6 and <b>7</b></p>", "5 < 6 and 7."),
        ("<p>nul\x00byte</p>", "nulbyte."),
    ],
)
def test_text_of_html(html: str, text: str) -> None:
    assert " ".join(html_to_text(html).split()) == text


def test_endless_nesting_ends() -> None:
    assert len(html_to_text("<div>" * 50_000 + "deep" + "</div>" * 50_000)) < 10


@given(st.text() | st.text(alphabet="<>/&;!-abp \"'=#1"))
def test_any_text_gives_a_text(text: str) -> None:
    assert "<script" not in html_to_text(f"<p>{text}</p><script>x()</script>").lower() or "<script" in text.lower()


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1))
def test_escaped_text_comes_back(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    words = " ".join(text.split())
    assert " ".join(html_to_text(f"<span>{escaped}</span>").split()).removesuffix(".") == words.removesuffix(".")
