"""PromQL as a tree whose nodes know where in the text they stand; promql-parser itself tells no places."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import promql_parser

from seawall.generator.promql_text import too_large

_WORD: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*|==|!=|<=|>=|[-+*/%^<>]")
# What stands in these names no metric, function or operator; strings and comments neither.
_HIDDEN: Final = re.compile(
    r"""\"(?:[^"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`|\#[^\n]*|\[[^\]]*\]"""
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\boffset\s*-?\w+|@\s*[\w.]+"
)
_BRACES: Final = re.compile(r"\{[^{}]*\}")
_DEEPEST: Final = 150  # levels, which each reader goes down in a few steps
_OPERATORS: Final = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


class PromqlError(ValueError):
    """The text is no PromQL, or too large to be read."""


@dataclass(frozen=True)
class Matcher:
    """What a selector asks of one label."""

    label: str
    op: str
    value: str


@dataclass(frozen=True, eq=False)
class Node:
    """One part of an expression; parentheses are none of their own.

    *kind* is selector, call, aggregate, binary, unary, subquery, number or string; *name* the metric, the function or
    the operator. *range* is in seconds; *labels* are those of by, without, on and ignoring, None where none stands
    there; *is_without* is true of without and ignoring.
    """

    kind: str
    name: str
    offset: int
    children: tuple["Node", ...] = ()
    matchers: tuple[Matcher, ...] = ()
    range: float | None = None
    labels: frozenset[str] | None = None
    is_without: bool = False
    group: str = ""  # left, right, or nothing
    extra: frozenset[str] = frozenset()  # the labels of group_left and group_right
    is_bool: bool = False
    is_shifted: bool = False  # by offset or @
    value: Any = None

    def walk(self) -> Iterator["Node"]:
        """Yield this node and all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass
class _Words:
    """Where each word stands, from the first to the last; a word that is not found is where the text begins."""

    places: dict[str, deque[int]] = field(default_factory=dict)
    depth: int = 0  # of the node that is read

    @classmethod
    def of(cls, text: str) -> "_Words":
        words = cls()
        for found in _WORD.finditer(_BRACES.sub(_blank, _HIDDEN.sub(_blank, text))):
            words.places.setdefault(found[0].lower(), deque()).append(found.start())
        return words

    def next(self, word: str) -> int:
        left = self.places.get(word.lower())
        return left.popleft() if left else 0


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def parse(text: str) -> Node:
    """Return *text* as a tree; raise PromqlError where it is none that can be read."""
    large = too_large(text)
    if large is not None:
        raise PromqlError(f"it {large}")
    try:
        parsed = promql_parser.parse(text)
    except ValueError as error:
        raise PromqlError(str(error)) from None
    return _node(parsed, _Words.of(text))


def _node(ast: Any, words: _Words) -> Node:
    words.depth += 1
    if words.depth > _DEEPEST:
        raise PromqlError(f"it is nested deeper than {_DEEPEST} levels; record parts of it by rules of their own")
    node = _node_of(ast, words)
    words.depth -= 1
    return node


def _node_of(ast: Any, words: _Words) -> Node:
    kind = type(ast).__name__
    if kind == "ParenExpr":
        return _node(ast.expr, words)
    if kind == "VectorSelector":
        return _selector(ast, words, None)
    if kind == "MatrixSelector":
        return _selector(ast.vector_selector, words, ast.range.total_seconds())
    if kind == "Call":
        offset = words.next(ast.func.name)
        return Node("call", ast.func.name, offset, tuple(_node(each, words) for each in ast.args))
    if kind == "AggregateExpr":
        return _aggregate(ast, words)
    if kind == "BinaryExpr":
        return _binary(ast, words)
    if kind == "UnaryExpr":
        return Node("unary", "-", words.next("-"), (_node(ast.expr, words),))
    if kind == "SubqueryExpr":
        inner = _node(ast.expr, words)
        return Node("subquery", "", inner.offset, (inner,), range=ast.range.total_seconds())
    return Node("number" if kind == "NumberLiteral" else "string", "", 0, value=ast.val)


def _selector(ast: Any, words: _Words, seconds: float | None) -> Node:
    alternatives = (ast.matchers.matchers, *ast.matchers.or_matchers)
    given = tuple(Matcher(each.name, _operator(each), each.value) for one in alternatives for each in one)
    named = next((each.value for each in given if each.label == "__name__" and each.op == "="), "")
    matchers = tuple(each for each in given if each.label != "__name__" or each.op != "=")
    offset = words.next(ast.name) if ast.name else 0
    shifted = ast.offset is not None or ast.at is not None
    return Node("selector", ast.name or named, offset, (), matchers, seconds, is_shifted=shifted)


def _operator(matcher: Any) -> str:
    return _OPERATORS[str(matcher.op).rpartition(".")[2]]


def _aggregate(ast: Any, words: _Words) -> Node:
    name, modifier = str(ast.op), ast.modifier
    offset = words.next(name)
    children = [_node(each, words) for each in (ast.param, ast.expr) if each is not None]
    labels = frozenset(modifier.labels) if modifier else None
    without = modifier is not None and modifier.type == promql_parser.AggModifierType.Without
    return Node("aggregate", name, offset, tuple(children), labels=labels, is_without=without)


def _binary(ast: Any, words: _Words) -> Node:
    name, modifier = str(ast.op), ast.modifier
    left = _node(ast.lhs, words)
    offset = words.next(name)
    node = (left, _node(ast.rhs, words))
    matching = modifier.matching if modifier else None
    sides = {"ManyToOne": "left", "OneToMany": "right"}
    return Node(
        "binary",
        name,
        offset,
        node,
        labels=frozenset(matching.labels) if matching else None,
        is_without=matching is not None and matching.type == promql_parser.LabelModifierType.Exclude,
        group=sides.get(str(modifier.card).rpartition(".")[2], "") if modifier else "",
        extra=frozenset((modifier.group_labels if modifier else None) or ()),
        is_bool=modifier is not None and modifier.return_bool,
    )
