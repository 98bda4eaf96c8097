"""The disks of the stack's volumes: the alerts see those that the exporter has below /volumes."""

from pathlib import Path

from seawall.catalog import load
from seawall.generator import STACK, load_packs, view

from .files import read


def test_the_exporter_sees_the_volume_of_each_part_that_keeps_something(tmp_path: Path) -> None:
    """And the alerts ask for the folder in which it has them."""
    services = read("stack.yaml")["services"]
    mounts = {
        name: [each.split(":") for each in service.get("volumes", ()) if isinstance(each, str)]
        for name, service in services.items()
    }
    keepers = ("alertmanager", "grafana", "portal", "prometheus")
    kept = {mount[0] for name in keepers for mount in mounts[name] if len(mount) == 2 and "/" not in mount[0]}
    (tmp_path / "catalog.yaml").write_text("{seawall: 1, teams: {}, services: {}}")
    alerts = view(load(tmp_path / "catalog.yaml"), load_packs(), STACK.name).alerts

    assert {(volume, f"/volumes/{volume}", "ro") for volume in kept} == {
        (mount[0], mount[1], mount[2]) for mount in mounts["exporter"] if mount[0] in kept
    }
    assert {"alertmanager", "grafana", "inbox", "prometheus"} == kept
    assert [] == [
        each.name for each in alerts if "Volume" in each.name and 'mountpoint=~"/volumes/.+"' not in each.expr
    ]
