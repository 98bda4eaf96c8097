"""Runs every command of Kafka's runbooks, by the programs that come with it."""

import re
import subprocess
from pathlib import Path
from typing import Final

from confluent_kafka.admin import NewTopic
from kafka import JAVA, KafkaBroker

RUNBOOKS: Final = Path(__file__).parents[2] / "runbooks/kafka.md.j2"
_COMMAND: Final = re.compile(r"`(kafka-[^`]+)`")
COMMANDS: Final = sorted({" ".join(each.split()) for each in _COMMAND.findall(RUNBOOKS.read_text())})
# What the scripts of bin/ start.
PROGRAMS: Final = {
    "kafka-topics.sh": "TopicCommand",
    "kafka-broker-api-versions.sh": "BrokerApiVersionsCommand",
    "kafka-metadata-quorum.sh": "MetadataQuorumCommand",
    "kafka-leader-election.sh": "LeaderElectionCommand",
    "kafka-reassign-partitions.sh": "reassign.ReassignPartitionsCommand",
    "kafka-consumer-groups.sh": "consumer.group.ConsumerGroupCommand",
    "kafka-console-consumer.sh": "consumer.ConsoleConsumer",
    "kafka-get-offsets.sh": "GetOffsetShell",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
}
# Runs a line each: program and words. A JVM a command would take longer than all of them.
RUNNER: Final = """
import java.nio.file.*; import java.util.*;
import org.apache.kafka.common.utils.Exit;
public class Run {
    public static void main(String[] lines) throws Exception {
        Exit.setExitProcedure((status, message) -> { if (status != 0) throw new IllegalStateException("exit " + status + " " + message); });
        for (String line : lines) {
            String[] words = line.split(" ");
            System.out.println("RUNS " + line);
            Class.forName(words[0]).getMethod("main", String[].class).invoke(null, (Object) Arrays.copyOfRange(words, 1, words.length));
            System.out.println("RAN " + line);
        }
    }
}
"""


def filled(command: str, broker: KafkaBroker, plan: Path) -> str:
    """Return the program and the words of a command, with those in capitals replaced."""
    command = command.replace("HOST:9092", f"127.0.0.1:{broker.port}").replace("--execute with", "--execute")
    for word, value in (
        ("GROUP", "billing"),
        ("TOPIC:N", "orders:0"),
        ("TOPIC", "orders"),
        ("OFFSET", "4"),
        (" N", " 0"),
    ):
        command = re.sub(rf"(?<![A-Z]){word}\b", value, command)
    script, _, words = command.partition(" ")
    if "reassign" in script and "--execute" in words:
        words += f" --reassignment-json-file {plan}"
    program = PROGRAMS[script]
    return f"{program if program.startswith('kafka.') else f'org.apache.kafka.tools.{program}'} {words}"


def run_all(broker: KafkaBroker, folder: Path) -> None:
    """Run them all, in *folder*; fail where one fails, or where an error is all that it says."""
    plan = folder / "plan.json"
    plan.write_text('{"version": 1, "partitions": [{"topic": "moved", "partition": 0, "replicas": [1]}]}')
    broker.create(NewTopic("moved", 1, replica_assignment=[[1]]))
    (folder / "Run.java").write_text(RUNNER)
    lines = [filled(command, broker, plan) for command in COMMANDS]
    done = subprocess.run(
        [*JAVA, str(folder / "Run.java"), *lines], capture_output=True, text=True, check=False, timeout=240
    )
    ran = {line.removeprefix("RAN ") for line in done.stdout.splitlines() if line.startswith("RAN ")}
    assert set(lines) == ran, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Error:" not in done.stdout
    assert len(COMMANDS) > 15
