"""`python -m pipeline` is the same as `birthshare`."""

from __future__ import annotations

from pipeline.cli import main

main()
