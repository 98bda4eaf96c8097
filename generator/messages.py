"""What a notification says: summary, likely cause and the way to the runbook, in the fields of each receiver type."""

from collections.abc import Mapping
from typing import Any, Final

# Alertmanager's templates: its own values go in here, and never text of the catalog.
_TITLE: Final = (
    '[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] '
    "{{ .GroupLabels.service }}{{ with .CommonLabels.alertname }} {{ . }}{{ end }}"
)
_SUMMARIES: Final = "{{ range $i, $alert := .Alerts }}{{ if $i }}; {{ end }}{{ $alert.Annotations.summary }}{{ end }}"
_CAUSES: Final = "{{ range .Alerts }}{{ with .Annotations.likely_cause }}{{ . }}\n{{ end }}{{ end }}"
_RUNBOOKS: Final = "{{ range .Alerts }}{{ with .Annotations.runbook_url }}{{ . }}\n{{ end }}{{ end }}"
_DASHBOARDS: Final = "{{ range .Alerts }}{{ with .Annotations.dashboard_url }}{{ . }}\n{{ end }}{{ end }}"
_TEXT: Final = (
    "{{ range .Alerts }}{{ .Status | toUpper }}: {{ .Annotations.summary }}\n"
    "{{ with .Annotations.likely_cause }}Likely cause: {{ . }}\n{{ end }}"
    "{{ with .Annotations.runbook_url }}Runbook: {{ . }}\n{{ end }}"
    "{{ with .Annotations.dashboard_url }}Dashboard: {{ . }}\n{{ end }}\n{{ end }}"
)
_HTML: Final = (
    "{{ range .Alerts }}<p><strong>{{ .Status | toUpper }}</strong>: {{ .Annotations.summary }}"
    "{{ with .Annotations.likely_cause }}<br>Likely cause: {{ . }}{{ end }}"
    '{{ with .Annotations.runbook_url }}<br><a href="{{ . }}">Runbook</a>{{ end }}'
    '{{ with .Annotations.dashboard_url }} <a href="{{ . }}">Dashboard</a>{{ end }}</p>{{ end }}'
)
_DETAILS: Final = {"likely_cause": _CAUSES, "runbook": _RUNBOOKS, "dashboard": _DASHBOARDS}

_MESSAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "discord": {"title": _TITLE, "message": _TEXT},
    "email": {"text": _TEXT, "html": _HTML},
    "jira": {"summary": _TITLE, "description": _TEXT},
    "mattermost": {"text": _TITLE + "\n" + _TEXT},
    "msteams": {"title": _TITLE, "text": _TEXT},
    "msteamsv2": {"title": _TITLE, "text": _TEXT},
    "opsgenie": {"message": _TITLE, "description": _TEXT},
    "pagerduty": {"description": _TITLE + ": " + _SUMMARIES, "details": _DETAILS},
    "pushover": {"title": _TITLE, "message": _TEXT},
    "rocketchat": {"title": _TITLE, "text": _TEXT},
    "slack": {"title": _TITLE, "text": _TEXT},
    "sns": {"subject": _TITLE, "message": _TEXT},
    "telegram": {"message": _TITLE + "\n" + _TEXT},
    "victorops": {"entity_display_name": _TITLE, "state_message": _TEXT},
    "webex": {"message": _TITLE + "\n" + _TEXT},
    "wechat": {"message": _TITLE + "\n" + _TEXT},
}


def with_message(receiver_type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return *fields* with Seawall's message; fields that say a message of their own keep it.

    The fields of the catalog are passed as they are: there, ``{{ }}`` is Alertmanager's template on purpose.
    """
    message = _MESSAGES.get(receiver_type, {})
    own = any(name in fields for name in message)
    return {**({} if own else message), **fields}
