"""The JSON Schema of the catalog, for editors that complete and check it."""

from typing import Any, Final

from .model import Catalog

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema of a whole catalog; one file of a folder fits it too where it names the version."""
    generated = Catalog.model_json_schema(by_alias=True, mode="validation")
    _close(generated)
    head = {"$schema": _DIALECT, "title": "Seawall service catalog", "description": generated.pop("description")}
    return {**head, **{key: value for key, value in generated.items() if key != "title"}}


def _close(node: Any) -> None:
    """Refuse names that fit no pattern, and drop the titles that only repeat the keys."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        for key, child in node.items():
            if key == "properties":
                for field in child.values():
                    field.pop("title", None)
            _close(child)
    elif isinstance(node, list):
        for child in node:
            _close(child)
