"""How long `seawall check` takes, and with what: tools/bench_check.py --sizes 10,100."""

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from _bench import Clock, catalog_text, in_fresh_process, table

_TODAY: Final = date(2026, 11, 1)


def main(arguments: Sequence[str]) -> None:
    """Measure the check of each size and print the table: a step a row, a size a column."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10,100", help="How many services, separated by commas.")
    sizes = [int(each) for each in parser.parse_args(arguments).sizes.split(",")]
    found = [in_fresh_process(Path(__file__), "--measure", str(size)) for size in sizes]
    head = ["seconds", *(f"{size:,} services" for size in sizes)]
    rows = [[step, *(f"{each['steps'][step]:.2f}" for each in found)] for step in found[0]["steps"]]
    rows.append(["in all", *(f"{sum(each['steps'].values()):.2f}" for each in found)])
    rows.append(["findings", *(str(each["findings"]) for each in found)])
    print(table(f"Check: http services with two SLOs each, on {os.cpu_count()} processors", head, rows))


def measure(services: int) -> dict[str, Any]:
    """Check a catalog of *services* once; the steps are those that the check itself reports."""
    from seawall.catalog import load
    from seawall.generator import TOOL_NAMES, check, find_tools, iterate, load_packs, write

    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        path, out = Path(folder) / "catalog.yaml", Path(folder) / "build"
        path.write_text(catalog_text(services), encoding="utf-8")
        clock, step = Clock(), "load and render"
        catalog, packs = load(path, today=_TODAY), load_packs()
        write(iterate(catalog, packs), out)

        def progress(text: str) -> None:
            nonlocal step
            clock.lap(step)
            step = re.sub(r" (of|on) \d.*", "", text)

        findings = check(catalog, packs, out, tools=find_tools(TOOL_NAMES), require_tools=True, progress=progress)
        clock.lap(step)
    return {"steps": clock.wall, "findings": len(findings)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        main(sys.argv[1:])
