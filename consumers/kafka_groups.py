"""Groups of the newer protocol (KIP-848), whose time-outs are the broker's and not a member's."""

import logging

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,  # pyright: ignore[reportPrivateImportUsage]
    ConfigEntry,  # pyright: ignore[reportPrivateImportUsage]
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)

_log = logging.getLogger("posestream.consumers")

_TIMEOUT_S = 10.0
_REFUSED = frozenset({"INVALID_CONFIG", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"})


def set_up_group(admin: AdminClient, group: str, session_timeout_ms: int, heartbeat_ms: int) -> None:
    """Write a group's time-outs into the broker's settings of it.

    Where the broker allows no such values (its ``group.consumer.min.session.timeout.ms`` is 45000 by default) or not
    to us, its own stay, and a warning says so.

    Raises:
        KafkaException: The broker does not answer, or knows no such groups (before Kafka 4).
    """
    wanted = {"consumer.session.timeout.ms": session_timeout_ms, "consumer.heartbeat.interval.ms": heartbeat_ms}
    entries = [
        ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET) for name, value in wanted.items()
    ]
    resource = ConfigResource(ResourceType.GROUP, group, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        try:
            future.result(_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].name() not in _REFUSED:
                raise
            _log.warning("group %s keeps the broker's time-outs: %s", group, error.args[0].str())
