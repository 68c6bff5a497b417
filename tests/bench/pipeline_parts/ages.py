"""How old a live frame is when its handling starts, with a worker that is slower than the camera."""

from posestream.stack import Addresses
from schemas import Mode
from tests.bench.pipeline_parts.line import Line, share
from tests.bench.pipeline_parts.world import Bench, Seen

CAMERA_HZ = 30.0
CALL_S = 0.036  # with decoding of a VGA frame 25 frames a second
SIZE = (640, 480)


def measure(addresses: Addresses, seconds: float) -> list[Line]:
    """One camera of 30 frames a second."""
    bench = Bench(addresses, 1, Mode.LIVE)
    bench.worker(CALL_S)
    producer = bench.publishing(SIZE, int(seconds * CAMERA_HZ), CAMERA_HZ)
    seen: list[Seen] = []
    while producer.is_alive():
        seen += bench.read()
    producer.join()
    bench.close()
    steady = seen[len(seen) // 4 :]  # without those that waited for the group to form
    ages_ms = [1000 * (one.event.stage_s["transport"] + one.event.stage_s["queue"]) for one in steady]
    rate = (len(steady) - 1) / ((steady[-1].at_ns - steady[0].at_ns) / 1e9)
    figure = f"p50 {share(ages_ms, 0.5):.1f}, p99 {share(ages_ms, 0.99):.1f} ms"
    return [Line(f"live: age at the start, {rate:.0f} of 30 frames/s", figure, "", "", "p50 <= 22, p99 <= 40 ms")]
