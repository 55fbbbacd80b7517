"""Write constraints.txt: the exact versions that a fresh environment gets today.

Run it with any Python >= 3.11 from anywhere: ``python scripts/refresh_constraints.py``. It makes an environment in a
temporary folder, installs the package with everything that tests, linting and the plugin need, and freezes it.
"""

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"
HEADER = f"""\
# The versions that the tests ran with, for reproducible installs: pip install -c constraints.txt ".[all]"
# Written by scripts/refresh_constraints.py with Python {sys.version_info.major}.{sys.version_info.minor}.
"""
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^+\s]+)(\+\S+)?$")


def frozen_requirements() -> list[str]:
    """Return what ``pip freeze`` says in a fresh environment with the package, its extras and its dev group."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python"))
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", "--upgrade", "pip"], check=True)
        subprocess.run([*pip, "install", "--quiet", TORCH, ".[all]", "--group", "dev"], check=True, cwd=ROOT)
        frozen = subprocess.run([*pip, "freeze", "--exclude", "napari-tomodrgn"], check=True, capture_output=True)
    return frozen.stdout.decode().splitlines()


def constraints(frozen: list[str]) -> str:
    """Return the text of constraints.txt; local version labels such as ``+cpu`` are dropped."""
    pins = []
    for line in frozen:
        match = PINNED.match(line)
        if match is None:
            raise SystemExit(f"cannot pin {line!r}: it was not installed from an index by version")
        pins.append(f"{match['name']}=={match['version']}")
    return HEADER + "\n".join(sorted(pins, key=str.lower)) + "\n"


if __name__ == "__main__":
    (ROOT / "constraints.txt").write_text(constraints(frozen_requirements()), encoding="utf-8")
