"""A url that is not one of its kind, and a client that is not installed, are told with what to do."""

import sys
from typing import Final

import pytest

from seawall.exporters.errors import BadUrlError, MissingPackageError
from seawall.exporters.kinds import Target, kinds

# Of each kind what is said to be written, and urls that are none of its.
WRONG: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "cassandra": (
        r"cassandra://user:\$\{VARIABLE\}@host:9042|may end in \?ca=FILE",
        ("redis://a:1", "cassandra://", "cassandra://a/hunter2", "a:9042", "cassandra://a?hunter2=1"),
    ),
    "celery": (
        r"celery\+redis://|queues, silence and ca|silence must be a number",
        (
            *("redis://host/hunter2", "celery+redis://", "celery+sqs://host/hunter2", "celery+amqp://host/hunter2#x"),
            *(f"celery+redis://host/hunter2?{option}" for option in ("queue=a", "silence=soon", "silence=0")),
        ),
    ),
    "http-cache": (
        r"nginx://host:port/stub_status|write \?log=/var/log/",
        (
            *("nginx://", "redis://a:1", "varnish://hunter2", "http://a/hunter2", "varnish"),
            "nginx://a/?log=hunter2.json",
        ),
    ),
    "kafka": (
        r"kafkas://user:\$\{VARIABLE\}@host:9092",
        (
            *("http://a:9092", "kafka://", "kafka://a/topic", "kafka://a?password=hunter2", "a:9092"),
            *("kafka://hunter2:hunter2@a?mechanism=GSSAPI", "kafka://a?ca=/hunter2.pem"),
        ),
    ),
    "memcached": (
        r"memcached://user:\$\{VARIABLE\}@host:11211|have no spaces",
        ("redis://a:1", "memcached://", "memcached://a/hunter2", "memcached://hunter2%20x:x@a", "a:11211"),
    ),
    "mongodb": (
        r"mongodb://user:\$\{VARIABLE\}@host:27017",
        (
            *("redis://orders:6379", "mongodb://", "mongodb://a:27017,b:27017/?replicaSet=rs1"),
            *("mongodb+srv://user:hunter2@orders.example", "mongodb://user:hunter2:x@orders"),
            "mongodb://user:hunter2@orders:27017/?readPreference=hunter2",
        ),
    ),
    "mysql": (
        r"mysql://user:\$\{VARIABLE\}@host:3306/|ssl-ca, ssl-cert or ssl-key cannot be read: No such file",
        (
            *("redis://user@orders-db:3306", "mysql://orders-db:3306"),
            *(f"mysql://user@orders-db:3306/?{option}=hunter2" for option in ("no_such_option", "ssl-mode")),
            "mysql://user:hunter2@orders-db/?ssl-mode=VERIFY_CA&ssl-ca=/none",
        ),
    ),
    "pgbouncer": (
        r"pgbouncer://user:\$\{VARIABLE\}@host:6432",
        ("redis://a:6432", "pgbouncer://a:6432/orders", "postgresql://a:6432/?no_such_option=hunter2"),
    ),
    "postgres": (
        r"postgresql://user:\$\{VARIABLE\}@host:5432/database",
        ("redis://orders-db:5432", "postgresql://orders-db:5432/?no_such_option=hunter2"),
    ),
    "probe": ("write", ("ftp://x", "http://", "tcp://x", "tls://x", "dns://")),
    "rabbitmq": (
        r"rabbitmqs://host:15691\?ca=",
        (
            *("http://a:15692", "rabbitmq://", "rabbitmq://a/x y", "rabbitmq://a?hunter2=1", "a:15692"),
            *("rabbitmq://a?ca=/hunter2.pem", "rabbitmqs://a?ca=/b.pem&hunter2=1"),
        ),
    ),
    "redis": (r"redis://user:\$\{VARIABLE\}@host:6379", ("postgres://orders-db:5432",)),
}
# Of each kind that needs a client: what cannot be imported without it, its extra, and a url.
CLIENTS: Final = {
    "celery": ("seawall.exporters.celery_broker.listener", "celery", "celery+redis://a"),
    "kafka": ("confluent_kafka", "kafka", "kafka://a"),
    "mongodb": ("pymongo", "mongodb", "mongodb://a"),
    "mysql": ("pymysql", "mysql", "mysql://user@a"),
    "pgbouncer": ("psycopg", "postgres", "pgbouncer://a"),
    "postgres": ("psycopg", "postgres", "postgresql://a"),
    "redis": ("redis", "redis", "redis://a"),
}


def test_every_kind_that_is_probed_is_here() -> None:
    """A kind of one's own may know better."""
    assert sorted(WRONG) == sorted(name for name, kind in kinds().items() if kind.connect is not None)


@pytest.mark.parametrize(("kind", "url"), [(kind, url) for kind, (_, urls) in WRONG.items() for url in urls])
def test_a_url_of_something_else_is_refused_with_what_to_write(kind: str, url: str) -> None:
    """And with nothing of itself, which may be a password."""
    connect = kinds()[kind].connect
    assert connect is not None
    with pytest.raises(BadUrlError, match=WRONG[kind][0]) as told:
        connect(Target(url, 1))
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_that_is_not_installed_is_named_with_what_installs_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for when the first service of the kind is asked."""
    package, extra, url = CLIENTS[kind]
    monkeypatch.setitem(sys.modules, package, None)
    connect = kinds()[kind].connect
    assert connect is not None
    with pytest.raises(MissingPackageError, match=rf'a {kind} service .* pip install "seawall\[{extra}\]"'):
        connect(Target(url, 1))


def test_a_target_does_not_show_its_url() -> None:
    """An accidental print tells no password."""
    assert "hunter2" not in repr(Target("redis://:hunter2@cache:6379", 1))
