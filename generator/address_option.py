"""The option ``--address NAME=HOST:PORT`` of those commands that render for a stack which runs elsewhere."""

from typing import Final

import click

from seawall.conventions import STACK_PARTS

from .addresses import given_addresses


def _given(_: click.Context, __: click.Parameter, options: tuple[str, ...]) -> dict[str, str]:
    try:
        return given_addresses(options)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


address_option: Final = click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="NAME=HOST:PORT",
    callback=_given,
    help=f"Where a part of the stack answers: {', '.join(STACK_PARTS)}; repeatable.",
)
