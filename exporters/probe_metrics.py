"""What a probe from outside exposes: blackbox_exporter's names, and one of our own for why it failed."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, gauge

SUCCESS: Final = gauge("probe_success", "", "1 if the answer came in time and was as it should be, else 0.")
DURATION: Final = gauge("probe_duration_seconds", "seconds", "How long the whole probe took.")
REASON: Final = gauge(
    "seawall_probe_failure_info",
    "",
    "Why it failed: resolve, connect, tls, timeout, protocol, status, body, redirect, answer or setup; always 1.",
    "reason",
)
LOOKUP: Final = gauge("probe_dns_lookup_time_seconds", "seconds", "Time until the host's name had an address.")
IP_PROTOCOL: Final = gauge("probe_ip_protocol", "", "The version of IP that it went by, 4 or 6.")
IP_HASH: Final = gauge("probe_ip_addr_hash", "", "A hash of the address: it changes when the address does.")
REGEX: Final = gauge("probe_failed_due_to_regex", "", "1 if a pattern made the probe fail, else 0.")

STATUS: Final = gauge("probe_http_status_code", "", "Status code of the last answer; 0 without one.")
HTTP_DURATION: Final = gauge(
    "probe_http_duration_seconds",
    "seconds",
    "Time of each phase of all requests: resolve, connect, tls, processing (until the answer begins), transfer.",
    "phase",
)
HTTP_SSL: Final = gauge("probe_http_ssl", "", "1 if the last answer came over TLS, else 0.")
HTTP_VERSION: Final = gauge("probe_http_version", "", "HTTP's version of the last answer.")
REDIRECTS: Final = gauge("probe_http_redirects", "", "Redirects that were followed.")
CONTENT_LENGTH: Final = gauge("probe_http_content_length", "", "Length that the last answer states; -1 without one.")
BODY_LENGTH: Final = gauge("probe_http_uncompressed_body_length", "", "Bytes of the last answer's body.")
LAST_MODIFIED: Final = gauge(
    "probe_http_last_modified_timestamp_seconds", "seconds", "The last answer's Last-Modified, since 1970."
)

EXPIRY: Final = gauge(
    "probe_ssl_earliest_cert_expiry",
    "seconds",
    "When the first of the certificates that the server sends expires, since 1970.",
)
CHAIN_EXPIRY: Final = gauge(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "seconds",
    "When the chain that was verified expires, since 1970.",
)
CHAIN_INFO: Final = gauge(
    "probe_ssl_last_chain_info",
    "",
    "The server's own certificate; always 1.",
    "fingerprint_sha256",
    "issuer",
    "subject",
    "subjectalternative",
)
TLS_VERSION: Final = gauge("probe_tls_version_info", "", "The version of TLS; always 1.", "version")

DNS_DURATION: Final = gauge(
    "probe_dns_duration_seconds", "seconds", "Time of each phase: resolve (of the server), connect, request.", "phase"
)
DNS_SUCCEEDED: Final = gauge("probe_dns_query_succeeded", "", "1 if the server answered at all, else 0.")
DNS_ANSWERS: Final = gauge("probe_dns_answer_rrs", "", "Records in the answer.")
DNS_AUTHORITY: Final = gauge("probe_dns_authority_rrs", "", "Records in the authority section.")
DNS_ADDITIONAL: Final = gauge("probe_dns_additional_rrs", "", "Records in the additional section.")
DNS_SERIAL: Final = gauge("probe_dns_serial", "", "Serial number of the zone, of a question for SOA.")

METRICS: Final[tuple[MetricInfo, ...]] = (
    SUCCESS,
    DURATION,
    REASON,
    LOOKUP,
    IP_PROTOCOL,
    IP_HASH,
    REGEX,
    STATUS,
    HTTP_DURATION,
    HTTP_SSL,
    HTTP_VERSION,
    REDIRECTS,
    CONTENT_LENGTH,
    BODY_LENGTH,
    LAST_MODIFIED,
    EXPIRY,
    CHAIN_EXPIRY,
    CHAIN_INFO,
    TLS_VERSION,
    DNS_DURATION,
    DNS_SUCCEEDED,
    DNS_ANSWERS,
    DNS_AUTHORITY,
    DNS_ADDITIONAL,
    DNS_SERIAL,
)


class Findings:
    """What a probe has found so far: it stays when the probe fails."""

    def __init__(self) -> None:
        self._values: dict[MetricInfo, dict[Labels, float | None]] = {}

    def put(self, info: MetricInfo, value: float | None, *labels: str) -> None:
        """Set a sample."""
        self._values.setdefault(info, {})[labels] = value

    def only(self, info: MetricInfo, value: float, *labels: str) -> None:
        """Set the one sample that a family has."""
        self._values[info] = {labels: value}

    def add(self, info: MetricInfo, seconds: float, *labels: str) -> None:
        """Add to a sample."""
        values = self._values.setdefault(info, {})
        values[labels] = (values.get(labels) or 0.0) + seconds

    def families(self) -> Iterator[Metric]:
        """Yield every family that has a sample."""
        return (info.samples(values) for info, values in self._values.items())
