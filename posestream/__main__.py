"""The command ``posestream``."""

import logging
import sys

from schemas import PosestreamError


def main() -> None:
    """Run the command; an error on purpose ends it with one line and its exit code, 1 for most."""
    from posestream.addresses import adopt_running_stack
    from posestream.cli import app
    from posestream.telemetry import set_up_telemetry

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for name in ("httpx", "httpx2", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        set_up_telemetry()
        adopt_running_stack()
        app()
    except PosestreamError as error:
        print(f"posestream: {error}", file=sys.stderr)  # noqa: T201 - the command's own voice
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
