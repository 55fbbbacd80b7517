"""Install what the tests need of the system and pip cannot bring: a virtual screen, what Qt links to, and ffmpeg.

On Debian and Ubuntu the missing packages are installed where that is allowed (root, or sudo without a password);
elsewhere one line says what to install. Other systems need nothing from here.
"""

import os
import shutil
import subprocess
import sys

PACKAGES = (
    "ffmpeg",
    "xvfb",
    "libgl1",
    "libegl1",
    "libopengl0",
    "libgl1-mesa-dri",
    "libglx-mesa0",
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-xinerama0",
    "libdbus-1-3",
    "libfontconfig1",
)


def missing_packages() -> list[str]:
    """Return which of the packages dpkg does not know as installed."""
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *PACKAGES]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in PACKAGES if package not in installed]


def administrator_prefix() -> list[str] | None:
    """Return what to put before a command to run it as root, or None where that is not allowed."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    if shutil.which("sudo") and subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode == 0:
        return sudo
    return None


def main() -> int:
    """Install what is missing; return the exit code."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        return 0
    missing = missing_packages()
    if not missing:
        return 0
    prefix = administrator_prefix()
    if prefix is None:
        print(f"Missing system libraries; run: sudo apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    print(f"Installing system libraries: {' '.join(missing)}", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "--no-install-recommends", "-y", *missing], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
