"""Judges files of Prometheus rules, anybody's: each check with a name, a reason and a mend."""

from .check import Check, Settings
from .registry import CHECKS
from .run import Finding, UnreadableFileError, lint, read

__all__ = ["CHECKS", "Check", "Finding", "Settings", "UnreadableFileError", "lint", "read"]
