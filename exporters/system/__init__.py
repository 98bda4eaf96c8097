"""The host's collectors: one small class for each of node_exporter's, under its name."""

from .clock import ClockCollector, TimexCollector
from .cpu import CpuCollector, LoadCollector
from .disk import DiskCollector
from .filesystem import FilesystemCollector
from .kernel import (
    ConntrackCollector,
    EntropyCollector,
    FileDescriptorCollector,
    StatCollector,
    UnameCollector,
    VmstatCollector,
)
from .machine import Machine
from .memory import MemoryCollector
from .mounts import MountTable, PatientStatvfs
from .network import InterfaceCollector, NetworkCollector
from .pressure import PressureCollector
from .protocols import NetstatCollector, SocketCollector, SoftnetCollector
from .textfile import TextfileCollector

__all__ = [
    "ClockCollector",
    "ConntrackCollector",
    "CpuCollector",
    "DiskCollector",
    "EntropyCollector",
    "FileDescriptorCollector",
    "FilesystemCollector",
    "InterfaceCollector",
    "LoadCollector",
    "Machine",
    "MemoryCollector",
    "MountTable",
    "NetstatCollector",
    "NetworkCollector",
    "PatientStatvfs",
    "PressureCollector",
    "SocketCollector",
    "SoftnetCollector",
    "StatCollector",
    "TextfileCollector",
    "TimexCollector",
    "UnameCollector",
    "VmstatCollector",
]
