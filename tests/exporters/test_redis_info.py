"""INFO as text, to families."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from seawall.exporters.redis_info import LIMIT, bounded, families, number, parse

INFO: Final = """# Server\r
redis_version:7.0.15\r
os:Linux 6.1 x86_64\r
role:master\r
# Stats\r
used_memory:1048576\r
latest_fork_usec:2500\r
rdb_last_bgsave_status:err\r
slave0:ip=10.0.0.7,port=6379,state=online,offset=123,lag=1\r
cmdstat_get:calls=10,usec=2000000,usec_per_call=200000.00,rejected_calls=1,failed_calls=2\r
cmdstat_client|info:calls=1,usec=5\r
db0:keys=3,expires=1,avg_ttl=0\r
"""


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples of an answer to INFO, by family and label values."""
    metrics = list(families(parse(text)))
    return {
        sample.name: {tuple(one.labels.values()): one.value for one in metric.samples}
        for metric in metrics
        for sample in metric.samples
    }


def test_fields_are_read_as_text() -> None:
    """A value may hold colons and spaces; comments are no fields."""
    assert parse("# Server\r\nos:a b:c\r\nx:\r\nno colon\r\n") == {"os": "a b:c", "x": ""}


def test_numbers_become_samples() -> None:
    """A field is its family's value."""
    assert samples(INFO)["redis_memory_used_bytes"] == {(): 1048576}


def test_microseconds_become_seconds() -> None:
    """Base units, as the names say."""
    assert samples(INFO)["redis_latest_fork_seconds"] == {(): 0.0025}


def test_a_status_is_one_only_if_it_is_ok() -> None:
    """Anything else is a failure."""
    assert samples(INFO)["redis_rdb_last_bgsave_status"] == {(): 0}


def test_a_field_that_is_missing_is_no_sample() -> None:
    """An older server has fewer families, never zeros."""
    assert "redis_aof_last_write_status" not in samples(INFO)
    assert "redis_config_maxclients" not in samples(INFO)


def test_a_field_that_is_no_number_is_no_sample() -> None:
    """A newer server may answer other things."""
    assert number({"used_memory": "much"}, "used_memory") is None


def test_each_replica_has_its_lag() -> None:
    """Labelled with its address and state."""
    assert samples(INFO)["redis_connected_slave_lag_seconds"] == {("10.0.0.7", "6379", "online"): 1}


def test_each_command_has_its_calls_and_seconds() -> None:
    """Subcommands are commands of their own."""
    assert samples(INFO)["redis_commands_total"] == {("get",): 10, ("client|info",): 1}
    assert {
        key: value for key, value in samples(INFO)["redis_commands_duration_seconds_total"].items() if key == ("get",)
    } == {("get",): 2}
    assert samples(INFO)["redis_commands_failed_calls_total"] == {("get",): 2}


def test_the_first_database_is_there_though_empty() -> None:
    """INFO leaves it out when it has no keys; then it has none, which is known."""
    assert samples("redis_version:7.0.15\r\n")["redis_db_keys"] == {("db0",): 0}


def test_a_sentinel_has_no_databases() -> None:
    """It keeps no keys, not zero of them."""
    assert "redis_db_keys" not in samples("redis_version:7.0.15\r\nredis_mode:sentinel\r\n")


def test_a_replica_without_its_master_has_no_last_contact() -> None:
    """-1 is no number of seconds."""
    found = samples(
        "role:slave\r\nmaster_host:m\r\nmaster_port:1\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\n"
    )
    assert found["redis_master_link_up"] == {("m", "1"): 0}
    assert "redis_master_last_io_seconds_ago" not in found


def test_fifty_thousand_databases_are_bounded() -> None:
    """The largest are kept, the rest are one, and no key is lost."""
    text = "".join(f"db{index}:keys={index},expires=0\r\n" for index in range(50_000))
    keys = samples(text)["redis_db_keys"]
    assert len(keys) == LIMIT + 1
    assert keys["db49999",] == 49_999
    assert sum(range(50_000)) == sum(keys.values())


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 10**6), max_size=30), st.integers(1, 10))
def test_bounding_keeps_the_sum_and_the_largest(sizes: dict[str, int], limit: int) -> None:
    """Whatever the rows, nothing is lost but names."""
    kept = bounded({name: {"keys": str(size)} for name, size in sizes.items() if name != "others"}, "keys", limit)
    total = sum(size for name, size in sizes.items() if name != "others")
    assert total == sum(number(row, "keys") or 0 for row in kept.values())
    assert len(kept) <= limit + 1


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """Garbage has few families, and raises nothing."""
    assert [metric for metric in families(parse(text)) if not metric.name.startswith("redis_")] == []
