"""What is made of a Sentinel's answers that no healthy set of Sentinels gives."""

from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from seawall.exporters.redis_info import LIMIT, parse
from seawall.exporters.redis_sentinel import SENTINEL_METRICS, sentinel_families

INFO = "sentinel_masters:1\r\nmaster0:name=shop,status=odown,address=10.0.0.1:6379,slaves=2,sentinels=3\r\n"
UP = [b"name", b"a", b"flags", b"slave"]
DOWN = [b"name", b"b", b"flags", b"s_down,slave,disconnected"]
NO_QUORUM = ResponseError("NOQUORUM 1 usable Sentinels.")


def told(info: str, *answers: Any) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the values of each family that has any, by the values of its labels, where *answers* is what is told."""
    families = sentinel_families(parse(info), lambda *_: list(answers))
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in families
        if family.samples
    }


def test_a_master_that_is_down_has_no_quorum_to_fail_it_over() -> None:
    """The refusal of CKQUORUM is its answer; members that are down are known and not well."""
    found = told(INFO, [UP, DOWN], [DOWN, DOWN], NO_QUORUM)

    assert {("shop", "10.0.0.1:6379", "odown"): 0} == found["redis_sentinel_master_status"]
    assert {("shop", "10.0.0.1:6379"): 1} == found["redis_sentinel_master_ok_slaves"]
    assert {("shop", "10.0.0.1:6379"): 1} == found["redis_sentinel_master_ok_sentinels"]
    assert {("shop", str(NO_QUORUM)): 0} == found["redis_sentinel_master_ckquorum_status"]
    assert {("info",): 1, ("sentinel",): 1} == found["seawall_probe_query_success"]


def test_a_user_without_rights_is_told_what_info_has() -> None:
    """What is not known has no sample, and the query says so."""
    refused = NoPermissionError("NOPERM this user has no permissions to run the 'sentinel|slaves' command")
    found = told(INFO, refused, refused, refused)

    assert {("shop", "10.0.0.1:6379"): 2} == found["redis_sentinel_master_slaves"]
    unknown = {f"redis_sentinel_master_{each}" for each in ("ok_slaves", "ok_sentinels", "ckquorum_status")}
    assert set() == found.keys() & unknown
    assert {("info",): 1, ("sentinel",): 0} == found["seawall_probe_query_success"]


def test_a_sentinel_of_many_masters_is_asked_for_some() -> None:
    """So that a probe ends in time."""
    many = "".join(f"master{each}:name=m{each},status=ok,address=a:1,slaves=0,sentinels=1\r\n" for each in range(500))
    found = told(many, *([] for _ in range(3 * LIMIT)))

    assert LIMIT == len(found["redis_sentinel_master_status"])


def test_garbage_is_no_answer() -> None:
    """Fields that are missing, or no numbers, have no sample."""
    found = told("sentinel_masters:x\r\nmaster0:status=ok\r\nmaster1:name=a\r\n", None, [[b"flags"]], b"?")

    assert "redis_sentinel_masters" not in found
    assert {("a", "", ""): 0} == found["redis_sentinel_master_status"]
    assert {("a", ""): 2} == found["redis_sentinel_master_ok_sentinels"]
    assert found.keys() <= {info.name for info in SENTINEL_METRICS} | {"seawall_probe_query_success"}
