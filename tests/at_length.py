"""How much is tried: `make test` has minutes, `make long` has an hour."""

from __future__ import annotations

import os

AT_LENGTH = bool(os.environ.get("BIRTHSHARE_LONG"))
