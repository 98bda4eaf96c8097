"""What Sentinel tells of the masters that it watches: redis_exporter's metrics, from INFO and its own commands."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, gauge
from .own import QUERY_SUCCESS
from .redis_info import LIMIT, Info, fields_of, number

# Sends commands in one round trip; an answer that the server refused is its error.
Ask = Callable[..., list[Any]]

_MASTER: Final = ("master_name", "master_address")
_NUMBERS: Final = {
    "sentinel_masters": gauge("redis_sentinel_masters", "", "Masters that this Sentinel watches."),
    "sentinel_tilt": gauge("redis_sentinel_tilt", "", "1 while its clock jumped and it fails nothing over, else 0."),
    "sentinel_running_scripts": gauge("redis_sentinel_running_scripts", "", "Scripts that run now."),
    "sentinel_scripts_queue_length": gauge("redis_sentinel_scripts_queue_length", "", "Scripts that wait to run."),
    "sentinel_simulate_failure_flags": gauge(
        "redis_sentinel_simulate_failure_flags", "", "The failures that it was told to simulate, as bits."
    ),
}
STATUS: Final = gauge(
    "redis_sentinel_master_status", "", "1 if it holds a master for well, else 0.", *_MASTER, "master_status"
)
REPLICAS: Final = gauge("redis_sentinel_master_slaves", "", "Replicas of a master that it knows.", *_MASTER)
SENTINELS: Final = gauge(
    "redis_sentinel_master_sentinels", "", "Sentinels that watch a master, this one among them.", *_MASTER
)
OK_REPLICAS: Final = gauge("redis_sentinel_master_ok_slaves", "", "Replicas that it does not hold for down.", *_MASTER)
OK_SENTINELS: Final = gauge(
    "redis_sentinel_master_ok_sentinels", "", "Sentinels that it does not hold for down, itself among them.", *_MASTER
)
QUORUM: Final = gauge(
    "redis_sentinel_master_ckquorum_status",
    "",
    "1 if enough Sentinels are there to fail a master over, else 0, and how it says so.",
    "master_name",
    "message",
)

SENTINEL_METRICS: Final[tuple[MetricInfo, ...]] = (
    *_NUMBERS.values(),
    *(STATUS, REPLICAS, SENTINELS, OK_REPLICAS, OK_SENTINELS, QUORUM),
)


def sentinel_families(info: Info, ask: Ask) -> Iterator[Metric]:
    """Yield every family of a Sentinel that answered *info*; *ask* it for the members of at most 200 masters."""
    for key, family in _NUMBERS.items():
        yield family.value(number(info, key))
    masters = _masters(info)
    labels: dict[str, Labels] = {name: (name, master.get("address", "")) for name, master in masters.items()}
    statuses = {name: master.get("status", "") for name, master in masters.items()}
    yield STATUS.samples({(*labels[name], status): status == "ok" for name, status in statuses.items()})
    yield REPLICAS.samples({labels[name]: number(master, "slaves") for name, master in masters.items()})
    yield SENTINELS.samples({labels[name]: number(master, "sentinels") for name, master in masters.items()})
    answers = iter(ask(*(command for name in masters for command in _questions(name))))
    found = {name: (next(answers), next(answers), next(answers)) for name in masters}
    yield OK_REPLICAS.samples({labels[name]: _up(replicas) for name, (replicas, _, _) in found.items()})
    # It lists the others alone.
    yield OK_SENTINELS.samples({labels[name]: _up(others, more=1) for name, (_, others, _) in found.items()})
    yield QUORUM.samples({(name, _text(said)): _is_enough(said) for name, (_, _, said) in found.items()})
    refused = (
        isinstance(answer, Exception) and _is_enough(answer) is None for each in found.values() for answer in each
    )
    yield QUERY_SUCCESS.samples({("info",): 1, ("sentinel",): not any(refused)})


def _masters(info: Info) -> Mapping[str, Info]:
    rows = [fields_of(value) for key, value in info.items() if key.startswith("master") and key[6:].isdecimal()]
    return {each["name"]: each for each in rows[:LIMIT] if "name" in each}


def _questions(name: str) -> tuple[tuple[str, ...], ...]:
    return (("SENTINEL", "SLAVES", name), ("SENTINEL", "SENTINELS", name), ("SENTINEL", "CKQUORUM", name))


def _up(members: Any, more: int = 0) -> float | None:
    """Return how many of the *members* that were told are not down; None where the server did not tell them."""
    if not isinstance(members, list):
        return None
    flags = [dict(zip(member[::2], member[1::2], strict=False)).get(b"flags", b"") for member in members]
    return more + sum(b"_down" not in each for each in flags)


def _text(said: Any) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _is_enough(said: Any) -> float | None:
    """Return what an answer to CKQUORUM says; None of one that is none."""
    text = _text(said)
    return 1 if text.startswith("OK ") else 0 if text.startswith("NOQUORUM") else None
