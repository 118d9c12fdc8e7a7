"""The forms of names that several rules of an API server share."""

from __future__ import annotations

import re

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(rf"{LABEL.pattern}(\.{LABEL.pattern})*")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
