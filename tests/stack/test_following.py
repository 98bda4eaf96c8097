"""A folder follows its catalog: what is good serves soon, what is broken is held back and told."""

import fcntl
import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from seawall.catalog import SeawallError, load
from seawall.conventions import FOLLOWED
from seawall.generator import Addresses, find_tools
from seawall.stack.following import Follower, Look
from seawall.stack.rendering import Source

TODAY: Final = date(2026, 11, 27)
TOP: Final = "seawall: 1\nteams: {ops: {}}\n"
HOST: Final = "services: {NAME: {kind: host, team: ops, tier: 2, targets: ['a:1']}}\n"
BROKEN: Final = ("services: [", "services: {a b: {}}\n", "services: {web: {kind: hsot, team: ops}}\n", "\xff\xfe")


class Place:
    """A folder catalog with two hosts, and the folder that follows it."""

    def __init__(self, folder: Path) -> None:
        self.catalog, self.out, self.templates = folder / "catalog.d", folder / "out", folder / "templates"
        self.catalog.mkdir()
        self.now = 0.0
        self.write("top.yaml", TOP)
        for name in ("web", "db"):
            self.write(f"{name}.yaml", HOST.replace("NAME", name))
        self.restart()

    def restart(self, tools: Mapping[str, Path] | None = None) -> None:
        """Follow anew, as another process does."""
        source = Source(self.catalog, self.templates if self.templates.exists() else None)
        self._follower = Follower(source, self.out, Addresses(), tools, lambda _: None, lambda: self.now)

    def write(self, name: str, text: str) -> None:
        """Write a file of the catalog as an editor does that renames."""
        (self.catalog / ".new").write_bytes(text.encode("latin-1"))
        (self.catalog / ".new").replace(self.catalog / name)

    def look(self, today: date = TODAY) -> Look | None:
        """Look once."""
        return self._follower.look(today)

    def settle(self) -> Look:
        """Look until a change has come to rest."""
        found = self.look() or self.look()
        assert found is not None
        return found

    @property
    def services(self) -> set[str]:
        """The services whose rules serve."""
        return {file.stem for file in (self.out / "prometheus/rules").iterdir()} - {"_shared", "seawall"}

    @property
    def told(self) -> dict[str, Any]:
        """What is told to whoever reads the folder."""
        found: dict[str, Any] = json.loads((self.out / FOLLOWED).read_text())
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a catalog that serves already."""
    made = Place(tmp_path)
    first = made.look()
    assert first is not None
    assert (True, True) == (first.is_current, first.has_changed)
    return made


def test_nothing_is_done_while_nothing_changes(place: Place) -> None:
    """Neither in this process, nor to the files by the next."""
    assert [None, None] == [place.look(), place.look()]
    place.restart()
    again = place.look()
    assert again is not None
    assert (True, False) == (again.is_current, again.has_changed)


def test_a_change_serves_once_it_has_come_to_rest(place: Place) -> None:
    """What is still being written is not looked at."""
    place.write("more.yaml", HOST.replace("NAME", "cache"))
    assert place.look() is None
    place.write("more.yaml", HOST.replace("NAME", "queue"))
    assert place.look() is None
    assert {"web", "db"} == place.services
    found = place.look()
    assert found is not None
    assert found.has_changed
    assert {"web", "db", "queue"} == place.services


def test_another_day_is_a_change(place: Place) -> None:
    """Overrides lapse at midnight."""
    tomorrow = date(2026, 11, 28)
    assert place.look(tomorrow) is None
    assert place.look(tomorrow) is not None


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_held_back_alone(place: Place, text: str) -> None:
    """Its services stay as they were, those of other files go on, and it is told with its place."""
    place.write("web.yaml", text)
    place.write("more.yaml", HOST.replace("NAME", "queue"))
    found = place.settle()
    assert (True, False, True) == (found.serves, found.is_current, found.has_changed)
    assert (str(place.catalog / "web.yaml"),) == found.held_back
    assert found.problems[0].startswith(f"{place.catalog / 'web.yaml'}:")
    assert {"web", "db", "queue"} == place.services
    assert {"problems": list(found.problems), "held_back": list(found.held_back)} == place.told


def test_a_mended_file_serves_again(place: Place) -> None:
    """And nothing is told any more."""
    place.write("web.yaml", BROKEN[0])
    place.settle()
    place.write("web.yaml", HOST.replace("NAME", "shop"))
    assert place.settle().is_current
    assert {"shop", "db"} == place.services
    assert {"problems": [], "held_back": []} == place.told


def test_a_new_file_that_is_broken_is_left_out(place: Place) -> None:
    """There is no older copy of it."""
    place.write("more.yaml", BROKEN[0])
    assert (str(place.catalog / "more.yaml"),) == place.settle().held_back
    assert {"web", "db"} == place.services


def test_a_pipe_is_left_out(place: Place) -> None:
    """Nobody waits for who writes to it."""
    os.mkfifo(place.catalog / "pipe.yaml")
    found = place.settle()
    assert (str(place.catalog / "pipe.yaml"),) == found.held_back
    assert {"web", "db"} == place.services


def test_what_refers_to_a_file_that_is_left_out_goes_with_it(place: Place) -> None:
    """A service that depends on one that nobody can read yet."""
    place.write("more.yaml", BROKEN[0])
    place.write("web.yaml", HOST.replace("NAME", "web").replace("}}", ", depends_on: [queue]}}"))
    assert {str(place.catalog / name) for name in ("more.yaml", "web.yaml")} == set(place.settle().held_back)
    assert {"web", "db"} == place.services


def test_a_long_chain_of_files_that_need_each_other_is_not_followed_for_hours(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is found out in a round of its own; after so many the last good set serves on."""
    monkeypatch.setattr("seawall.stack.held_back._MOST_ROUNDS", 4)
    place.write("z0.yaml", BROKEN[0])
    for number in range(1, 5):
        needs = "missing" if number == 1 else f"s-{number - 1}"
        text = HOST.replace("NAME", f"s-{number}").replace("}}", f", depends_on: [{needs}]}}}}")
        place.write(f"z{number}.yaml", text)
    found = place.settle()
    assert (True, False, ()) == (found.serves, found.has_changed, found.held_back)
    assert found.problems[0].startswith(f"{place.catalog / 'z0.yaml'}:")
    assert {"web", "db"} == place.services


def test_a_start_with_a_broken_file_serves_the_last_good_one(place: Place) -> None:
    """Another process, and another change beside it."""
    place.write("web.yaml", BROKEN[0])
    place.write("db.yaml", HOST.replace("NAME", "store"))
    place.restart()
    found = place.look()
    assert found is not None
    assert (str(place.catalog / "web.yaml"),) == found.held_back
    assert {"web", "store"} == place.services


def test_the_catalog_that_serves_stands_beside_what_is_rendered(place: Place) -> None:
    """For the exporter and the portal: it is whole, also while the files are not."""
    place.write("web.yaml", BROKEN[0])
    place.settle()
    assert {"web", "db"} == load(place.out / "catalog", today=TODAY).services.keys()


def test_a_catalog_of_one_file_is_held_back_as_a_whole(tmp_path: Path) -> None:
    """The last good set serves on, before and after a restart; a first start serves nothing."""
    file, out = tmp_path / "catalog.yaml", tmp_path / "out"
    file.write_text(BROKEN[0])

    def look() -> Look:
        found = Follower(Source(file, None), out, Addresses(), None, lambda _: None).look(TODAY)
        assert found is not None
        return found

    assert (False, False) == (look().serves, out.exists())
    file.write_text(TOP + HOST.replace("NAME", "web"))
    assert look().is_current
    file.write_text(BROKEN[0])
    assert (True, False, False) == (look().serves, look().is_current, look().has_changed)
    assert {"web"} == load(out / "catalog", today=TODAY).services.keys()


def gone(place: Place) -> None:
    """Take the whole catalog away."""
    place.catalog.rename(place.catalog.with_name("elsewhere"))


def nothing_whole(place: Place) -> None:
    """Break the file that all others need, and which was never whole under another name."""
    for file in place.catalog.iterdir():
        file.unlink()
    place.write("new.yaml", BROKEN[0])


@pytest.mark.parametrize("harm", [gone, nothing_whole])
def test_a_catalog_of_which_nothing_is_whole_changes_nothing(place: Place, harm: Callable[[Place], None]) -> None:
    """The last good set serves on as it was."""
    harm(place)
    found = place.settle()
    assert (True, False, ()) == (found.serves, found.has_changed, found.held_back)
    assert found.problems
    assert {"web", "db"} == place.services


def test_templates_that_are_broken_change_nothing(place: Place) -> None:
    """They are followed too, and told with their place."""
    (place.templates / "alerts").mkdir(parents=True)
    pack = place.templates / "alerts/host.yaml.j2"
    pack.write_text("alerts: [{{ }}]")
    place.restart()
    found = place.look()
    assert found is not None
    assert (True, False) == (found.serves, found.has_changed)
    assert "host.yaml.j2" in found.problems[0]
    pack.unlink()
    assert place.settle().is_current


@pytest.mark.e2e
def test_what_the_tools_refuse_never_serves(place: Place) -> None:
    """A set whose proofs fail: the one before serves on."""
    tools = {name: path for name, path in find_tools(("promtool", "amtool")).items() if path}
    if len(tools) < 2:
        pytest.skip("install promtool and amtool (Debian: apt install prometheus prometheus-alertmanager)")
    text = (Path(__file__).parents[2] / "alerts/seawall.yaml.j2").read_text()
    (place.templates / "alerts").mkdir(parents=True)
    (place.templates / "alerts/seawall.yaml.j2").write_text(text.replace("vector(1)", "vector(0) > 1"))
    place.restart(tools)
    found = place.look()
    assert found is not None
    assert (True, False, False) == (found.serves, found.is_current, found.has_changed)
    assert any("Watchdog" in problem for problem in found.problems)
    assert "expr: vector(1)" in (place.out / "prometheus/rules/seawall.yml").read_text().replace('"', "")


def test_others_may_read_what_serves(place: Place) -> None:
    """Prometheus, the exporter and the portal run as other users."""
    place.write("web.yaml", BROKEN[0])
    place.settle()
    files = [place.out / FOLLOWED, place.out / "catalog/db.yaml", place.out / "prometheus/prometheus.yml"]
    assert {0o444} == {stat.S_IMODE(file.stat().st_mode) & 0o444 for file in files}


def test_a_folder_of_somebody_else_is_left_alone(place: Place, tmp_path: Path) -> None:
    """It holds a file that is not Seawall's."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("")
    look = Follower(Source(place.catalog, None), other, Addresses(), None, lambda _: None).look(TODAY)
    assert look is not None
    assert not look.serves
    assert [other / "mine"] == list(other.iterdir())


def test_nothing_that_a_user_can_cause_is_raised(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the last good set serves on, and it is told."""

    def full(*_: object, **__: object) -> None:
        raise SeawallError("out: cannot be written: No space left on device; what it held still serves")

    monkeypatch.setattr("seawall.stack.following.build", full)
    place.write("web.yaml", HOST.replace("NAME", "shop"))
    found = place.settle()
    assert (True, False) == (found.serves, found.is_current)
    assert "No space left" in found.problems[0]


def test_what_is_not_the_catalogs_fault_is_tried_again(place: Place) -> None:
    """A folder that somebody else is writing to: at first soon, then less and less often."""
    with (place.out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place.write("web.yaml", HOST.replace("NAME", "shop"))
        assert "another render is writing here" in place.settle().problems[0]
        assert place.look() is None
        for seconds in (30, 60):
            place.now += seconds - 1
            assert place.look() is None
            place.now += 1
            again = place.look()
            assert again is not None
            assert again.problems
    place.now += 120
    found = place.look()
    assert found is not None
    assert (True, True) == (found.is_current, found.has_changed)
    assert {"shop", "db"} == place.services
    place.now += 10**6
    assert place.look() is None


def test_a_broken_catalog_is_not_rendered_again(place: Place) -> None:
    """It does not mend with time."""
    gone(place)
    assert place.settle().problems
    place.now += 10**6
    assert place.look() is None


@pytest.mark.parametrize("entry", ["", ".current", ".set-a"])
def test_a_folder_that_was_taken_away_is_there_again(place: Place, entry: str) -> None:
    """As a whole, or so much of it that it serves nothing; whoever serves it is to read it again."""
    if entry == ".current":
        (place.out / entry).unlink()
    else:
        shutil.rmtree(place.out / entry)
    found = place.look()
    assert found is not None
    assert (True, True) == (found.is_current, found.has_changed)
    assert {"web", "db"} == place.services


def test_a_folder_that_cannot_serve_again_is_told_once(place: Place) -> None:
    """Its link leads elsewhere, where nothing may be removed."""
    (place.out / ".current").unlink()
    (place.out / ".current").symlink_to(place.catalog)
    found = place.look()
    assert found is not None
    assert (False, None) == (found.serves, place.look())
    assert {"top.yaml", "web.yaml", "db.yaml"} == {file.name for file in place.catalog.iterdir()}


def test_a_catalog_that_never_rests_is_rendered_now_and_then(place: Place) -> None:
    """A program that writes one of its files again and again hides no change of the others for ever."""
    place.write("web.yaml", HOST.replace("NAME", "shop"))
    looks = []
    for number in range(31):
        place.write("db.yaml", HOST.replace("NAME", f"db-{number}"))
        looks.append(place.look())
    assert [14, 29] == [number for number, look in enumerate(looks) if look is not None]
    assert {"shop", "db-29"} == place.services
    assert place.look() is not None  # it has come to rest
    assert {"shop", "db-30"} == place.services
