"""``python -m orchestrator.transcoding.process``: what the server's queue starts."""

import sys

from orchestrator.transcoding.process.main import main

sys.exit(main())
