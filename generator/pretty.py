"""PromQL as people read it: long expressions broken into indented lines."""

import promql_parser


def pretty(expr: str) -> str:
    """Return *expr* in lines; as it is where it cannot be parsed, as with a dashboard's variables."""
    try:
        return str(promql_parser.parse(expr).prettify())
    except ValueError:
        return expr
