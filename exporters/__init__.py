"""Exporters: collectors of the de-facto exporters' metrics, and the server that exposes them."""

from .declaration import MetricInfo, counter, gauge, untyped
from .kinds import Kind, ServiceCollector, Target, inventory, kinds

__all__ = [
    "Kind",
    "MetricInfo",
    "ServiceCollector",
    "Target",
    "counter",
    "gauge",
    "inventory",
    "kinds",
    "untyped",
]
