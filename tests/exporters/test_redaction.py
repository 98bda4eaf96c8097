"""Nothing of a url that is secret is shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.exporters.redaction import AmbiguousUrlError, instance, secrets_of, split, without


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache:6380/1", "cache:6380"),
        ("redis://user:pass@cache:6380", "cache:6380"),
        ("redis://user:p%40ss@[::1]:6380", "[::1]:6380"),
        ("redis://cache", "cache:6379"),
        ("unix:///run/redis.sock", "the-service"),
        ("redis://:pa/ss@cache:1", "the-service"),
        ("redis://:123#4@cache:1", "the-service"),
        ("redis://:12?3@cache:1", "the-service"),
        ("redis://[broken", "the-service"),
        ("not a url", "the-service"),
        ("", "the-service"),
    ],
)
def test_the_instance_is_host_and_port_and_never_credentials(url: str, expected: str) -> None:
    """Where the host is not certain, the service's name stands for it."""
    assert expected == instance(url, "the-service")


@pytest.mark.parametrize("url", ["redis://:a#b@c", "redis://:a/b@c", "redis://:a?b@c", "redis://[x", "redis://h:port"])
def test_a_url_that_can_be_read_two_ways_is_refused(url: str) -> None:
    """A piece of a password could pass for a host."""
    with pytest.raises(AmbiguousUrlError, match="percent-encode"):
        split(url)


def test_every_form_of_the_password_is_secret() -> None:
    """As the variable holds it, as the url holds it, and decoded."""
    found = secrets_of("redis://:${P}@cache", "redis://:a%2Fb@cache", {"P": "a%2Fb"})
    assert {"redis://:a%2Fb@cache", "redis://:a/b@cache", "a%2Fb", "a/b"} == found


def test_secret_parameters_of_a_url_are_secret() -> None:
    """Some clients take their password there."""
    assert "hunter2" in secrets_of("x://h?password=${P}", "x://h?password=hunter2&db=0", {})
    assert "0" not in secrets_of("x://h?password=${P}", "x://h?password=hunter2&db=0", {})


def test_a_variable_that_is_the_whole_url_is_secret_with_its_password() -> None:
    """Both are replaced, the longer one first."""
    environ = {"URL": "redis://:hunter2@cache"}
    secrets = secrets_of("${URL}", environ["URL"], environ)
    assert without(f"cannot reach {environ['URL']}, password hunter2", secrets) == "cannot reach ***, password ***"


def test_what_a_file_holds_is_secret_in_both_forms(tmp_path: Path) -> None:
    """Wherever in the url it stands: as the file has it, and as the url has it."""
    (tmp_path / "user").write_text("a/b\n")
    template = f"redis://${{file:{tmp_path}/user}}@cache"

    assert {"a/b", "a%2Fb"} <= secrets_of(template, "redis://a%2Fb@cache", {})


def test_a_text_is_one_short_printable_line() -> None:
    """Nothing forges a line of the log or colours a terminal."""
    assert without("a\r\n\tb \x1b[1mc\x00", []) == "a b [1mc"
    assert len(without("x" * 1000, [])) == 300


@given(
    st.text("0123456789 \n", max_size=40),
    st.text("abcdefg#/@", min_size=1, max_size=40),
    st.text("0123456789 \n", max_size=40),
)
def test_no_secret_survives(before: str, secret: str, after: str) -> None:
    """Wherever it stands in the text."""
    assert secret not in without(before + secret + after, [secret])
