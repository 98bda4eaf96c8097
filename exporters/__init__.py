"""Exporters: collectors of the de-facto exporters' metrics, and the server that exposes them."""

from .declaration import MetricInfo
from .kinds import Kind, Target, inventory, kinds

__all__ = ["Kind", "MetricInfo", "Target", "inventory", "kinds"]
