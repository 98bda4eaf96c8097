"""The table of receivers against the real Alertmanager, and every way to get one wrong."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from seawall.catalog import Position, Problem, Severity
from seawall.catalog.receiver_types import BLOCKS, FLOOR, RECEIVER_TYPES
from seawall.catalog.receivers import check_receivers

REPOSITORY = Path(__file__).parents[2]
PLACE = ("teams", "payments", "notify", "page")
# For each type the fields without which Alertmanager refuses it.
COMPLETE: dict[str, dict[str, Any]] = {
    "discord": {"webhook_url_file": "/s"},
    "email": {"to": "a@hooks.test", "from": "s@hooks.test", "smarthost": "hooks.test:25"},
    "incidentio": {"url": "http://hooks.test/", "alert_source_token_file": "/s"},
    "jira": {"api_url": "http://hooks.test/", "project": "OPS", "issue_type": "Bug"},
    "mattermost": {"webhook_url_file": "/s"},
    "msteams": {"webhook_url_file": "/s"},
    "msteamsv2": {"webhook_url_file": "/s"},
    "opsgenie": {"api_key_file": "/s"},
    "pagerduty": {"routing_key_file": "/s"},
    "pushover": {"user_key_file": "/s", "token_file": "/s"},
    "rocketchat": {"token_file": "/s", "token_id_file": "/s"},
    "slack": {"api_url_file": "/s"},
    "sns": {"topic_arn": "arn:aws:sns:eu-central-1:1:alerts"},
    "telegram": {"bot_token_file": "/s", "chat_id": 7},
    "victorops": {"api_key_file": "/s", "routing_key": "all"},
    "webex": {"room_id": "r", "http_config": {"authorization": {"credentials_file": "/s"}}},
    "webhook": {"url": "http://hooks.test/"},
    "wechat": {"api_secret_file": "/s", "corp_id": "1"},
}


def amtool(version: str) -> str:
    """Where amtool is, installed or newer."""
    newer = os.environ.get("SEAWALL_NEWER_TOOLS", str(REPOSITORY / ".cache/newer/root/usr/bin"))
    found = shutil.which("amtool", path=newer if version == "newer" else None)
    if found is None:
        pytest.fail(f"amtool ({version}) is missing: `make test` fetches it")
    return found


def refusal(tool: str, receiver_type: str, fields: dict[str, Any], folder: Path) -> str:
    """What Alertmanager says against a receiver; empty where it takes it."""
    config = {"route": {"receiver": "x"}, "receivers": [{"name": "x", f"{receiver_type}_configs": [fields]}]}
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    ran = subprocess.run([tool, "check-config", str(path)], capture_output=True, text=True)
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


def unknown_fields(said: str) -> set[str]:
    """The fields that a refusal calls unknown."""
    return set(re.findall(r"field (\w+) not found", said))


def check(receivers: dict[str, Any], path: tuple[str | int, ...] = PLACE) -> list[Problem]:
    """The problems, each at a position whose file is its path."""
    return check_receivers(receivers, path, lambda *parts: Position(".".join(str(part) for part in parts)))


def errors(receivers: dict[str, Any]) -> list[str]:
    """What the errors say."""
    return [problem.message for problem in check(receivers) if problem.severity is Severity.ERROR]


def warnings(receivers: dict[str, Any]) -> list[str]:
    """What the warnings say."""
    return [problem.message for problem in check(receivers) if problem.severity is Severity.WARNING]


def test_the_newer_alertmanager_knows_every_type_and_field_of_the_table(tmp_path: Path) -> None:
    """Fields that came after it aside; wrong values are no matter here, only names."""
    tool = amtool("newer")
    for name, shape in RECEIVER_TYPES.items():
        everything: dict[str, Any] = dict.fromkeys(shape.fields)
        assert (name, set()) == (name, unknown_fields(refusal(tool, name, everything, tmp_path)))


def test_the_floor_knows_exactly_the_fields_that_the_table_says(tmp_path: Path) -> None:
    """What the table dates later, Alertmanager 0.25 calls unknown."""
    tool = amtool("installed")
    for name, shape in RECEIVER_TYPES.items():
        everything: dict[str, Any] = dict.fromkeys(shape.fields)
        later = {field for field, version in shape.fields.items() if version != FLOOR}
        expected = later if shape.since == FLOOR else {f"{name}_configs"}
        assert (name, expected) == (name, unknown_fields(refusal(tool, name, everything, tmp_path)))


def test_the_floor_knows_exactly_the_http_settings_that_the_table_says(tmp_path: Path) -> None:
    """They come with Alertmanager too."""
    for block in ("http_config", "basic_auth", "authorization", "oauth2", "tls_config"):
        inner: dict[str, Any] = dict.fromkeys(BLOCKS[block].fields)
        settings = inner if block == "http_config" else {block: inner}
        fields = {"url": "http://hooks.test/", "http_config": settings}
        later = {field for field, version in BLOCKS[block].fields.items() if version != FLOOR}
        assert (block, later) == (block, unknown_fields(refusal(amtool("installed"), "webhook", fields, tmp_path)))
        assert (block, set()) == (block, unknown_fields(refusal(amtool("newer"), "webhook", fields, tmp_path)))


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_a_complete_receiver_is_accepted_by_the_check_and_by_alertmanager(name: str, tmp_path: Path) -> None:
    """With the needed fields alone."""
    assert errors({name: COMPLETE[name]}) == []
    assert refusal(amtool("newer"), name, COMPLETE[name], tmp_path) == ""


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_the_check_misses_no_field_that_alertmanager_needs(name: str, tmp_path: Path) -> None:
    """Leave any of them out: what Alertmanager refuses, the check has said before."""
    for field in COMPLETE[name]:
        fewer = {other: value for other, value in COMPLETE[name].items() if other != field}
        assert refusal(amtool("newer"), name, fewer, tmp_path) == "" or errors({name: fewer}) != []


def test_the_table_has_every_type_that_the_tests_know() -> None:
    """And the other way round."""
    assert sorted(COMPLETE) == sorted(RECEIVER_TYPES)


@pytest.mark.parametrize(
    ("receivers", "expected"),
    [
        ({"pagerdutty": {}}, 'notify.page.pagerdutty: unknown receiver type "pagerdutty"; did you mean pagerduty?'),
        (
            {"slack_configs": {}},
            'notify.page.slack_configs: unknown receiver type "slack_configs"; did you mean slack?',
        ),
        (
            {"slack": {"api_url_file": "/s", "chanel": "#x"}},
            'notify.page.slack.chanel: unknown field "chanel"; did you mean channel?',
        ),
        (
            {"pagerduty": {"routing_key": "0123"}},
            "notify.page.pagerduty.routing_key: a secret does not belong in the catalog; "
            "write routing_key_file, the path of a file that holds it",
        ),
        (
            {"slack": {"api_url": "https://hooks.test/T0/B0/x"}},
            "notify.page.slack.api_url: a secret does not belong in the catalog; "
            "write api_url_file, the path of a file that holds it",
        ),
        (
            {"telegram": {"bot_token": "${TOKEN}", "chat_id": 1}},
            "notify.page.telegram.bot_token: a secret does not belong in the catalog; "
            "write bot_token_file (Alertmanager 0.26 or newer), the path of a file that holds it",
        ),
        (
            {"email": COMPLETE["email"] | {"auth_password": "x"}},
            "notify.page.email.auth_password: a secret does not belong in the catalog; "
            "write auth_password_file, the path of a file that holds it",
        ),
        (
            {"webhook": {"url": "http://a:b@hooks.test/"}},
            "notify.page.webhook.url: this address carries credentials; write url_file (Alertmanager 0.26 or newer), "
            "the path of a file that holds it, or give them by file under http_config",
        ),
        (
            {"webhook": {"url": "https://hooks.test/?api_token=x"}},
            "notify.page.webhook.url: this address carries credentials; write url_file (Alertmanager 0.26 or newer), "
            "the path of a file that holds it, or give them by file under http_config",
        ),
        (
            {"webhook": {"url": "http://hooks.test/", "http_config": {"proxy_url": "http://a:b@proxy.test"}}},
            "notify.page.webhook.http_config.proxy_url: this address carries credentials; "
            "take them out or give them by file under http_config",
        ),
        (
            {"webhook": {"url": "http://hooks.test/", "http_config": {"basic_auth": {"password": "b"}}}},
            "notify.page.webhook.http_config.basic_auth.password: a secret does not belong in the catalog; "
            "write password_file, the path of a file that holds it",
        ),
        (
            {"webhook": {"url": "http://hooks.test/", "http_config": {"http_headers": {"X-Key": {"secrets": ["x"]}}}}},
            "notify.page.webhook.http_config.http_headers.X-Key.secrets: a secret does not belong in the catalog; "
            "write files, with the paths of files that hold the values",
        ),
        (
            {"webhook": {"url": "http://hooks.test/", "http_config": {"proxy_connect_header": {"X": ["x"]}}}},
            "notify.page.webhook.http_config.proxy_connect_header: a secret does not belong in the catalog; "
            "leave it out: Alertmanager cannot read it from a file",
        ),
        (
            {"sns": {"topic_arn": "a", "sigv4": {"secret_key": "x"}}},
            "notify.page.sns.sigv4.secret_key: a secret does not belong in the catalog; "
            "leave it out and let AWS' own environment, profile or role give it",
        ),
        ({"slack": {}}, "notify.page.slack: a receiver of type slack needs "
         "api_url_file or app_token_file (Alertmanager 0.30 or newer)"),
        ({"telegram": {"chat_id": 1}}, "notify.page.telegram: a receiver of type telegram needs "
         "bot_token_file (Alertmanager 0.26 or newer)"),
        ({"webhook": {}}, "notify.page.webhook: a receiver of type webhook needs url"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_to_write(receivers: dict[str, Any], expected: str) -> None:
    """One error each, at the place of the field."""
    problems = [problem for problem in check(receivers) if problem.severity is Severity.ERROR]
    assert [f'team "payments": {expected}'] == [problem.message for problem in problems]
    assert f"teams.payments.{expected.split(': ')[0]}" == problems[0].position.file


def test_every_problem_is_reported_not_the_first_alone() -> None:
    """Two receivers, three errors."""
    assert len(errors({"pagerduty": {"routing_key": "x", "urll": "y"}, "webhook": {}})) == 3


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/hook", "https://hooks.test/a?team=payments", "https://hooks.test/@payments", "no address"],
)
def test_an_address_without_credentials_is_allowed(url: str) -> None:
    """A webhook may stand in the catalog."""
    assert check({"webhook": {"url": url}}) == []


def test_a_broken_address_with_credentials_is_still_refused() -> None:
    """What cannot be parsed is not trusted."""
    assert len(errors({"webhook": {"url": "http://a:b@[hooks"}})) == 1


@pytest.mark.parametrize(
    ("receivers", "expected"),
    [
        (
            {"msteamsv2": COMPLETE["msteamsv2"]},
            "notify.page.msteamsv2: receiver type msteamsv2 needs Alertmanager 0.28",
        ),
        ({"webhook": {"url_file": "/s"}}, "notify.page.webhook.url_file: field url_file needs Alertmanager 0.26"),
        (
            {"webhook": {"url": "http://hooks.test/", "http_config": {"no_proxy": "hooks.test"}}},
            "notify.page.webhook.http_config.no_proxy: field no_proxy needs Alertmanager 0.26",
        ),
    ],
)
def test_what_the_floor_does_not_know_is_a_warning_with_the_version(receivers: dict[str, Any], expected: str) -> None:
    """An older Alertmanager refuses the whole file, so it is worth a word."""
    said = f'team "payments": {expected} or newer; an older one refuses the whole configuration'
    assert ([said], []) == (warnings(receivers), errors(receivers))


def test_the_version_of_a_field_that_came_with_its_type_is_said_once() -> None:
    """Four fields of a newer type are one warning."""
    assert len(warnings({"jira": {**COMPLETE["jira"], "labels": ["x"]}})) == 1


def test_the_dead_man_s_switch_is_named_by_its_own_path() -> None:
    """It belongs to no team."""
    problems = check({"webhook": {}}, ("notify", "watchdog"))
    assert [one.message for one in problems] == ["notify.watchdog.webhook: a receiver of type webhook needs url"]


def test_what_is_no_mapping_is_left_to_the_model() -> None:
    """It says so itself."""
    assert check({"webhook": "http://hooks.test/"}) == []
