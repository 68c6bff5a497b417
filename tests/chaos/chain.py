"""The poses that a job would have had without any fault."""

from collections.abc import Collection

from schemas import Estimates, Frame
from schemas.codec import Codec
from tests.chaos.chaos_camera import OBJECTS
from tests.chaos.reading import Topics, pose_crc
from tests.integration.consumers_fake_worker import ChainEstimator


def uninterrupted(codec: Codec, job_id: str, seqs: Collection[int], topics: Topics) -> dict[int, dict[str, int]]:
    """Frame -> object -> CRC of its pose, by the estimator without Kafka over the frames as they lie in the topic."""
    chain, found = ChainEstimator(), {}
    prior: Estimates = {}
    for seq in sorted(seqs):
        frame = codec.decode(topics.frames[job_id, seq], Frame)
        names = [item.object_id for item in OBJECTS]
        prior = chain.track([frame], [prior])[0] if prior else chain.register(frame, names)
        poses = {name: one.cam_from_obj for name, one in prior.items()}
        found[seq] = {n: pose_crc(p.rotation.ravel().tolist(), p.translation_m.tolist()) for n, p in poses.items()}
    return found
