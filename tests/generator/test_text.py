"""What a catalog says is escaped for where it lands: PromQL, Prometheus' annotations, Markdown and plain strings."""

import ast
import re
from decimal import Decimal

import promql_parser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from strategies import HOSTILE, texts

from seawall.catalog import Position
from seawall.generator import TemplateError
from seawall.generator.text import Raw, Template, evaluate, go_text, markdown_text, number, promql_string

HERE = Position("alerts/x.yaml.j2", 7, 3)
every_text = st.one_of(st.sampled_from(HOSTILE), texts())


def rendered(source: str, context: str, **variables: object) -> str:
    """Return *source* rendered as a template of a pack."""
    return Template.compile(source, HERE, context).render(variables)


@given(text=texts())
def test_a_promql_string_reads_back_as_the_text(text: str) -> None:
    """PromQL's escapes are those of Python, as far as they are used."""
    assert text == ast.literal_eval(f'"{promql_string(text)}"')


@given(text=every_text)
def test_no_text_leaves_its_promql_string(text: str) -> None:
    """The parser sees one matcher of one selector, whatever the text."""
    parsed = promql_parser.parse(rendered('up{job="{{ text }}"} > 1', "promql", text=text))
    assert isinstance(parsed, promql_parser.BinaryExpr)
    [matcher] = parsed.lhs.matchers.matchers
    assert "job" == matcher.name


def go(template: str) -> str:
    """Return what Go's text/template prints of text and string constants, written from its documentation."""
    printed, rest = "", template
    while "{{" in rest:
        before, _, rest = rest.partition("{{")
        constant = re.match(r'"((?:[^"\\]|\\.)*)"\}\}', rest)
        assert constant, template
        printed, rest = printed + before + constant[1], rest[constant.end() :]
    return printed + rest


@given(text=every_text)
@example("{}}")
@example("{{{")
@example("}}}{")
@example("{")
def test_an_annotation_prints_the_text(text: str) -> None:
    """Alone, and between texts of the template that end and begin with braces of their own."""
    assert text == go(go_text(text))
    assert f"({text}" == go("(" + go_text(text) + '{{""}}')


@given(text=every_text)
@example("===")
@example("1. one")
@example("    indented")
@example("&lt;b&gt;")
@example("http://example.org/ <http://example.org/>")
@example("![](x)")
def test_markdown_shows_the_text(text: str) -> None:
    """One paragraph without markup, whose letters are those of the text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown_text(text))
    shown = " ".join(text.split())
    assert (["paragraph_open", "inline", "paragraph_close"] if shown else []) == [token.type for token in tokens]
    inner = [child for token in tokens for child in token.children or ()]
    assert {"text", "text_special"} >= {child.type for child in inner}
    assert shown == "".join(child.content for child in inner)


@given(text=texts())
def test_code_shows_the_text_whatever_backticks_it_holds(text: str) -> None:
    """Also where it begins or ends in one."""
    shown = " ".join(text.split())
    source = rendered("is {{ text|code }}.", "markdown", text=shown or "ab")
    [paragraph] = [token for token in MarkdownIt("commonmark").parse(source) if token.type == "inline"]
    code = [child for child in paragraph.children or () if child.type == "code_inline"]
    assert [shown or "ab"] == [child.content for child in code]


@given(text=every_text)
def test_a_fence_is_closed_by_nothing_in_it(text: str) -> None:
    """No run of three backticks is left, and no break of a line."""
    tokens = MarkdownIt("commonmark").parse(
        "```promql\n" + rendered("{{ text|fenced }}", "markdown", text=text) + "\n```\n"
    )
    assert ["fence"] == [token.type for token in tokens]


@given(text=every_text)
def test_plain_text_is_left_alone(text: str) -> None:
    """Where nothing is read into it nothing is escaped."""
    assert f"<{text}>" == rendered("<{{ text }}>", "plain", text=text)


@pytest.mark.parametrize("context", ["promql", "annotation", "markdown", "plain"])
@given(text=every_text)
def test_what_a_text_says_is_never_a_template(context: str, text: str) -> None:
    """It is a value of the template, and Jinja reads it once at most."""
    assert rendered("{{ first }}", context, first=Raw(text), second="no") == text


@given(value=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_number_is_written_as_a_person_would(value: float) -> None:
    """Digits alone, to twelve places, and PromQL reads the same number."""
    text = number(value)
    assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", text)
    assert abs(Decimal(text) - Decimal(value)) <= Decimal("1e-12") + abs(Decimal(value)) / 10**15


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (1e21, "1000000000000000000000"), (5, "5"), (99.9, "99.9"), (1e-7, "0.0000001")],
)
def test_a_number_has_no_noise(value: float, text: str) -> None:
    """Neither a float's, nor an exponent."""
    assert text == number(value)


@pytest.mark.parametrize(
    ("source", "variables", "text"),
    [
        ("{{ x|percent }}", {"x": 0.05}, "5 %"),
        ("{{ x|percent }}", {"x": 0.07 * 3}, "21 %"),
        ("{{ x|duration }}", {"x": 5400.0}, "1h30m"),
        ("{{ x|duration }}", {"x": 0.0}, "at once"),
        ("{{ x|link }}", {"x": "https://a.example/b c(d)<e>"}, "https://a.example/b%20c%28d%29%3Ce%3E"),
        ("{{ x|autolink }}", {"x": "https://a.example/b_c"}, "<https://a.example/b_c>"),
        ("{{ x|autolink }}", {"x": "javascript:alert(1)"}, r"javascript:alert\(1\)"),
        ("{{ x }}", {"x": 0.30000000000000004}, "0.3"),
    ],
)
def test_the_filters_of_a_runbook(source: str, variables: dict[str, object], text: str) -> None:
    """Numbers, times and addresses in the words of a person."""
    assert text == rendered(source, "markdown", **variables)


def test_a_selector_may_stand_apart_from_its_braces() -> None:
    """So that Jinja's braces and PromQL's are told from each other."""
    assert 'up{job="a"}' == rendered("up{ {{ sel }} }", "promql", sel=Raw('job="a"'))
    assert 'up{job="a",x="y"}' == rendered('up{ {{ sel }},x="y"}', "promql", sel=Raw('job="a"'))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ nobody }}", "'nobody' is undefined"),
        ("a\n{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ name.upper(1, 2) }}", "TypeError"),
        ("{{ name|float / none }}", "TypeError"),
    ],
)
def test_a_template_that_fails_says_where(source: str, message: str) -> None:
    """The file and the line of the pack, never a traceback."""
    with pytest.raises(TemplateError, match=message) as failed:
        rendered(source, "plain", name="a")
    assert str(failed.value).startswith("alerts/x.yaml.j2:7: template: ")


def test_a_template_that_is_none_says_its_line() -> None:
    """Counted from where it begins in the pack."""
    with pytest.raises(TemplateError, match=r"alerts/x.yaml.j2:9: template: "):
        Template.compile("a\nb\n{{ oops", HERE, "plain")


@pytest.mark.parametrize("source", ["nobody", "nobody.at.all", "1 / 0", "service["])
def test_a_condition_that_fails_says_where(source: str) -> None:
    """As a template does."""
    with pytest.raises(TemplateError, match=r"^alerts/x\.yaml\.j2:7: template: "):
        evaluate(source, HERE, {"service": 1})


def test_a_condition_is_an_expression_of_the_scope() -> None:
    """A bare name, a comparison, a list."""
    scope = {"service": {"tier": 1}, "slis": ["latency"], "active": None}
    assert evaluate("service.tier == 1", HERE, scope)
    assert not evaluate("'availability' in slis", HERE, scope)
    assert evaluate("active", HERE, scope) is None
