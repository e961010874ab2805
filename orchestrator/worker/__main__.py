"""``python -m orchestrator.worker``: what the server's launcher starts."""

import sys

from orchestrator.worker.process import main

sys.exit(main())
