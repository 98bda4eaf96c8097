"""Ports in use: found before anything starts, named with their holder and with a way out."""

import errno
import socket
from collections.abc import Iterable
from typing import Final

import psutil

from seawall.catalog import SeawallError

from .state import ProcessSpec

_HOST: Final = "127.0.0.1"


class PortsInUseError(SeawallError):
    """Ports that the stack needs are taken."""


def require_free(processes: Iterable[ProcessSpec], processes_file: str) -> None:
    """Raise PortsInUseError, with every port of *processes* that is taken or named twice."""
    problems, owners = [], dict[int, str]()
    for spec in processes:
        for port in spec.ports:
            if port in owners:
                way_out = _way_out(spec, port, processes_file)
                problems.append(f"port {port} is wanted by both {owners[port]} and {spec.name}; {way_out}")
            elif not is_free(port):
                problems.append(_taken(spec, port, processes_file))
            owners.setdefault(port, spec.name)
    if problems:
        raise PortsInUseError("\n".join(problems))


def is_free(port: int) -> bool:
    """Whether this user can listen on *port*, on loopback."""
    return _refusal(port) == 0


def _refusal(port: int) -> int:
    """Return why *port* cannot be listened on: EADDRINUSE, EACCES, or 0 where it can."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # one that is merely waiting out its last talk is free
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return error.errno
            raise
    return 0


def holder(port: int) -> str:
    """Return who listens on *port*, as far as this user may see it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "a process that this user may not see"
    for connection in connections:
        local = connection.laddr
        if connection.status == psutil.CONN_LISTEN and connection.pid and local and local.port == port:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return "a process that this user may not see"


def _taken(spec: ProcessSpec, port: int, processes_file: str) -> str:
    if _refusal(port) == errno.EACCES:
        way_out = _way_out(spec, port, processes_file).removeprefix("stop that, or ")
        return f"port {port}, which {spec.name} needs, is only for root to listen on; {way_out}"
    return f"port {port}, which {spec.name} needs, is held by {holder(port)}; {_way_out(spec, port, processes_file)}"


def _way_out(spec: ProcessSpec, port: int, processes_file: str) -> str:
    if spec.port_option:
        return f"stop that, or use another: --port {spec.port_option}={_free_near(port)}"
    return f"stop that, or give {spec.name} another port in {processes_file}"


def _free_near(port: int) -> int:
    """Return a free port that a person recognises: 19090 for 9090."""
    for candidate in range(port + 10_000, 65_536):
        if is_free(candidate):
            return candidate
    return 0
