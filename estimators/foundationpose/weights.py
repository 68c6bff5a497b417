"""FoundationPose's weights as the user has them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from torch import nn

from estimators.foundationpose.config import NetworkConfig, read_config
from estimators.foundationpose.networks import RefineNet, ScoreNet
from estimators.weights.files import CHECKPOINT, Family, Found, find, import_into, load
from estimators.weights.place import chosen_folder

CONFIG = "config.yml"
REFINER, SCORER = "refiner", "scorer"
NAME = "foundationpose"
NEEDED = (
    f"FoundationPose needs weights, and none come with posestream. Expected a folder with two runs in it, refiner and "
    f"scorer, each a {CHECKPOINT} beside a {CONFIG}: those published with NVlabs/FoundationPose (their licence allows "
    "research and evaluation only, no commercial use), or your own in the same layout. Then: posestream weights "
    "import FOLDER. The estimator geometric needs no weights"
)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Both networks, in eval mode on the CPU in float32.

    Attributes:
        refiner: Changes poses.
        scorer: Ranks them.
        refiner_config: Of the refiner's inputs.
        scorer_config: Of the scorer's.
        digest: sha256 over the two checkpoint files' sha256, the refiner's first; it does not change by importing.
    """

    refiner: RefineNet
    scorer: ScoreNet
    refiner_config: NetworkConfig
    scorer_config: NetworkConfig
    digest: str


def _settings(path: Path, kind: str) -> dict[str, Any]:
    return asdict(read_config(path.with_name(CONFIG), refiner=kind == REFINER))


def _network(kind: str, settings: dict[str, Any]) -> nn.Module:
    config = NetworkConfig(**settings)
    return RefineNet(config.rot_numbers) if kind == REFINER else ScoreNet()


FAMILY = Family(
    NAME,
    "FoundationPose",
    {REFINER: "trans_head.1.weight", SCORER: "att_cross.in_proj_weight"},
    NEEDED,
    _settings,
    _network,
)


def load_weights(folder: Path | None) -> Weights:
    """The networks from an imported folder, or from one with the two published runs in it.

    Args:
        folder: See ``place.chosen_folder``.

    Raises:
        BadJob: No weights there, of the wrong network, changed since they were imported, or not as expected.
    """
    networks, found, digest = load(FAMILY, chosen_folder(NAME, folder))
    configs = [NetworkConfig(**found[kind].settings) for kind in (REFINER, SCORER)]
    refiner, scorer = cast("RefineNet", networks[REFINER]), cast("ScoreNet", networks[SCORER])
    return Weights(refiner, scorer, configs[0], configs[1], digest)


def import_weights(source: Path, target: Path) -> dict[str, Found]:
    """See ``files.import_into``."""
    return import_into(FAMILY, source, target)


def find_weights(folder: Path) -> dict[str, Found]:
    """See ``files.find``."""
    return find(FAMILY, folder)
