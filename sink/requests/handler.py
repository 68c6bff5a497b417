"""Takes requests for jobs from their topic, as ``POST /api/v1/jobs`` does from HTTP."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict

from fastapi import HTTPException
from pydantic import ValidationError

from consumers.broker import Partition, Position, Record
from consumers.handler import Handled, Refused
from schemas import BadMessage, Overloaded, PosestreamError
from schemas.codec import Codec
from schemas.request import JobRequest
from sink.api.job_making import JobMaker
from sink.api.job_models import JobIn
from sink.people.rights import Principal, Role

_log = logging.getLogger("posestream.sink.requests")


class RequestHandler:
    """A ``consumers.handler.Handler`` that makes jobs. What is no good goes to the dead-letter topic with the reason.

    A job is made before its request counts as done: one that comes a second time after a crash finds its own job there,
    which is no error.

    Args:
        codec: Reads the records.
        maker: Makes the jobs.
        who: In whose name, as they are now; None where there is no such account any more.
    """

    def __init__(self, codec: Codec, maker: JobMaker, who: Callable[[], Principal | None]) -> None:
        self._codec, self._maker, self._who = codec, maker, who
        self._done: dict[Partition, Position] = {}

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        """From the group's own positions, and from the beginning where it has none: a request may come before us."""
        return {partition: 0 for partition, position in committed.items() if position is None}

    def handle(self, records: Sequence[Record]) -> Handled:
        """Make the jobs.

        Raises:
            Overloaded: Kafka, the registry or Postgres do not answer, or too much is under way.
        """
        refused: list[Refused] = []
        for record in records:
            try:
                self._make(record)
            except BadMessage as error:
                refused.append(Refused(record, error))
                _log.warning("%s@%d: no job was made: %s", record.source, record.offset, error)
            self._done[record.source] = Position(record.offset + 1)
        return Handled(refused, flush=bool(records))

    def flush(self, timeout_s: float, *, wait: bool = True) -> Mapping[Partition, Position]:  # noqa: ARG002 - nothing waits
        """Jobs are durable when they are made."""
        done, self._done = self._done, {}
        return done

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Nothing is kept."""
        for partition in partitions:
            self._done.pop(partition, None)

    def lost(self, partitions: Collection[Partition]) -> None:
        """As ``revoked``."""
        self.revoked(partitions)

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        """Requests that nobody took within a day."""
        _log.error("%s: requests %d to %d were deleted before they were read", partition, first_offset, last_offset)

    def _make(self, record: Record) -> None:
        asked = self._codec.decode(record.value or b"", JobRequest)
        who = self._who()
        if who is None or who.role < Role.OPERATOR:
            reason = "request: expected --request-user to name an account that is an operator or admin"
            raise BadMessage(reason, "request")
        try:
            body = JobIn.model_validate(asdict(asked))
            if self._maker.is_made(body, who):
                _log.info("job %s is there already, as it was asked for", body.id)
                return
            self._maker.make(body, who)
            self._maker.services.note(who, "job-requests", f"job:{body.id}")
        except ValidationError as error:
            lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:8]]
            raise BadMessage("; ".join(lines)[:1000], "request") from error
        except HTTPException as error:
            if error.status_code == 503:
                raise Overloaded(str(error.detail)) from error
            raise BadMessage(str(error.detail), "request") from error
        except (Overloaded, TimeoutError) as error:
            raise Overloaded(str(error)) from error
        except PosestreamError as error:
            raise BadMessage(str(error), "request") from error
        _log.info("job %s was made for %s", body.id, who.name)
