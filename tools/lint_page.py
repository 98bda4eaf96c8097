"""Write docs/reference/lint.md anew from the checks of `seawall lint` themselves."""

import textwrap
from pathlib import Path
from typing import Final

from seawall.generator.lint import CHECKS, Check

PAGE: Final = Path(__file__).parents[1] / "docs/reference/lint.md"
_HEAD: Final = """\
<!-- Made by tools/lint_page.py from the checks; `make golden` writes it anew. -->

# Checks of rules

What `seawall lint` finds in files of Prometheus rules. [How to use it](../how-to/lint.md).
Each example is laid over a sound alert.

| check | finds |
|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = "".join(f"| [`{each.name}`](#{each.name}) | {_cell(each.finds)} |\n" for each in CHECKS.values())
    return _HEAD + rows + "".join(map(_section, CHECKS.values()))


def _section(check: Check) -> str:
    optional = "\nIt runs only where `--select` names it, or is `all`.\n" if check.is_optional else ""
    return f"""
## {check.name}

{check.finds}. {check.reason}
{optional}
<!-- part of: a rule that is found -->
```yaml
{check.bad}
```

{check.mend}

<!-- part of: the same rule, mended -->
```yaml
{check.good}
```
"""


def _cell(text: str) -> str:
    return textwrap.shorten(text, 200).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"docs/reference/lint.md: {len(CHECKS)} checks")
