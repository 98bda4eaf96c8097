"""One part of the catalog against its model: pydantic's errors as our sentences, and what is left without them."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from .fields import RULES, WORDS
from .findings import Findings
from .places import Path
from .wording import did_you_mean, field_name, one_of, quoted, shown

M = TypeVar("M", bound=BaseModel)
_ROUNDS: Final = 4  # what is missing shows only when what is wrong has been taken out
_STAND_INS: Final = {"kind": "unknown", "team": "unknown"}  # so that the rest of a service can still be checked
_OWN: Final = ("name",)  # set by load(), not by the catalog
_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "tuple_type": "a list",
}
_SHAPES: Final = {
    "depends_on": "a list of names, or a mapping from names to edges",
    "targets": "a list of host:port, or a mapping of *_sd_configs",
    "bad": "a mapping from labels to patterns, or PromQL beside total",
}


@dataclass(frozen=True)
class _Error:
    """One of pydantic's errors, with its *path* in the data as it was written."""

    type: str
    path: Path
    at_key: bool
    value: Any
    context: dict[str, Any]
    message: str


def validate(model: type[M], raw: Any, path: Path, findings: Findings) -> M | None:
    """Return *raw* as a *model*, without what is wrong in it and is added to *findings*; None if too little is left."""
    told = False
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            errors = [_located(detail, raw) for detail in error.errors(include_url=False)]
        if not told:
            for found in errors:
                full = (*path, *found.path)
                if found.type == "missing" and full[:-1] in findings.merged:
                    continue  # a merge key was refused there, which may have brought it
                findings.error(full, _sentence(found, full, model), at_key=_stands_at_key(found))
            told = True
        raw = _without(raw, errors)
        if raw is None:
            return None
    return None


def _located(detail: Any, raw: Any) -> _Error:
    path: list[str | int] = []
    at_key = False
    node = raw
    for step in detail["loc"]:
        if step == "[key]":
            at_key = True
        elif isinstance(node, list) if isinstance(step, int) else isinstance(node, dict) and step in node:
            path.append(step)
            node = node[step]
        elif isinstance(node, list) and step in node:  # depends_on as a list, which the model reads as a mapping
            path.append(node.index(step))
            node = {}
        elif step == detail["loc"][-1] and detail["type"] == "missing":
            path.append(step)  # any other step that the data lacks is the name of a branch of a union
    return _Error(detail["type"], tuple(path), at_key, detail["input"], detail.get("ctx", {}), detail["msg"])


def _stands_at_key(error: _Error) -> bool:
    return error.at_key or error.type == "extra_forbidden"


def _sentence(error: _Error, path: Path, model: type[BaseModel]) -> str:
    name = field_name(path)
    match error.type:
        case "extra_forbidden":
            return _unknown(error, path, model)
        case "missing":
            return _missing(error, path, model)
        case "value_error":
            return f"{name}: {error.context['error']}"
        case "string_pattern_mismatch" if error.context["pattern"] == WORDS:
            return f"{name} is empty; write a reason"
        case "string_pattern_mismatch":
            return f"{name}: {shown(error.value)} does not fit: {RULES[error.context['pattern']]}"
        case "literal_error":
            return _choice(error, name, path, model)
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"{name} is {shown(error.value)}, {_bound(error)}"
        case _:
            return _wrong_type(error, name)


def _unknown(error: _Error, path: Path, model: type[BaseModel]) -> str:
    parent = _model_at(model, error.path[:-1])
    known = list(_keys(parent)) if parent else []
    key = str(path[-1])
    place = f"{field_name(path[:-1])}: " if len(error.path) > 1 else ""
    guess = did_you_mean(key, known) or f"; the keys here are {', '.join(sorted(known))}"
    return f"{place}unknown key {quoted(key)}{guess}"


def _missing(error: _Error, path: Path, model: type[BaseModel]) -> str:
    parent = _model_at(model, error.path[:-1])
    says = _keys(parent).get(str(path[-1]), "") if parent else ""
    return f"{field_name(path)} is missing; write it: {says[:1].lower()}{says[1:].rstrip('.')}"


def _choice(error: _Error, name: str, path: Path, model: type[BaseModel]) -> str:
    parent = _model_at(model, error.path[:-1])
    field = _field(parent, str(path[-1])) if parent else None
    choices = list(_literals(field.annotation)) if field else re.findall("'([^']*)'", error.context["expected"])
    texts = [choice for choice in choices if isinstance(choice, str)]
    guess = did_you_mean(error.value, texts) if isinstance(error.value, str) else ""
    return f"{name} is {shown(error.value)}, and must be {one_of([shown(choice) for choice in choices])}{guess}"


def _bound(error: _Error) -> str:
    if error.path[-1] == "objective" or error.path[-2:-1] == ("thresholds",):
        if error.value <= 0:
            return "which asks for nothing; write the per cent of events that must be good, such as 99 or 99.9"
        if error.value == 100:
            return "which leaves no error budget: one bad event would break it for good; write such as 99.9 or 99.99"
        return "which is more than all events; write the per cent of events that must be good, such as 99 or 99.9"
    words = {"ge": "{:g} or more", "gt": "above {:g}", "lt": "below {:g}", "le": "{:g} or less"}
    return "and must be " + next(word.format(error.context[key]) for key, word in words.items() if key in error.context)


def _wrong_type(error: _Error, name: str) -> str:
    expected = _expected(error)
    if expected is None:
        return f"{name} is {shown(error.value)}: {error.message[:1].lower()}{error.message[1:]}"
    if error.value is None:
        return f"{name} is empty; write {expected}, or take the key away"
    if isinstance(error.value, list) and expected is _SHAPES["depends_on"]:
        return f"{name} holds what is no name; write names of services alone, such as [orders-db, cart-cache]"
    fix = ""
    if expected == "text" and isinstance(error.value, int | float):
        fix = "; put it in quotes"
    elif "number" in expected and isinstance(error.value, str):
        fix = "; write it without a unit and without quotes"
    return f"{name} is {shown(error.value)}, and must be {expected}{fix}"


def _expected(error: _Error) -> str | None:
    if len(error.path) > 1 and error.path[-2] == "expects":
        return 'a multiplier such as "6x" or a rate such as "900/s"'
    last = error.path[-1] if error.path else ""
    return _SHAPES.get(str(last), _EXPECTED.get(error.type))


def _without(raw: Any, errors: list[_Error]) -> Any:
    """Return *raw* less the nodes that are wrong, or None where it is wrong as a whole."""
    raw = copy.deepcopy(raw)
    # From the back, so that what is taken out of a list moves nothing that is still to be found.
    for path, kind in sorted({(error.path, error.type) for error in errors}, key=_order, reverse=True):
        if kind == "missing" and len(path) == 1 and path[0] in _STAND_INS:
            raw[path[0]] = _STAND_INS[path[0]]
        elif not _take_out(raw, path[:-1] if kind == "missing" else path):
            return None
    return raw


def _order(entry: tuple[Path, str]) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in entry[0]]


def _take_out(raw: Any, path: Path) -> bool:
    if not path:
        return False
    node = raw
    for step in path[:-1]:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return True  # it went with what held it
    if isinstance(node, dict):
        node.pop(path[-1], None)
    elif isinstance(node, list) and isinstance(path[-1], int) and path[-1] < len(node):
        del node[path[-1]]
    return True


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    types: list[Any] = [model]
    for step in path:
        types = [inner for outer in types for inner in _steps_into(outer, step)]
    return next((found for found in types if _is_model(found)), None)


def _steps_into(outer: Any, step: str | int) -> Iterator[Any]:
    if _is_model(outer):
        field = _field(outer, str(step))
        yield from _alternatives(field.annotation) if field else ()
    elif get_args(outer):
        yield from _alternatives(get_args(outer)[0 if isinstance(step, int) else -1])


def _alternatives(annotation: Any) -> Iterator[Any]:
    if hasattr(annotation, "__metadata__"):
        yield from _alternatives(annotation.__origin__)
    elif get_args(annotation) and getattr(annotation, "__origin__", None) not in (dict, tuple):
        for inner in get_args(annotation):
            yield from _alternatives(inner)
    else:
        yield annotation


def _literals(annotation: Any) -> Iterator[Any]:
    return (choice for choice in _alternatives(annotation) if choice is not type(None))


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


def _field(model: type[BaseModel], key: str) -> Any:
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            return field
    return None


def _keys(model: type[BaseModel]) -> dict[str, str]:
    """Return the keys that *model* takes, and what each means."""
    fields = model.model_fields.items()
    return {field.alias or name: field.description or "" for name, field in fields if name not in _OWN}
