"""`python -m spatial_edit`: see cli.py."""

from __future__ import annotations

import sys

from spatial_edit.cli import main

if __name__ == "__main__":
    sys.exit(main())
