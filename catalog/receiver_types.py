"""What Alertmanager's receivers take: their types and fields, since which version, and which of them are secrets.

A word of the table is a field. ``!`` marks a secret, which the catalog gives by the field of the same name with
``_file``; ``@0.28`` is the first Alertmanager that knows the field, where it came later than its type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FLOOR: Final = "0.25"


@dataclass(frozen=True)
class Shape:
    """What one mapping takes: *fields* to the version that introduced each; of each of *needs* one field at least."""

    fields: Mapping[str, str]
    secrets: frozenset[str]
    since: str
    needs: tuple[tuple[str, ...], ...]


def _shape(fields: str, *, needs: str = "", since: str = FLOOR) -> Shape:
    versions, secrets = dict[str, str](), set[str]()
    for word in fields.split():
        name, _, version = word.partition("@")
        versions[name.rstrip("!")] = version or since
        if name.endswith("!"):
            secrets.add(name.rstrip("!"))
    return Shape(versions, frozenset(secrets), since, tuple(tuple(word.split("|")) for word in needs.split()))


_COMMON: Final = "send_resolved http_config "
RECEIVER_TYPES: Final[Mapping[str, Shape]] = {
    "discord": _shape(
        _COMMON + "webhook_url! webhook_url_file@0.27 title message content@0.28 username@0.28 avatar_url@0.28",
        needs="webhook_url",
    ),
    "email": _shape(
        "send_resolved to from hello smarthost auth_username auth_password! auth_password_file auth_secret! "
        "auth_secret_file@0.31 auth_identity headers html text require_tls tls_config threading@0.30 "
        "force_implicit_tls@0.31",
        needs="to from smarthost",
    ),
    "incidentio": _shape(
        _COMMON + "url url_file alert_source_token! alert_source_token_file max_alerts timeout",
        needs="url alert_source_token|http_config",
        since="0.29",
    ),
    "jira": _shape(
        _COMMON + "api_url api_type@0.29 project issue_type summary description labels priority reopen_transition "
        "resolve_transition wont_fix_resolution reopen_duration fields",
        needs="api_url project issue_type",
        since="0.28",
    ),
    "mattermost": _shape(
        _COMMON + "webhook_url! webhook_url_file channel username text icon_url icon_emoji attachments type props "
        "priority fallback@0.32 color@0.32 pretext@0.32 author_name@0.32 author_link@0.32 author_icon@0.32 title@0.32 "
        "title_link@0.32 fields@0.32 thumb_url@0.32 footer@0.32 footer_icon@0.32 image_url@0.32",
        needs="webhook_url",
        since="0.30",
    ),
    "msteams": _shape(
        _COMMON + "webhook_url! webhook_url_file@0.27 title summary@0.27 text", needs="webhook_url", since="0.26"
    ),
    "msteamsv2": _shape(_COMMON + "webhook_url! webhook_url_file title text", needs="webhook_url", since="0.28"),
    "opsgenie": _shape(
        _COMMON + "api_key! api_key_file api_url message description source details entity responders actions tags "
        "note priority update_alerts",
        needs="api_key",
    ),
    "pagerduty": _shape(
        _COMMON + "routing_key! routing_key_file service_key! service_key_file url client client_url description "
        "details images links source severity class component group timeout@0.30",
        needs="routing_key|service_key",
    ),
    "pushover": _shape(
        _COMMON + "user_key! user_key_file@0.26 token! token_file@0.26 title message url url_title device@0.26 sound "
        "priority retry expire ttl@0.27 html monospace@0.29",
        needs="user_key token",
    ),
    "rocketchat": _shape(
        _COMMON + "api_url token! token_file token_id! token_id_file channel color title title_link text fields "
        "short_fields emoji icon_url image_url thumb_url link_names actions",
        needs="token token_id",
        since="0.28",
    ),
    "slack": _shape(
        _COMMON + "api_url! api_url_file app_token!@0.30 app_token_file@0.30 app_url@0.30 channel username color title "
        "title_link pretext text message_text@0.31 fields short_fields footer fallback callback_id icon_emoji icon_url "
        "image_url thumb_url link_names mrkdwn_in actions update_message@0.32 timeout@0.30",
        needs="api_url|app_token",
    ),
    "sns": _shape(
        _COMMON + "api_url sigv4 topic_arn phone_number target_arn subject message attributes use_aws_http_client@0.33",
        needs="topic_arn|phone_number|target_arn",
    ),
    "telegram": _shape(
        _COMMON + "api_url bot_token! bot_token_file@0.26 chat_id chat_id_file@0.31 message_thread_id@0.28 message "
        "disable_notifications parse_mode",
        needs="bot_token chat_id",
    ),
    "victorops": _shape(
        _COMMON + "api_key! api_key_file api_url routing_key message_type state_message entity_display_name "
        "monitoring_tool custom_fields",
        needs="api_key routing_key",
    ),
    "webex": _shape(_COMMON + "api_url room_id message", needs="room_id http_config"),
    "webhook": _shape(_COMMON + "url url_file@0.26 max_alerts timeout@0.28 payload@0.32", needs="url"),
    "wechat": _shape(
        _COMMON + "api_secret! api_secret_file@0.31 corp_id api_url message to_user to_party to_tag agent_id "
        "message_type",
        needs="api_secret corp_id",
    ),
}

# Mappings inside a receiver; a field's own name says which of them it holds.
BLOCKS: Final[Mapping[str, Shape]] = {
    "http_config": _shape(
        "basic_auth authorization oauth2 bearer_token! bearer_token_file proxy_url no_proxy@0.26 "
        "proxy_from_environment@0.26 proxy_connect_header! tls_config follow_redirects enable_http2 "
        "http_headers@0.28"
    ),
    "basic_auth": _shape("username username_file@0.27 password! password_file"),
    "authorization": _shape("type credentials! credentials_file"),
    "oauth2": _shape(
        "client_id client_secret! client_secret_file scopes token_url endpoint_params proxy_url no_proxy@0.26 "
        "proxy_from_environment@0.26 proxy_connect_header!@0.26 tls_config"
    ),
    "tls_config": _shape(
        "ca_file cert_file key_file server_name insecure_skip_verify min_version max_version "
        "ca@0.26 cert@0.26 key!@0.26"
    ),
    "sigv4": _shape("region access_key! secret_key! profile role_arn external_id@0.34"),
}
