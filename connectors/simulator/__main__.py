"""`python -m connectors.simulator`: see server.py."""

from __future__ import annotations

import argparse
from pathlib import Path

from connectors.simulator.app import is_loopback
from connectors.simulator.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m connectors.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="0 takes a free one")
    parser.add_argument("--data", type=Path, help="file that keeps the phones' threads")
    parser.add_argument("--parent-pid", type=int, help="end when this parent process ends")
    arguments = parser.parse_args()
    if not is_loopback(arguments.host):
        # It believes everybody, and says what tokens it would take.
        parser.error("the simulator serves this machine only: --host must be a loopback address")
    serve(arguments.host, arguments.port, arguments.data, arguments.parent_pid)


if __name__ == "__main__":
    main()
