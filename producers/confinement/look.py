"""Opens a source for a service's user in a process of its own and says what it knows.

``python -m producers.confinement.look`` takes the address from ``POSESTREAM_SOURCE`` (as an argument others could
read its password) and the rules from ``POSESTREAM_SOURCE_*``; it prints ``{"objects": [...]}`` or ``{"error": ...}``.
"""

import json
import os
import sys
from typing import Any

from producers.confinement.opening import open_confined
from producers.confinement.settings import SourceRuleSettings
from schemas import PosestreamError
from schemas.records.control import object_to


def _found() -> dict[str, Any]:
    try:
        settings = SourceRuleSettings()  # pyright: ignore[reportCallIssue] - every field has a default
        source = open_confined(os.environ["POSESTREAM_SOURCE"], settings.rules())
    except PosestreamError as error:
        return {"error": str(error)}
    return {"objects": [object_to(item) for item in source.objects]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_found()) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a camera's thread may be in a read that blocks for ever
