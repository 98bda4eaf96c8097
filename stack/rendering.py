"""From the catalog to the stack's build folder: rendered, checked with the real tools, and only then served."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from seawall.catalog import Catalog, SeawallError, Severity, files_of, load
from seawall.generator import Addresses, Artifact, Finding, Packs, Written, check, passed_folder, render, write

from .components import PORTS
from .layout import Layout

Tell = Callable[[str], None]


class CheckError(SeawallError):
    """What was rendered does not pass the checks; the text has every error."""


@dataclass(frozen=True)
class Source:
    """What is rendered: the catalog's path, and a folder of template overrides or None."""

    catalog: Path
    templates: Path | None

    def fingerprint(self, *options: object) -> str:
        """Return a digest of every file of the catalog and the templates, and of *options*."""
        return hashlib.sha256(repr((options, digest(self.catalog), digest(self.templates))).encode()).hexdigest()


def digest(root: Path | None) -> str:
    """Return a digest of every file at *root*, which is a file, a folder, or None."""
    found = hashlib.sha256()
    for file in _files(root):
        found.update(repr((str(file), hashlib.sha256(_bytes(file)).digest())).encode())
    return found.hexdigest()


def _files(root: Path | None) -> list[Path]:
    if root is None:
        return []
    return sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else [root]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # loading it will say what is wrong
        return b""


def keep(source: Source, layout: Layout) -> None:
    """Keep a copy of the catalog of *source*, which could be rendered: the next start may find it broken.

    A full disk costs the copy, not the start.
    """
    new = layout.root / ".kept"
    with suppress(OSError):
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        for file in files_of(source.catalog):
            copy = new / source.catalog.absolute().name / file.relative_to(source.catalog)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        shutil.rmtree(layout.kept, ignore_errors=True)
        new.replace(layout.kept)


def kept(source: Source, layout: Layout) -> Source | None:
    """Return *source* with the copy that ``keep`` made in place of its catalog; None where there is none."""
    copy = layout.kept / source.catalog.absolute().name
    return replace(source, catalog=copy) if copy.exists() else None


def load_source(source: Source, ports: Mapping[str, int]) -> Catalog:
    """Return the catalog of *source*, its links led to *ports* where it leaves them at the usual ones."""
    catalog = load(source.catalog)
    usual, changes = type(catalog.defaults)(), dict[str, str]()
    for name, fields in (("portal", ("portal_url", "runbook_base_url")), ("prometheus", ("prometheus_url",))):
        for field in fields:
            value = getattr(catalog.defaults, field)
            if value == getattr(usual, field):
                changes[field] = value.replace(f":{PORTS[name]}", f":{ports[name]}")
    return catalog.model_copy(update={"defaults": catalog.defaults.model_copy(update=changes)})


@dataclass(frozen=True)
class Built:
    """What a build did, and the warnings of its checks."""

    written: Written
    findings: tuple[Finding, ...]


def build(
    catalog: Catalog,
    packs: Packs,
    folder: Path,
    addresses: Addresses,
    tools: Mapping[str, Path] | None,
    tell: Tell,
    more: Sequence[Artifact] = (),
) -> Built:
    """Make *folder* hold what *catalog* renders to, and *more*.

    Raise CheckError, and leave *folder* as it was, where the checks fail. *tools* are promtool and amtool; None leaves
    out the checks.
    """
    findings: list[Finding] = []

    def verify(candidate: Path) -> None:
        if tools is not None:
            findings.extend(
                check(catalog, packs, candidate, tools=tools, passed=passed_folder(os.environ), progress=tell)
            )
            _require_no_errors(findings)

    tell(f"rendering {len(catalog.services)} services")
    written = write([*render(catalog, packs, addresses), *more], folder, verify)
    if written.is_unchanged:
        verify(folder)  # it may have been written without the checks
    return Built(written, tuple(findings))


def _require_no_errors(findings: Sequence[Finding]) -> None:
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        lines = "\n".join(str(finding) for finding in errors)
        raise CheckError(f"{lines}\nMend the catalog, or go on without the checks: --no-check")
