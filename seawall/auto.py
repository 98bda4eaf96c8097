"""Instrument this application: ``import seawall.auto`` as its first line is all."""

from seawall.instrumentation import start

start()
