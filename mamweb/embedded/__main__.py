"""`python -m mamweb.embedded VAR PROFILE`: the supervisor's process. `attach()` starts it."""

import sys
from pathlib import Path

from .supervisor import serve

serve(Path(sys.argv[1]), sys.argv[2])
