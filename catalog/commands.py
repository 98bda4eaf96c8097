"""The command of this room: ``seawall schema``."""

import json

import click

from .schema import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of the catalog, so that an editor completes and checks it.

    \b
    Example:
      seawall schema > catalog.schema.json
    and, as the first line of the catalog, for editors with a YAML language server:
      # yaml-language-server: $schema=catalog.schema.json

    Exit code: 0.
    """
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
