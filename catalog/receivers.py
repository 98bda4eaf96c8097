"""Checks the receivers of a catalog against what Alertmanager takes."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from .problems import Position, Problem, Severity
from .receiver_types import BLOCKS, FLOOR, RECEIVER_TYPES, Shape

_TELLING: Final = ("token", "key", "secret", "password", "passwd", "sig", "auth", "code")
_ADDRESSES: Final = ("url", "api_url", "webhook_url", "app_url")

Where = Callable[..., Position]
_Path = tuple[str | int, ...]


def check_receivers(raw: Mapping[str, Any], path: _Path, where: Where) -> list[Problem]:
    """Return what is wrong with the receivers that stand at *path*; *where* finds a node's place in the files.

    What is not a mapping is the model's to refuse.
    """
    problems = []
    for name, fields in raw.items():
        shape = RECEIVER_TYPES.get(name)
        here = (*path, name)
        if shape is None:
            problems.append(_error(where, here, f"unknown receiver type {_guess(name, RECEIVER_TYPES)}"))
        elif isinstance(fields, Mapping):
            problems += _check_type(name, shape, fields, here, where)
    return problems


def _check_type(name: str, shape: Shape, raw: Mapping[str, Any], path: _Path, where: Where) -> Iterator[Problem]:
    if shape.since != FLOOR:
        yield _needs_newer(where, path, f"receiver type {name}", shape.since)
    yield from _check_fields(shape, raw, path, where)
    for choice in shape.needs:
        if not any(field in raw or f"{field}_file" in raw for field in choice):
            names = " or ".join(_written(shape, field) for field in choice)
            yield _error(where, path, f"a receiver of type {name} needs {names}")


def _check_fields(shape: Shape, raw: Mapping[str, Any], path: _Path, where: Where) -> Iterator[Problem]:
    for field, value in raw.items():
        here = (*path, field)
        if field not in shape.fields:
            yield _error(where, here, f"unknown field {_guess(field, shape.fields)}")
            continue
        if field in shape.secrets:
            yield _error(where, here, f"a secret does not belong in the catalog; {_instead(shape, field)}")
            continue
        if shape.fields[field] not in (shape.since, FLOOR):
            yield _needs_newer(where, here, f"field {field}", shape.fields[field])
        if field in BLOCKS and isinstance(value, Mapping):
            yield from _check_fields(BLOCKS[field], value, here, where)
        elif field == "http_headers" and isinstance(value, Mapping):
            yield from _check_headers(value, here, where)
        else:
            yield from _check_address(shape, field, value, here, where)


def _check_headers(raw: Mapping[str, Any], path: _Path, where: Where) -> Iterator[Problem]:
    for header, source in raw.items():
        if isinstance(source, Mapping) and "secrets" in source:
            said = "a secret does not belong in the catalog; write files, with the paths of files that hold the values"
            yield _error(where, (*path, header, "secrets"), said)


def _check_address(shape: Shape, field: str, value: Any, path: _Path, where: Where) -> Iterator[Problem]:
    if isinstance(value, str) and _has_credentials(value, queried=field in _ADDRESSES):
        said = "this address carries credentials; take them out"
        if f"{field}_file" in shape.fields:
            said = (
                f"this address carries credentials; write {_by_file(shape, field)}, the path of a file that holds it,"
            )
        yield _error(where, path, f"{said} or give them by file under http_config")


def _has_credentials(text: str, *, queried: bool) -> bool:
    if "://" not in text:
        return False
    try:
        address = urlsplit(text)
    except ValueError:
        return "@" in text
    names = [name.lower() for name, _ in parse_qsl(address.query, keep_blank_values=True)] if queried else []
    return "@" in address.netloc or any(part in name for name in names for part in _TELLING)


def _instead(shape: Shape, field: str) -> str:
    if f"{field}_file" in shape.fields:
        return f"write {_by_file(shape, field)}, the path of a file that holds it"
    if "profile" in shape.fields:
        return "leave it out and let AWS' own environment, profile or role give it"
    return "leave it out: Alertmanager cannot read it from a file"


def _by_file(shape: Shape, field: str) -> str:
    version = shape.fields[f"{field}_file"]
    return f"{field}_file" if version in (shape.since, FLOOR) else f"{field}_file (Alertmanager {version} or newer)"


def _written(shape: Shape, field: str) -> str:
    return _by_file(shape, field) if field in shape.secrets else field


def _guess(name: object, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(str(name).removesuffix("_configs"), known, n=1)
    return f'"{name}"; did you mean {close[0]}?' if close else f'"{name}"; known are {", ".join(sorted(known))}'


def _needs_newer(where: Where, path: _Path, what: str, version: str) -> Problem:
    said = f"{what} needs Alertmanager {version} or newer; an older one refuses the whole configuration"
    return Problem(where(*path), f"{_subject(path)}: {said}", Severity.WARNING)


def _error(where: Where, path: _Path, said: str) -> Problem:
    return Problem(where(*path), f"{_subject(path)}: {said}")


def _subject(path: _Path) -> str:
    words = [str(part) for part in path]
    return f'team "{words[1]}": {".".join(words[2:])}' if words[0] == "teams" else ".".join(words)
