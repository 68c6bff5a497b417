"""The files of an estimator's networks: found in a folder, or imported into one of our own."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from estimators.weights.checkpoint import load_strictly, read_state, sha256_of
from estimators.weights.place import manifest_of
from schemas import BadJob

CHECKPOINT = "model_best.pth"
_FORMAT = 1
_NAMED = 4  # keys in a message
Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """The networks that one estimator needs.

    Attributes:
        estimator: Its name.
        title: How people call it.
        tells: Kind of network -> a key that only its checkpoint has; in the order of the digest.
        needed: What to say where there are none.
        settings: Of a published checkpoint of a kind: what its network is made with.
        network: A network of a kind with these settings.
        prefix: Of imported files' names, so that several estimators can share a folder.
    """

    estimator: str
    title: str
    tells: Mapping[str, str]
    needed: str
    settings: Callable[[Path, str], Settings]
    network: Callable[[str, Settings], nn.Module]
    prefix: str = ""

    def kind_of(self, state: Mapping[str, Tensor]) -> str | None:
        """Which of its networks a state dict belongs to; None for none."""
        return next((kind for kind, key in self.tells.items() if key in state), None)


@dataclass(frozen=True, slots=True)
class Found:
    """One network's files: which network, its weights, their sha256 as published, what it is made with."""

    kind: str
    path: Path
    sha256: str
    settings: Settings


def load(family: Family, folder: Path) -> tuple[dict[str, nn.Module], dict[str, Found], str]:
    """The networks from an imported folder, or from one with the published runs in it.

    Returns:
        By kind the networks, in eval mode on the CPU, and their files; and the digest: sha256 over the checkpoints'
        sha256, which does not change by importing.

    Raises:
        BadJob: No weights there, of the wrong network, changed since they were imported, or not as expected.
    """
    found = find(family, folder)
    networks = {kind: _checked(family, found[kind], read_state(found[kind].path)) for kind in family.tells}
    return networks, found, _digest(found[kind].sha256 for kind in family.tells)


def describe(family: Family, folder: Path) -> tuple[str, int]:
    """The digest of imported weights and their size in bytes, without loading them.

    Raises:
        BadJob: See ``find``.
    """
    found = find(family, folder)
    size = sum(item.path.stat().st_size for item in found.values())
    return _digest(found[kind].sha256 for kind in family.tells), size


def _digest(sha256s: Iterable[str]) -> str:
    return hashlib.sha256("".join(sha256s).encode()).hexdigest()


def _checked(family: Family, found: Found, state: Mapping[str, Tensor]) -> nn.Module:
    """A network with its weights, which must be exactly what it has."""
    try:
        network = family.network(found.kind, found.settings)
    except TypeError as error:
        msg = f"{found.path}: expected settings of {family.title}'s {found.kind} as imported, got {found.settings}"
        raise BadJob(msg) from error
    load_strictly(network, state, str(found.path))
    return network.eval().requires_grad_(False)


def import_into(family: Family, source: Path, target: Path) -> dict[str, Found]:
    """Check all networks and keep them in a folder of our own, without what training left in the files.

    Returns:
        What was found, by kind of network.

    Raises:
        BadJob: See ``load``.
    """
    from safetensors.torch import save_file

    found = find(family, source)
    states = {kind: read_state(item.path) for kind, item in found.items()}
    for kind, state in states.items():
        _checked(family, found[kind], state)
    target.mkdir(parents=True, exist_ok=True)
    entries: dict[str, Any] = {}
    for kind, state in states.items():
        path = target / f"{family.prefix}{kind}.safetensors"
        part = path.with_suffix(".part")
        save_file({key: value.contiguous() for key, value in state.items()}, part)
        part.replace(path)
        entries[kind] = {
            "file": path.name,
            "sha256": sha256_of(path),
            "checkpoint_sha256": found[kind].sha256,
            "config": found[kind].settings,
        }
    manifest = manifest_of(target, family.estimator)
    manifest.with_suffix(".part").write_text(json.dumps({"format": _FORMAT, "networks": entries}, indent=1) + "\n")
    manifest.with_suffix(".part").replace(manifest)
    return found


def find(family: Family, folder: Path) -> dict[str, Found]:
    """All networks' files in a folder, by kind.

    Raises:
        BadJob: One of them is missing or there twice.
    """
    manifest = manifest_of(folder, family.estimator)
    items = list(_imported(manifest) if manifest.is_file() else _published(family, folder))
    found: dict[str, Found] = {}
    for item in items:
        if item.kind in found:
            msg = f"{folder}: expected one {item.kind}, got {found[item.kind].path} and {item.path}"
            raise BadJob(msg)
        found[item.kind] = item
    for kind in family.tells:
        if kind not in found:
            came = ", ".join(str(item.path) for item in items) or "nothing"
            msg = f"weights in {folder}: expected {' and '.join(family.tells)}, got {came}. {family.needed}"
            raise BadJob(msg)
    return {kind: found[kind] for kind in family.tells}


def checkpoints_in(folder: Path) -> list[Path]:
    """Published checkpoints in a folder or below it."""
    return sorted({*folder.glob(CHECKPOINT), *folder.glob(f"*/{CHECKPOINT}"), *folder.glob(f"*/*/{CHECKPOINT}")})


def _published(family: Family, folder: Path) -> Iterator[Found]:
    """Checkpoints of this family as they are published; those of others only where nothing of it is missing."""
    foreign, kinds = "", set[str]()
    for path in checkpoints_in(folder):
        state = read_state(path)
        kind = family.kind_of(state)
        if kind is None:
            foreign = foreign or f"{path}: expected weights of {family.title}'s {_telling(family)}, got {_few(state)}"
            continue
        kinds.add(kind)
        yield Found(kind, path, sha256_of(path), family.settings(path, kind))
    if foreign and kinds != set(family.tells):
        raise BadJob(foreign)


def _telling(family: Family) -> str:
    return " or ".join(f"{kind} ({key} is in it)" for kind, key in family.tells.items())


def _few(state: Mapping[str, Tensor]) -> str:
    return ", ".join(list(state)[:_NAMED]) or "nothing"


def _imported(manifest: Path) -> Iterator[Found]:
    """What ``import_into`` wrote."""
    try:
        content = json.loads(manifest.read_text())
        if content["format"] != _FORMAT:
            msg = f"{manifest}: expected format {_FORMAT}, got {content['format']!r}; import the weights again"
            raise BadJob(msg)
        items = [
            (entry["sha256"], Found(kind, manifest.parent / entry["file"], entry["checkpoint_sha256"], entry["config"]))
            for kind, entry in content["networks"].items()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{manifest}: expected what posestream weights import writes, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
    for sha256, item in items:
        if not item.path.is_file() or sha256_of(item.path) != sha256:
            msg = f"{item.path}: expected sha256 {sha256} as imported, got another file or none; import it again"
            raise BadJob(msg)
        yield item
