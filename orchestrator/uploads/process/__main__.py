"""``python -m orchestrator.uploads.process``: what the server, or `orchestrator record`, starts."""

import sys

from orchestrator.uploads.process.main import main

sys.exit(main())
