"""Real Kafka, a schema registry and Postgres on one machine, with nothing but Python installed.

``Stack().up()`` starts them and says where they answer; see the command ``posestream stack``.
"""

from posestream.stack.addresses import Addresses, addresses_from_environment
from posestream.stack.errors import NewerData, StackError
from posestream.stack.passing import passing_stack
from posestream.stack.progress import ProgressReport, console_progress
from posestream.stack.stack import SERVICES, ServiceStatus, Stack

__all__ = [
    "SERVICES",
    "Addresses",
    "NewerData",
    "ProgressReport",
    "ServiceStatus",
    "Stack",
    "StackError",
    "addresses_from_environment",
    "console_progress",
    "passing_stack",
]
