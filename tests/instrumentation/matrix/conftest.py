"""The modules of this folder are imported by the tests and, in a process of its own, by each application's driver."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
