"""No secret stands in a catalog, nothing expands but in ``url``, and text and numbers are such."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .findings import Findings
from .places import Path
from .wording import field_name

VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILE: Final = re.compile(r"\$\{file:(/[^{}]+)\}")
REFERENCE: Final = re.compile(f"{VARIABLE.pattern}|{_FILE.pattern}")
"""What stands for a secret in a ``url``: group 1 is a variable of the exporter's environment, or group 2 a file."""
_SUSPECT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]|\\$\\{")
_PARAMETER: Final = re.compile(
    r"(?:^|[?&;\s])([\w.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key))\s*=\s*([^&;#\s]+)", re.I
)
_SECRET_KEY: Final = re.compile(r"(?:password|passwd|secret|token|credentials|secret_key|private_key)$", re.I)
_SMALLEST: Final = 1e-9  # but for 0: rules have twelve digits behind the point
_LINKS: Final = ("runbook_base_url", "portal_url", "prometheus_url", "grafana_url")
_INSTEAD: Final = "write ${VARIABLE} in its place; the exporter reads it from its environment"


def with_variables(url: str) -> str:
    """Return *url* with a variable in place of each file, whose path would be read as the url's own."""
    return _FILE.sub("${FILE}", url)


def check_texts(data: Any, findings: Findings) -> None:
    """Add control characters everywhere, and ``${VARIABLE}`` where nothing would expand it."""
    for path, text, at_key in _texts(data):
        found = _SUSPECT.search(text)
        if not found:
            continue
        name = "the key" if at_key else field_name(path) or "it"
        if found[0] != "${":
            said = f"{name} holds the control character U+{ord(found[0]):04X}; take it out"
            findings.error(path, said, at_key=at_key)
        elif at_key or not _may_hold_variables(path):
            said = f"{name} holds ${{…}}, and variables are read in url alone; write the value itself"
            findings.error(path, said, at_key=at_key)


def check_numbers(data: Any, findings: Findings) -> None:
    """Add numbers of which nothing would be left in a rule."""
    for path, value in _nodes(data):
        if isinstance(value, float) and 0 < abs(value) < _SMALLEST:
            said = f"{field_name(path)} is {value:g}, so small that rules would say 0"
            findings.error(path, f"{said}; write 0, or {_SMALLEST:.9f} or more")


def check_url(url: str, path: Path, findings: Findings) -> None:
    """Add a literal password, and what is neither an address nor a variable."""
    is_file, url = _FILE.match(url) is not None, with_variables(url)
    if "${" in VARIABLE.sub("", url):
        findings.error(
            path,
            "url holds a ${ that begins no variable; write such as ${ORDERS_DB_URL} or ${file:/run/secrets/orders_db}",
        )
    elif parameter := _literal_parameter(url):
        findings.error(path, f"url holds a literal secret in {parameter}; {_INSTEAD}")
    elif _has_password(url):
        findings.error(path, f"url holds a literal password; {_INSTEAD}")
    elif is_file:
        said = "url begins with a file, and a file holds a password; write such as redis://:${file:/…}@cart-cache:6379"
        findings.error(path, said)
    elif "://" not in url and not VARIABLE.match(url):
        findings.error(path, "url is no address; write such as redis://cart-cache:6379 or ${CART_CACHE_URL}")


def check_addresses(defaults: Mapping[str, Any], findings: Findings) -> None:
    """Add credentials in the addresses that are written into every alert."""
    for key in _LINKS:
        if isinstance(defaults.get(key), str) and _carries_credentials(defaults[key]):
            said = f"{key} carries credentials, and it is written into every alert; take them out"
            findings.error(("defaults", key), said)


def check_discovery(targets: Mapping[str, Any], path: Path, findings: Findings) -> None:
    """Add keys that are no service discovery of Prometheus, and secrets in those that are."""
    for key in targets:
        if not key.endswith("_sd_configs"):
            said = f"targets.{key} is no service discovery of Prometheus"
            said += "; write a list of host:port, or such as dns_sd_configs"
            findings.error((*path, key), said, at_key=True)
    for here, text, at_key in _texts(targets, path):
        key = next((str(step) for step in reversed(here) if isinstance(step, str)), "")
        if at_key:
            continue
        if _SECRET_KEY.search(key):
            said = f"{field_name(here)} holds a literal secret; write {key}_file, the path of a file that holds it"
            findings.error(here, said)
        elif _carries_credentials(text):
            findings.error(here, f"{field_name(here)} carries credentials; give them by file under basic_auth")


def check_match(match: Mapping[str, str], path: Path, findings: Findings) -> None:
    """Add matchers of labels that Seawall or Prometheus sets."""
    for label in match:
        if label == "job":
            said = f"{field_name(path)}: job is always the service's name; take it out, or rename the service"
            findings.error((*path, label), said, at_key=True)
        elif label.startswith("__"):
            said = f"{field_name(path)}: labels that begin with __ are Prometheus' own; match another one than {label}"
            findings.error((*path, label), said, at_key=True)


def _texts(data: Any, path: Path = ()) -> Iterator[tuple[Path, str, bool]]:
    for here, value in _nodes(data, path):
        if isinstance(here[-1], str):
            yield here, here[-1], True
        if isinstance(value, str):
            yield here, value, False


def _nodes(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    todo: list[tuple[Path, Any]] = [(path, data)]
    while todo:
        here, node = todo.pop()
        for step, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield (*here, step), value
            if isinstance(value, dict | list):
                todo.append(((*here, step), value))


def _may_hold_variables(path: Path) -> bool:
    # Beside url only the owners' notes, which quote commands of a shell; nothing expands there.
    return len(path) > 2 and path[0] == "services" and (path[2] == "runbook" or path[2:] == ("url",))


def _carries_credentials(text: str) -> bool:
    return "://" in text and (_has_password(text) or _literal_parameter(text) is not None)


def _literal_parameter(url: str) -> str | None:
    for name, value in _PARAMETER.findall(url):
        if VARIABLE.sub("", value):
            return str(name)
    return None


def _has_password(url: str) -> bool:
    _, found, rest = url.partition("://")
    if not found:
        return False
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in authority:
        # A password with a / in it ends the authority early: what stands there for the port is no number.
        port = VARIABLE.sub("", authority.rpartition(":")[2]) if ":" in authority else ""
        return "@" in rest and not authority.startswith("[") and bool(port) and not port.isdigit()
    password = authority.rpartition("@")[0].partition(":")[2]
    return bool(VARIABLE.sub("", password))
