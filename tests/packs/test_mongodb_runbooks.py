"""The commands of MongoDB's runbooks: FerretDB runs those that it knows, the others it says that it does not know."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from mongodb import NEEDS_FERRETDB, StartFerretdb
from pymongo import MongoClient
from pymongo.errors import OperationFailure

RUNBOOKS: Final = (Path(__file__).parents[2] / "runbooks/mongodb.md.j2").read_text()
_COMMAND: Final = re.compile(r"`db\.(?:getSiblingDB\(\"local\"\)\.)?(adminCommand|runCommand)\((\{.*?\})\)`")
COMMANDS: Final = sorted(set(_COMMAND.findall(RUNBOOKS)))
# What FerretDB does not know; MongoDB's manual has them.
OF_MONGODB_ALONE: Final = {"replSetGetStatus", "replSetSyncFrom", "replSetResizeOplog", "killOp"}

pytestmark = [pytest.mark.e2e, NEEDS_FERRETDB]


@pytest.fixture(scope="module")
def client(start_ferretdb: StartFerretdb) -> Any:
    """Return a client of a server with a collection."""
    with MongoClient[dict[str, Any]](start_ferretdb(), directConnection=True) as connected:
        connected["shop"]["orders"].insert_one({"customer": 1})
        connected["shop"]["orders"].create_index("customer", name="by_customer")
        yield connected


def document(text: str) -> dict[str, Any]:
    """Return the document of mongosh's notation, with the words in capitals replaced."""
    for word, value in {"OPID": "7", "COLLECTION": "orders", "INDEX": "by_customer", "FIELD": "customer"}.items():
        text = text.replace(word, value)
    found: dict[str, Any] = json.loads(re.sub(r"([$\w]+):(?= )", r'"\1":', text))
    return found


def is_known(text: str) -> bool:
    """Whether FerretDB knows the command."""
    return next(iter(document(text))) not in OF_MONGODB_ALONE


@pytest.mark.parametrize(("where", "text"), [each for each in COMMANDS if is_known(each[1])])
def test_a_command_of_a_runbook_runs(client: Any, where: str, text: str) -> None:
    """With the words in capitals replaced."""
    client["admin" if where == "adminCommand" else "shop"].command(document(text))


@pytest.mark.parametrize(("where", "text"), [each for each in COMMANDS if not is_known(each[1])])
def test_a_command_of_mongodb_alone_is_well_formed(client: Any, where: str, text: str) -> None:
    """It is sent, and FerretDB says that it knows none of that name: of what it came to know it would run."""
    with pytest.raises(OperationFailure, match="no such command"):
        client["admin"].command(document(text))


def test_there_are_many() -> None:
    """The pattern finds them, and not only those that cannot run here."""
    assert len([text for _, text in COMMANDS if is_known(text)]) > 5
