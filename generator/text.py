"""Jinja for the four kinds of text that templates write: PromQL, annotations, Markdown and plain strings.

A pack's YAML is parsed first and its strings are compiled as templates afterwards, so what a catalog says can never
become structure. What a ``{{ … }}`` yields is escaped for where it lands, unless it is ``Raw``: made by Seawall itself.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from typing import Any, ClassVar, Final
from urllib.parse import quote

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from seawall.catalog import Duration, Position, SeawallError

from .pretty import pretty

# A whole run at once, and a last brace, which what follows in the template could make two.
_GO_BRACES: Final = re.compile(r"[{}]{2,}|\{\Z")
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$-])")
_NUMBERED: Final = re.compile(r"^(\d+)([.)])")
_TICKS: Final = re.compile(r"`{3,}")
_NUMBERS: Final = (int, float)
_WHOLE: Final = 1e15  # up to here every whole number is one exact float
_MEMORY: Final = 4096  # texts that are kept: a service's templates say the same few names again and again


class TemplateError(SeawallError):
    """A template cannot be compiled or rendered; says the file, the line and the reason."""

    def __init__(self, position: Position, reason: str) -> None:
        self.position = position
        super().__init__(f"{position.file}:{position.line}: {reason}")


class Raw(str):
    """Text that Seawall made for the place where it lands; it is not escaped again."""

    __slots__ = ()


def counted(many: int, noun: str) -> str:
    """Return *many* with its *noun*: ``1 service``, ``2 services``."""
    return f"{many} {noun}" if many == 1 else f"{many} {noun}s"


def number(value: float) -> str:
    """Write *value* as a person would: no exponent, no float noise, no trailing zeros."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else _fraction(value)


@lru_cache(_MEMORY)
def _fraction(value: float) -> str:
    return format(Decimal(repr(round(value, 12))).normalize(), "f")


def promql_string(text: str) -> str:
    r"""Escape *text* for the inside of a double-quoted PromQL string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def go_text(text: str) -> str:
    """Escape *text* so that Prometheus' own templates print it as it is."""
    if "{" not in text and "}" not in text:  # nearly always
        return text
    return _GO_BRACES.sub(lambda found: '{{"' + found[0] + '"}}', text)


@lru_cache(_MEMORY)
def markdown_text(text: str) -> str:
    """Escape *text* so that Markdown shows it as it is: no markup, no HTML, no headings, one paragraph."""
    escaped = _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
    return _NUMBERED.sub(r"\1\\\2", escaped)


def _plain(text: str) -> str:
    return text


# What a template says in one place and means in another; without these, it can be cut between any two statements.
_STATEFUL: Final[tuple[type[nodes.Node], ...]] = (
    nodes.Assign, nodes.AssignBlock, nodes.Block, nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include,
    nodes.Macro, nodes.Scope,
)  # fmt: skip
# What a template can do wrong, an endless recursion and a text larger than the memory among it.
_MISTAKES: Final = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, MemoryError, RecursionError,
)  # fmt: skip
_ESCAPES: Final[dict[str, Callable[[str], str]]] = {
    "promql": promql_string,
    "annotation": go_text,
    "markdown": markdown_text,
    "plain": _plain,
}


class _Sandbox(ImmutableSandboxedEnvironment):
    """Remembers which attributes of which types are safe: templates read the same few again and again."""

    _safe: ClassVar[dict[tuple[type, str], bool]] = {}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may read *attr* of *obj*; the verdict depends on the type of *obj* alone."""
        verdict = self._safe.get((type(obj), attr))
        if verdict is None:
            verdict = self._safe[type(obj), attr] = super().is_safe_attribute(obj, attr, value)
        return verdict


@cache
def environment(context: str) -> jinja2.Environment:
    """Return the environment whose output is escaped for *context*: promql, annotation, markdown or plain."""
    escape = _ESCAPES[context]

    def finalize(value: Any) -> Any:
        if isinstance(value, str):
            return value if isinstance(value, Raw) else escape(value)
        return number(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) else escape(str(value))

    # Templates may come from somebody else: the sandbox keeps them from Python itself. Nothing here is HTML.
    env = _Sandbox(
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters["number"] = lambda value: Raw(number(value))
    env.filters["percent"] = lambda value: Raw(f"{number(value * 100)} %")
    env.filters["code"] = lambda value: Raw(_code_span(str(value)))
    env.filters["duration"] = lambda value: Raw(str(Duration(float(value))) if value else "at once")
    env.filters["fenced"] = lambda value: Raw(_TICKS.sub("``", " ".join(str(value).split())))
    env.filters["pretty"] = lambda value, name="": Raw(_TICKS.sub("``", pretty(str(value), name)))
    env.filters["link"] = lambda value: _link(str(value))
    env.filters["autolink"] = _autolink
    env.filters["tight"] = Raw
    return env


@lru_cache(_MEMORY)
def _link(address: str) -> Raw:
    return Raw(quote(address, safe=":/?#@!$&'*+,;=%~-._"))


def _autolink(value: str) -> str:
    """Return a Markdown link for an http or https address, and anything else as escaped text."""
    safe = re.fullmatch(r"https?://[^\s<>\"`]+", value)
    return Raw(f"<{value}>") if safe else Raw(markdown_text(value))


def _code_span(text: str) -> str:
    """Return *text* as Markdown code, whatever backticks it holds."""
    flat = " ".join(text.split())
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def _tight(source: str) -> str:
    """Let templates write ``metric{ {{ sel }} }``, which Jinja can read, and yield ``metric{job="…"}``."""
    source = re.sub(r"\{ (?=\{\{)", "{{ '{'|tight }}", source)
    return re.sub(r"(?<=\}\}) \}", "{{ '}'|tight }}", source)


@dataclass(frozen=True)
class Template:
    """One string of a pack that is compiled once, with the place where it stands; a *_piece* is part of one."""

    source: str
    position: Position
    context: str
    _piece: nodes.Template | None = None

    @classmethod
    def compile(cls, source: str, position: Position, context: str, *, when_used: bool = False) -> "Template":
        """Compile *source*, or leave that to the first rendering; a string without Jinja costs nothing to render."""
        found = cls(source, position, context)
        if not when_used:
            _ = found._compiled
        return found

    @cached_property
    def _compiled(self) -> jinja2.Template | None:
        if self._piece is not None:
            return environment(self.context).from_string(self._piece)
        if "{{" not in self.source and "{%" not in self.source:
            return None
        try:
            return _of_text(self.source, self.context)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(_at(self.position, error.lineno), f"template: {error.message}") from None

    def passages(self, names: frozenset[str]) -> "tuple[tuple[bool, Template], ...]":
        """Return the template in pieces that follow each other, each with whether it may read any of *names*."""
        env = environment(self.context)
        tree = env.parse(_tight(self.source))
        if self._compiled is None or next(tree.find_all(_STATEFUL), None):
            return ((True, self),)
        found: list[tuple[bool, list[nodes.Node]]] = []
        for node in _flat(tree.body):
            reads = bool(meta.find_undeclared_variables(nodes.Template([node], environment=env)) & names)
            if found and (found[-1][0] == reads or _is_constant(node)):
                found[-1][1].append(node)
            else:
                found.append((reads, [node]))
        pieces = [(reads, nodes.Template(body, lineno=1, environment=env)) for reads, body in found]
        return tuple((reads, replace(self, _piece=piece)) for reads, piece in pieces)

    def render(self, variables: Mapping[str, Any]) -> str:
        """Return the text; a name that does not exist is a TemplateError at this template's place."""
        if self._compiled is None:
            return self.source
        try:
            # Template.render copies a chain of dictionaries, which takes longer than most of these templates do.
            env = self._compiled.environment
            context = env.context_class(env, {**env.globals, **variables}, None, {})
            return "".join(self._compiled.root_render_func(context))
        except jinja2.TemplateError as error:
            raise TemplateError(self.position, f"template: {error.message}") from None
        except _MISTAKES as error:
            raise TemplateError(self.position, f"template: {type(error).__name__}: {error}") from None


@lru_cache(_MEMORY)
def _of_text(source: str, context: str) -> jinja2.Template:
    """Compile *source*; packs that are loaded again, with another folder of templates, say nearly all the same."""
    return environment(context).from_string(_tight(source) if context in ("promql", "markdown") else source)


def _flat(body: list[nodes.Node]) -> Iterator[nodes.Node]:
    """Yield the statements of a template, each constant and each ``{{ … }}`` as one of its own."""
    for node in body:
        if isinstance(node, nodes.Output):
            yield from (nodes.Output([each], lineno=each.lineno, environment=node.environment) for each in node.nodes)
        else:
            yield node


def _is_constant(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(isinstance(each, nodes.TemplateData) for each in node.nodes)


@cache
def expression(source: str) -> Callable[..., Any]:
    """Compile a Jinja expression such as ``service.tier == 1``; calling it with variables gives the value."""
    return environment("plain").compile_expression(source, undefined_to_none=False)


def evaluate(source: str, position: Position, variables: Mapping[str, Any]) -> Any:
    """Return the value of the Jinja expression *source*; errors say *position*."""
    if source in variables:  # most are a bare name
        return variables[source]
    try:
        value = expression(source)(**variables)
        if isinstance(value, jinja2.Undefined):
            raise TemplateError(position, f"template: {source!r} is not defined")
        return value
    except jinja2.TemplateError as error:
        raise TemplateError(position, f"template: {error.message}") from None
    except _MISTAKES as error:
        raise TemplateError(position, f"template: {type(error).__name__}: {error}") from None


def _at(position: Position, lineno: int | None) -> Position:
    return Position(position.file, position.line + max((lineno or 1) - 1, 0), position.column)
