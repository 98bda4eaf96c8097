"""What a notification says, rendered by the real Alertmanager's templates."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seawall.catalog.receiver_types import RECEIVER_TYPES
from seawall.generator.messages import with_message

Tool = Callable[[str], str]
HOSTILE = '<b>{{ template "x" }}</b>'
ANNOTATIONS = {
    "summary": f"checkout fails {HOSTILE}",
    "likely_cause": "orders-db: ServiceDown",
    "runbook_url": "http://localhost:8800/runbooks/checkout/HttpServiceFailing",
    "dashboard_url": "http://localhost:8800/services/checkout#errors",
}
DATA: dict[str, Any] = {
    "receiver": "payments-page",
    "status": "firing",
    "alerts": [{"status": "firing", "labels": {"alertname": "HttpServiceFailing"}, "annotations": ANNOTATIONS}],
    "groupLabels": {"service": "checkout"},
    "commonLabels": {"alertname": "HttpServiceFailing"},
    "commonAnnotations": {},
    "externalURL": "http://localhost:9093",
}


def rendered(amtool: str, text: str, folder: Path, *, html: bool = False) -> str:
    """What Alertmanager makes of *text*."""
    (folder / "data.json").write_text(json.dumps(DATA))
    (folder / "none.tmpl").write_text("")
    kind = "html" if html else "text"
    command = [amtool, "template", "render", f"--template.glob={folder}/*.tmpl", f"--template.text={text}"]
    command += [f"--template.type={kind}", f"--template.data={folder}/data.json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def texts(value: Any) -> list[str]:
    """Every string in the fields of a receiver."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def test_a_message_says_what_happens_and_where_to_read_on(tool: Tool, tmp_path: Path) -> None:
    """Service and alert in the title; summary, likely cause, runbook and dashboard in the text."""
    fields = with_message("slack", {})
    assert rendered(tool("amtool"), fields["title"], tmp_path).strip() == "[FIRING:1] checkout HttpServiceFailing"
    assert [
        f"FIRING: checkout fails {HOSTILE}",
        "Likely cause: orders-db: ServiceDown",
        "Runbook: http://localhost:8800/runbooks/checkout/HttpServiceFailing",
        "Dashboard: http://localhost:8800/services/checkout#errors",
    ] == rendered(tool("amtool"), fields["text"], tmp_path).strip().splitlines()


def test_a_mail_links_the_runbook_and_shows_hostile_text_as_it_is(tool: Tool, tmp_path: Path) -> None:
    """What an annotation says is escaped for HTML, and never a template again."""
    page = rendered(tool("amtool"), with_message("email", {})["html"], tmp_path, html=True)
    assert '<a href="http://localhost:8800/runbooks/checkout/HttpServiceFailing">Runbook</a>' in page
    assert "&lt;b&gt;{{ template &#34;x&#34; }}&lt;/b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize("receiver_type", sorted(set(RECEIVER_TYPES) - {"incidentio", "webhook"}))
def test_every_type_that_shows_text_names_the_runbook(receiver_type: str, tool: Tool, tmp_path: Path) -> None:
    """In fields that the type knows at its first version."""
    fields = with_message(receiver_type, {})
    shape = RECEIVER_TYPES[receiver_type]
    assert set() == {name for name in fields if shape.fields[name] != shape.since}
    said = "".join(rendered(tool("amtool"), text, tmp_path) for text in texts(fields))
    assert ANNOTATIONS["runbook_url"] in said
    assert ANNOTATIONS["summary"] in said


@pytest.mark.parametrize("receiver_type", ["incidentio", "webhook"])
def test_types_that_carry_the_alerts_themselves_get_no_text(receiver_type: str) -> None:
    """They pass the labels and annotations on."""
    assert with_message(receiver_type, {"url": "x"}) == {"url": "x"}


def test_a_text_of_the_user_s_own_stays_alone() -> None:
    """Its templates are Alertmanager's, and mixing two messages would please nobody."""
    own = {"api_url_file": "/run/secrets/slack", "text": "{{ .CommonAnnotations.summary }}"}
    assert own == with_message("slack", own)
