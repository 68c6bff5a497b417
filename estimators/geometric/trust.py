"""What is remembered after a frame whose pose is trusted."""

from dataclasses import replace

import numpy as np

from estimators.geometric.memory import Memory
from estimators.geometric.score import Evidence
from schemas import Pose

TRUSTED = 0.5
"""A pose with a lower score is not to be trusted."""
_MEAN_FRAMES, _FALLS_SLOWER = 15, 6


def trusted(memory: Memory, pose: Pose, score: float, evidence: Evidence) -> Memory:
    """The memory after a frame whose pose is trusted."""
    share = 1.0 / min(memory.good + 1, _MEAN_FRAMES)
    speed = float(np.linalg.norm(memory.shift_m_s))
    return replace(
        memory,
        good=memory.good + 1,
        trusted_frame=memory.frames,
        mean_score=_usual(memory.mean_score, score, share),
        likeness=_usual(memory.likeness, evidence.likeness, share),
        tone=memory.tone + share * (np.array(evidence.tone) - memory.tone),
        speed_m_s=memory.speed_m_s + share * (speed - memory.speed_m_s),
        rotation=pose.rotation,
        translation_m=pose.translation_m,
    )


def _usual(before: float, now: float, share: float) -> float:
    """A running mean that falls slowly: a wrong pose must not become what is usual."""
    slow = share if now > before or share > 2 / _MEAN_FRAMES else share / _FALLS_SLOWER
    return before + slow * (now - before)
