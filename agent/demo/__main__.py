"""``python -m agent.demo``."""

import sys

from agent.demo import main

sys.exit(main())
