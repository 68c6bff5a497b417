"""The thread that takes requests for jobs."""

import threading

from consumers.loop import Loop, LoopSettings
from schemas.codec import Codec
from schemas.topics import JOB_REQUESTS
from sink.api.job_making import JobMaker
from sink.people.accounts import AccountError
from sink.people.rights import LOCAL, Principal
from sink.requests.handler import RequestHandler
from sink.settings import SinkSettings


def take_requests(settings: SinkSettings, codec: Codec, maker: JobMaker, stop: threading.Event) -> None:
    """Make the jobs that are asked for until ``stop``; blocking. Processes of one group share the work.

    Raises:
        Exception: Whatever the loop cannot get over; nothing was committed after it.
    """

    def who() -> Principal | None:
        return requester(maker, settings.request_user)

    group = f"{settings.group}.requests"
    # one at a time: each is made before the next is taken, so that nothing but the last can come twice
    loop_settings = LoopSettings(group, (JOB_REQUESTS,), max_records=1, dead_letter_limit=settings.dead_letter_limit)
    Loop(settings.broker(), RequestHandler(codec, maker, who), loop_settings).run(stop)


def requester(maker: JobMaker, name: str) -> Principal | None:
    """In whose name jobs are made, with their role as it is now; None for an account that is gone or disabled."""
    if not maker.services.has_accounts:
        return LOCAL
    try:
        user = maker.services.accounts.get(name)
    except AccountError:
        return None
    return None if user.disabled else Principal(user.id, user.name, user.role)
