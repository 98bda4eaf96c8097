"""What ``seawall doctor --app`` asks of an application, in a process of its own that imports it under ``seawall.auto``.

Nothing of this is imported by the one import. ``probe`` is the process; the command itself is ``seawall.doctor``, which
reads what this process writes and needs nothing of OpenTelemetry.
"""

__all__: list[str] = []
