"""The folder that ``seawall run`` puts in front of ``PYTHONPATH``."""
