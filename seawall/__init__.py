"""Seawall: one service catalog in; a monitored, alerted, run-booked and rehearsed system out."""
