"""Lets the tests of this folder import its builders of small data sets."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
