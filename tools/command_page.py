"""Write the tables of options in docs/reference/commands.md anew from the commands themselves."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from seawall.cli import COMMANDS, main

PAGE: Final = Path(__file__).parents[1] / "docs/reference/commands.md"
_TABLE: Final = re.compile(r"(<!-- options of ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD: Final = "| option | default | meaning |\n|---|---|---|\n"


def with_tables(page: str) -> str:
    """Return *page* with the table of each command between ``<!-- options of COMMAND -->`` and ``<!-- end -->``."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{table(found[2])}\n{found[3]}", page)


def table(name: str) -> str:
    """Return the options of the command *name* as a Markdown table."""
    return _HEAD + "".join(_row(option) for option in options(name))


def options(name: str) -> Iterator[click.Option]:
    """Yield the options of the command *name*, its arguments aside."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    yield from (each for each in command.params if isinstance(each, click.Option))


def _row(option: click.Option) -> str:
    spelled = ", ".join(f"`{name}`" for name in option.opts[:-1])
    value = "" if option.is_flag else f" {option.metavar or _type(option)}"
    main_name = f"`{option.opts[-1]}{value}`"
    name = f"{spelled}, {main_name}" if spelled else main_name
    return f"| {name} | {_default(option)} | {(option.help or '').replace('|', chr(92) + '|')} |\n"


def _type(option: click.Option) -> str:
    return {"directory": "DIR", "float": "NUMBER", "float range": "NUMBER", "integer range": "N"}.get(
        option.type.name, option.type.name.upper() if option.type.name != "datetime" else "YYYY-MM-DD"
    )


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    default = option.default
    if option.is_flag or not isinstance(default, str | int | float | Path) or default == "":
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"docs/reference/commands.md: {len(COMMANDS)} commands")
