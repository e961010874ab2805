"""``python -m orchestrator.worker``: what the server's launcher starts."""

import sys

from orchestrator.worker.main import main

sys.exit(main())
