"""Threads that work side by side on frames and objects; what they come to does not depend on how many they are."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def usable_cores() -> int:
    """How many cores this process may use: those it is pinned to, where the system knows that."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Crew:
    """Makes calls at the same time; numba's kernels, OpenCV and large NumPy operations hold no GIL meanwhile.

    OpenCV's own threads are switched off for the whole process: on pictures of this size they gain nothing, and they
    would fight with these for the cores.

    Args:
        threads: How many calls run at once; 0 for as many as there are usable cores.
    """

    def __init__(self, threads: int = 1) -> None:
        cv2.setNumThreads(1)
        self.threads = threads or usable_cores()
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="crew") if self.threads > 1 else None

    def each(self, call: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        """The answer for every item, in their order; what the first failing call raises is raised.

        A call must not ask the same crew in turn: it could wait for itself.
        """
        listed = list(items)
        if self._pool is None or len(listed) < 2:
            return [call(item) for item in listed]
        return list(self._pool.map(call, listed))

    def close(self) -> None:
        """End the threads; calls that run are waited for."""
        if self._pool is not None:
            self._pool.shutdown()
