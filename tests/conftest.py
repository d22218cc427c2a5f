"""Makes the collection importable under its full name, as Ansible does."""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / ".ansible" / "collections"))
