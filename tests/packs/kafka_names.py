"""What exporters tell of a real Kafka, for the test of the names that its pack uses."""

from pathlib import Path

import pytest
from kafka import KafkaBroker
from servers import Exposed, StartExporter, exposed, parse


@pytest.fixture(scope="module")
def kafka_by_seawall(start_exporter: StartExporter, kafka_broker: KafkaBroker) -> Exposed:
    """Return what Seawall's exporter tells of a broker that was used."""
    return exposed([start_exporter({"events": kafka_broker.url}).scrape("/probe?service=events")])


@pytest.fixture(scope="module")
def kafka_by_kafka_exporter() -> Exposed:
    """Return what kafka_exporter told of one, as it was recorded: Debian has no package of it."""
    return exposed([parse((Path(__file__).parents[1] / "exporters/recordings/kafka_exporter.txt").read_text())])
