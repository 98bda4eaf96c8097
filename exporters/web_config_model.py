"""The keys of a web configuration that are served by, and why others are not."""

import ssl
from typing import Any, Final, Literal

from pydantic import Field

from seawall.catalog.fields import Model

AuthType = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]

AUTH_TYPES: Final[dict[AuthType, ssl.VerifyMode]] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
VERSIONS: Final[dict[Version, ssl.TLSVersion]] = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_OPENSSL: Final = "OpenSSL's own choice is served by; take the key away"
_INLINE: Final = "write the PEM into a file and name it as {}_file"
NOT_HERE: Final[dict[tuple[str, ...], str]] = {
    ("rate_limit",): "--max-requests bounds the requests at a time; take the key away",
    **{("tls_server_config", key): _OPENSSL for key in ("cipher_suites", "curve_preferences")},
    ("tls_server_config", "prefer_server_cipher_suites"): _OPENSSL,
    **{("tls_server_config", key): _INLINE.format(key) for key in ("cert", "key", "client_ca")},
    ("tls_server_config", "client_allowed_sans"): "let client_ca_file be an authority that signs for the scraper alone",
}


class TlsServerConfig(Model):
    """``tls_server_config``; relative paths are relative to the file's folder."""

    cert_file: str = Field(min_length=1)
    """The server's certificate and those between it and its root, as PEM."""
    key_file: str = Field(min_length=1)
    """The key of the certificate, as PEM without a passphrase."""
    client_auth_type: AuthType = "NoClientCert"
    """Whether clients need a certificate."""
    client_ca_file: str = ""
    """The authorities that sign the clients' certificates, as PEM."""
    min_version: Version = "TLS12"
    """The oldest TLS that is spoken."""
    max_version: Version = "TLS13"
    """The newest TLS that is spoken."""


class Headers(Model):
    """``http_server_config.headers``: an empty text sets none."""

    content_security_policy: str = Field("", alias="Content-Security-Policy")
    x_frame_options: Literal["", "deny", "sameorigin"] = Field("", alias="X-Frame-Options")
    x_content_type_options: Literal["", "nosniff"] = Field("", alias="X-Content-Type-Options")
    x_xss_protection: str = Field("", alias="X-XSS-Protection")
    strict_transport_security: str = Field("", alias="Strict-Transport-Security")

    def values(self) -> dict[str, str]:
        """Return the headers that are set, by name."""
        return {name: value for name, value in self.model_dump(by_alias=True).items() if value}


class HttpServerConfig(Model):
    """``http_server_config``."""

    http2: bool = False
    """HTTP/2, which this server does not speak: false alone is accepted."""
    headers: Headers = Headers()
    """Headers of every answer."""


class WebConfigFile(Model):
    """The whole file."""

    tls_server_config: TlsServerConfig | None = None
    """TLS; without it the server speaks plain HTTP."""
    http_server_config: HttpServerConfig = HttpServerConfig()
    """What is said with each answer."""
    basic_auth_users: dict[str, Any] = Field(default_factory=dict)
    """Bcrypt hashes of passwords, by user; without any nobody is asked."""
