"""The two rooms of the work: what each does, and which keys it has, says `pipeline.custody`.

Airflow names its queues and its workers after them. Here alone, for whoever asks after a worker's health
imports nothing else.
"""

from __future__ import annotations

OPENING = "opening"
SEALING = "sealing"
ROOMS = (OPENING, SEALING)
