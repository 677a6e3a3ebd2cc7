"""``python -m drwatch`` is the same program as ``drwatch``."""

import sys

from drwatch.cli import main

sys.exit(main())
