"""What rendering rules costs a processor, beside Sloth's generating them: tools/bench_sloth_render.py --services 1000.

Both are run as their users do, as programs that read files and write files, in turn; the least of the runs counts.
Seawall reads one catalog, Sloth a folder of specs, one a service.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from _bench import catalog_text, table
from _rule_files import cpu_of, find_sloth, generate, write_specs

_HEAD: Final = ("", "CPU s", "ms an SLO", "× Seawall")
_SLOS: Final = 2


def main(arguments: Sequence[str]) -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=1000, help="How many, with two SLOs each.")
    parser.add_argument("--runs", type=int, default=3, help="How often each is run.")
    options = parser.parse_args(arguments)
    sloth = find_sloth()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name:
        folder = Path(name)
        (folder / "catalog.yaml").write_text(catalog_text(options.services), encoding="utf-8")
        write_specs(options.services, folder / "specs")
        for run in range(options.runs):
            found.setdefault("seawall render --only rules", []).append(_render(folder, run))
            if not isinstance(sloth, str):
                (folder / f"sloth-{run}").mkdir()
                program, version = sloth
                cost = generate(program, folder / "specs", folder / f"sloth-{run}")
                found.setdefault(f"sloth generate {version}", []).append(cost)
    if isinstance(sloth, str):
        print(f"{sloth}; Seawall is measured alone.")
    slos = _SLOS * options.services
    base = min(next(iter(found.values())))
    rows = [
        [each, f"{min(costs):.2f}", f"{1000 * min(costs) / slos:.2f}", f"{min(costs) / base:.1f}"]
        for each, costs in found.items()
    ]
    print(table(f"Rules of {options.services:,} services with two SLOs each, the least of {options.runs}", _HEAD, rows))


def _render(folder: Path, run: int) -> float:
    """Return the processor's seconds of rendering into a new folder."""
    command = [sys.executable, "-m", "seawall.cli", "render", str(folder / "catalog.yaml")]
    return cpu_of([*command, "--only", "rules", "--out", str(folder / f"seawall-{run}")])


if __name__ == "__main__":
    main(sys.argv[1:])
