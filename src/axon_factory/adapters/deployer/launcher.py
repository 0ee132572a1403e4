"""Starts one product for supervisord: reads the private launch file and becomes the product.

Thus secrets are in a file that only its owner can read, and neither in supervisord's
configuration nor on a command line. Argument: the launch file, JSON with "argv" and "environment".
"""

import json
import os
import signal
import sys
from pathlib import Path


def main(launch_file: str) -> None:
    """Replace this process by the product's."""
    launch = json.loads(Path(launch_file).read_text(encoding="utf-8"))
    # bubblewrap stands above the product in the same process group and would die of the group's
    # SIGTERM, taking the product with it before that can end in order; `env --default-signal`
    # gives the product its own SIGTERM back.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.execve(launch["argv"][0], launch["argv"], launch["environment"])  # noqa: S606 — there must be no shell


if __name__ == "__main__":
    main(sys.argv[1])
