"""OpenTelemetry's metric of remote procedure calls that the application makes."""

from typing import Final

from .aggregation import Histogram
from .bounds import OTHER, FirstSeen
from .memory import Labels
from .outgoing import ClientCalls, Peers

_MOST_METHODS: Final = 200
_OK: Final = "OK"
_SYSTEM: Final = "grpc"


def _failed_beside(labels: Labels) -> Labels:
    return (*labels[:4], "UNKNOWN", "UNKNOWN")


class RpcClientMetrics(ClientCalls):
    """Count calls: from before they are sent until they end.

    A key is the method, the channel's target, and the name of the code; to its caller, each but OK is an error.
    """

    def __init__(self) -> None:
        self._peers = Peers()
        self._methods = FirstSeen(_MOST_METHODS)
        duration = Histogram(
            "rpc.client.call.duration",
            "Measures the duration of an outgoing Remote Procedure Call (RPC).",
            (
                "rpc.system.name",
                "rpc.method",
                "server.address",
                "server.port",
                "rpc.response.status_code",
                "error.type",
            ),
            zero_beside=_failed_beside,
        )
        super().__init__(duration, self._label, _failed_beside)

    def _label(self, method: bytes, target: bytes, code: str) -> Labels:
        name = method.decode("utf-8", "replace").removeprefix("/")
        address, port = self._peers.labels(*_address(target.decode("utf-8", "replace")))
        known = name if self._methods.knows(name) else OTHER
        return (_SYSTEM, known, address, port, code, "" if code == _OK else code)


def _address(target: str) -> tuple[str, str]:
    """Return the host and port of a channel's target, such as ``dns:///stock:50051``; a socket has no port."""
    if target.startswith(("unix:", "unix-abstract:")):
        return target.partition(":")[2], ""
    name = target.rpartition("/")[2] if "://" in target else target
    for scheme in ("dns:", "ipv4:", "ipv6:"):
        name = name.removeprefix(scheme)
    host, _, port = name.rpartition(":")
    return (host, port) if host and port.isdecimal() else (name, "")
