"""Redis servers that hang, lie, refuse and forbid: each probe ends in time, says redis_up 0, and tells no secret."""

import logging
import socket
import time
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from hostile import HEADERS, dripping, hang_up, is_down, probe_threads, web
from outside import Behaviour, hang, tcp
from scrapes import queries, value
from servers import RunningExporter, StartExporter, StartRedis, eventually, free_port


def tattle(client: socket.socket, stop: Event) -> None:
    """Answer every command with an error that repeats it, the password among it."""
    while not stop.is_set():
        command = client.recv(1000)
        client.sendall(b"-ERR you said " + b" ".join(command.split()) + b"\r\n")


def promise(client: socket.socket, stop: Event) -> None:
    """Answer INFO with something that is no text."""
    client.recv(1000)
    client.sendall(b":42\r\n:43\r\n")
    stop.wait(5)


def commands(client: socket.socket) -> Iterator[list[bytes]]:
    """Yield what the client asks, a command at a time, however the packets cut it."""
    with client.makefile("rb") as stream:
        while line := stream.readline():
            yield [stream.read(int(stream.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]


def babble(client: socket.socket, stop: Event) -> None:
    """Answer INFO with a command whose name is no UTF-8, and has what must be escaped."""
    info = b'redis_version:7.0.15\r\ncmdstat_\xff"\\x:calls=3,usec=5\r\n'
    for command in commands(client):
        client.sendall(b"$%d\r\n%b\r\n" % (len(info), info) if command[0] == b"INFO" else b":0\r\n")


DRIP = dripping(b"$100000\r\n")


@pytest.mark.parametrize("behaviour", [hang, DRIP, web, hang_up, tattle, promise])
def test_a_hostile_server_is_down_within_the_deadline(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """While it still hangs."""
    scrape = is_down(start_exporter, "redis://127.0.0.1:{port}", behaviour, "redis_up")
    assert value(scrape, "seawall_probe_duration_seconds") < 1.5


def test_an_answer_that_is_no_text_is_told_as_well_as_it_can_be(start_exporter: StartExporter) -> None:
    """The page stays UTF-8, and what surrounds the bytes is escaped."""
    with tcp(babble) as port:
        exporter = start_exporter({"cache": f"redis://127.0.0.1:{port}"})
        scrape = exporter.scrape("/probe?service=cache")
    assert value(scrape, "redis_up") == 1
    assert {("redis_commands_total", frozenset({("cmd", '\ufffd"\\x')})): 3} == scrape["redis_commands_total"].samples


def test_a_refused_connection_is_down_at_once(start_exporter: StartExporter) -> None:
    """Nothing waits for a port where nobody listens."""
    exporter = start_exporter({"cache": f"redis://127.0.0.1:{free_port()}"})
    start = time.monotonic()
    assert value(exporter.scrape("/probe?service=cache"), "redis_up") == 0
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("behaviour", [hang, DRIP])
def test_a_hung_probe_leaves_no_thread_behind(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """Its connection is cut at the deadline, whatever it waits for."""
    with tcp(behaviour) as port:
        exporter = start_exporter({"cache": f"redis://127.0.0.1:{port}"})
        exporter.scrape("/probe?service=cache", HEADERS)
        eventually(lambda: probe_threads() == [], 1)


@pytest.mark.e2e
def test_a_hung_server_does_not_delay_anothers_probe(start_exporter: StartExporter, start_redis: StartRedis) -> None:
    """While one waits for its deadline, the other is answered as ever."""
    real = start_redis()
    with tcp(hang) as port:
        exporter = start_exporter({"dead": f"redis://127.0.0.1:{port}", "well": f"redis://127.0.0.1:{real.port}"})
        exporter.scrape("/probe?service=well")
        waiting = [Thread(target=exporter.scrape, args=("/probe?service=dead", HEADERS)) for _ in range(5)]
        for thread in waiting:
            thread.start()
        start = time.monotonic()
        assert value(exporter.scrape("/probe?service=well"), "redis_up") == 1
        assert time.monotonic() - start < 0.8
        assert any(thread.is_alive() for thread in waiting)
        for thread in waiting:
            thread.join(10)


@pytest.mark.e2e
def test_a_server_that_hung_is_up_when_it_answers_again(start_exporter: StartExporter, start_redis: StartRedis) -> None:
    """A probe that was cut off does not poison the next."""
    real = start_redis()
    exporter = start_exporter({"cache": f"redis://127.0.0.1:{real.port}"})
    real.cli("client", "pause", "1400", "all")
    assert value(exporter.scrape("/probe?service=cache", HEADERS), "redis_up") == 0
    eventually(lambda: value(exporter.scrape("/probe?service=cache", HEADERS), "redis_up") == 1, 5)


def guarded(start_exporter: StartExporter, port: int, password: str) -> RunningExporter:
    """Return an exporter of one server with a password from the environment."""
    return start_exporter({"cache": f"redis://:${{CACHE_PASSWORD}}@127.0.0.1:{port}"}, {"CACHE_PASSWORD": password})


def test_a_password_that_a_server_repeats_is_not_told(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor the page holds it."""
    caplog.set_level(logging.DEBUG)
    with tcp(tattle) as port:
        exporter = guarded(start_exporter, port, "hunter2-and-more")
        page = exporter.scrape("/probe?service=cache")
    assert value(page, "redis_up") == 0
    assert "probe of cache failed" in caplog.text
    assert "hunter2" not in caplog.text + repr(page)


@pytest.mark.parametrize("password", ["hunter2/x", "hunter2#x", "hunter2?x", "x/hunter2", "[hunter2", "1@hunter2#x"])
def test_a_password_that_is_not_encoded_is_not_told_in_pieces(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture, password: str
) -> None:
    """Such a url is refused before a piece of it is looked up as a host; the log says what to do."""
    caplog.set_level(logging.DEBUG)
    exporter = guarded(start_exporter, free_port(), password)
    shown = repr(exporter.scrape("/probe?service=cache")) + repr(exporter.scrape("/metrics"))
    assert "percent-encode" in caplog.text
    assert "hunter2" not in caplog.text + shown


@pytest.mark.e2e
def test_a_wrong_password_is_down_and_says_so(
    start_exporter: StartExporter, start_redis: StartRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells a wrong password from a dead server."""
    real = start_redis(password="the-right-one")
    exporter = guarded(start_exporter, real.port, "the-wrong-one")
    assert value(exporter.scrape("/probe?service=cache"), "redis_up") == 0
    assert "AuthenticationError" in caplog.text
    assert "the-wrong-one" not in caplog.text


def test_a_missing_variable_is_down_and_is_named(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the log knows what to set."""
    exporter = start_exporter({"cache": "redis://:${CACHE_PASSWORD}@127.0.0.1:1"})
    assert value(exporter.scrape("/probe?service=cache"), "redis_up") == 0
    assert "CACHE_PASSWORD" in caplog.text


@pytest.mark.e2e
def test_a_user_without_rights_for_the_slow_log_loses_that_family_alone(
    start_exporter: StartExporter, start_redis: StartRedis
) -> None:
    """The rest is there, and the query that was refused is named."""
    real = start_redis()
    real.cli("acl", "setuser", "poor", "on", ">enough", "-@all", "+info")
    exporter = start_exporter({"cache": f"redis://poor:${{P}}@127.0.0.1:{real.port}"}, {"P": "enough"})
    scrape = exporter.scrape("/probe?service=cache")
    assert value(scrape, "redis_up") == 1
    assert "redis_slowlog_length" not in scrape
    assert "redis_connected_clients" in scrape
    assert queries(scrape) == {"info": 1, "slowlog": 0}


@pytest.mark.e2e
def test_a_user_without_rights_for_info_is_down(start_exporter: StartExporter, start_redis: StartRedis) -> None:
    """Without INFO there is nothing to tell."""
    real = start_redis()
    real.cli("acl", "setuser", "none", "on", ">enough", "-@all", "+ping")
    exporter = start_exporter({"cache": f"redis://none:${{P}}@127.0.0.1:{real.port}"}, {"P": "enough"})
    assert value(exporter.scrape("/probe?service=cache"), "redis_up") == 0
