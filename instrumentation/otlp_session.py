"""What OTLP over HTTP stands on: a redirection is a failure, and of an answer no more is read than anybody needs.

OpenTelemetry's exporter follows no redirection and takes it for success, though nothing was kept; and it reads an
answer whole, however long it is.
"""

from typing import Any, Final

from requests import RequestException, Response, Session

_MOST: Final = 65_536  # bytes; the connection of an answer that is longer is given up
_REDIRECTIONS: Final = range(300, 400)


class OtlpSession(Session):
    """Send to a collector that may be anybody."""

    def request(self, *args: Any, **named: Any) -> Response:
        """Send one request. Raises RequestException where nobody answers, or somebody else should be asked."""
        answer = super().request(*args, **{**named, "stream": True})
        if len(answer.raw.read(_MOST, decode_content=False)) == _MOST:
            answer.close()
        if answer.status_code in _REDIRECTIONS:
            place = answer.headers.get("Location", "nowhere")
            raise RequestException(f"{answer.status_code} leads to {place!r}, which is to be the endpoint itself")
        return answer
