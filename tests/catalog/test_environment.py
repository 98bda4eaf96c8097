"""Addresses as the exporter uses them, and as they may be shown."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.catalog import MissingVariableError, SeawallError, SecretFileError, expand, host_and_port, redact

ENVIRON = {"PASSWORD": "hunter2", "HOST": "cache", "EMPTY": "", "NESTED": "${PASSWORD}"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache:6379", "redis://cache:6379"),
        ("redis://:${PASSWORD}@${HOST}:6379", "redis://:hunter2@cache:6379"),
        ("${HOST}", "cache"),
        ("$HOST $(HOST) {HOST}", "$HOST $(HOST) {HOST}"),
        ("${NESTED}", "${PASSWORD}"),
    ],
)
def test_variables_are_filled_in_once(url: str, expected: str) -> None:
    """Only ${VARIABLE}, and never what a value itself holds."""
    assert expected == expand(url, ENVIRON)


@pytest.mark.parametrize("variable", ["UNSET", "EMPTY"])
def test_a_missing_variable_is_named_with_its_service(variable: str) -> None:
    """An empty one is missing too: nobody means an empty password."""
    with pytest.raises(MissingVariableError) as refused:
        expand(f"redis://:${{PASSWORD}}@${{{variable}}}", ENVIRON, service="cart-cache")
    said = f"url needs the environment variable {variable}, which is not set; set it for the exporter"
    assert f'service "cart-cache": {said}' == str(refused.value)
    assert isinstance(refused.value, SeawallError)
    assert (variable, "cart-cache") == (refused.value.variable, refused.value.service)


@pytest.mark.parametrize(
    ("content", "password"),
    [("hunter2", "hunter2"), ("hunter2\r\nold\n", "hunter2"), ("a/b@c ${HOST}", "a%2Fb%40c%20%24%7BHOST%7D")],
)
def test_a_secret_file_is_its_first_line_made_fit_for_a_url(tmp_path: Path, content: str, password: str) -> None:
    """The file is the one that the server's own image reads, so nobody has percent-encoded what is in it."""
    file = tmp_path / "cache"
    file.write_text(content)

    assert f"redis://u:{password}@cache:6379" == expand(f"redis://u:${{file:{file}}}@${{HOST}}:6379", ENVIRON)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "which cannot be read (No such file or directory)"),
        (b"", "which is empty"),
        (b"\n", "which is empty"),
        (b"\xff", "which cannot be read (it is no text)"),
    ],
)
def test_a_secret_file_without_a_secret_is_named_with_its_service(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    """Its path and the reason, and what to do."""
    file = tmp_path / "cache"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SecretFileError) as refused:
        expand(f"redis://:${{file:{file}}}@cache", ENVIRON, service="cart-cache")

    said = f"url needs the file {file}, {why}; mount it where the exporter runs"
    assert f'service "cart-cache": {said}' == str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://cache:6379/0", "cache:6379"),
        ("redis://:hunter2@cache", "cache:6379"),
        ("rediss://user:hunter2@cache:6380?ssl=1", "cache:6380"),
        ("postgresql+psycopg://orders:hunt@er2@db/orders", "db:5432"),
        ("postgres://orders:hunt/er2@db/orders", "db:5432"),
        ("https://psp.example.org/status?token=hunter2", "psp.example.org:443"),
        ("http://psp.example.org?mail=a@b", "psp.example.org:80"),
        ("redis://[::1]:6379", "[::1]:6379"),
        ("redis://[::1]", "[::1]:6379"),
        ("mongodb://user:hunter2@a:1,b:2/orders", "a:1,b:2"),
        ("custom://host", "host"),
        ("redis://${HOST}:6379", "unknown"),
        ("redis://:${file:/run/secrets/cache}@cache", "cache:6379"),
        ("${CACHE_URL}", "unknown"),
        ("unix:///run/redis.sock", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_instance_is_host_and_port_alone(url: str, shown: str) -> None:
    """Neither user, password, path nor query."""
    assert shown == redact(url)


@settings(deadline=None)
@given(st.text(min_size=3).filter(lambda text: "@" not in text))
def test_no_password_is_ever_shown(password: str) -> None:
    """Whatever characters it is made of, with a ? or # that ought to have been escaped or without."""
    marked = f"SECRET{password}SECRET"
    assert "SECRET" not in redact(f"redis://user:{marked}@cache:6379/0")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_redacted_without_an_error(text: str) -> None:
    """An exporter that shows an address never stumbles over it."""
    assert redact(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:65535", ("::1", 65535)),
        ("portal:0", ("portal", 0)),
        *((text, None) for text in ("", ":80", "a", "a:", "a:65536", "a:-1", "a:8o", "a:８０")),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, expected: tuple[str, int] | None) -> None:
    """Anything else is none."""
    assert expected == host_and_port(text)
