"""Brings a bundle into the cache: once, verified, safe against kill -9 and against a second process."""

import shutil
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from posestream.stack.artifacts import Artifact, Bundle, check_hash
from posestream.stack.disk import FULL, disk_errors
from posestream.stack.errors import StackError
from posestream.stack.filelock import exclusive
from posestream.stack.progress import ProgressReport

_THREADS = 16  # most of the time is waiting for the repository
_ATTEMPTS = 3
_LOCK_TIMEOUT_S = 1800.0
_SOCKET_TIMEOUT_S = 30
_NEED = "the downloads of the local stack need about 450 MB"

Resolve = Callable[[Artifact, Path, Callable[[int], None]], Path]
"""Downloads one artifact below a folder, tells the bytes as they come, and returns the file's path.

Raises OSError where the repository cannot be reached, RuntimeError where it does not have the file.
"""


class _Tally:
    """Bytes of one bundle, added up over threads."""

    def __init__(self, bundle: Bundle, report: ProgressReport) -> None:
        self._step, self._total, self._report = f"download {bundle.name}", bundle.size_bytes, report
        self._done = 0
        self._lock = threading.Lock()
        report(self._step, 0, self._total)

    def add(self, size_bytes: int) -> None:
        with self._lock:
            self._done += size_bytes
            self._report(self._step, min(self._done, self._total), self._total)


def bundle_folder(bundle: Bundle, cache: Path) -> Path:
    """Where ``fetch`` puts a bundle."""
    return cache / f"{bundle.name}-{bundle.digest}"


def fetch(bundle: Bundle, cache: Path, report: ProgressReport, resolve: Resolve | None = None) -> Path:
    """The folder with the bundle's files, downloaded and verified where it is not there yet.

    The folder gets its final name only when every file in it was verified, so its presence is the
    proof: a later call reads nothing. Files of an interrupted download are verified again and kept.

    Args:
        bundle: What to have.
        cache: The user's cache folder.
        report: Hears the bytes.
        resolve: Where files come from; None for Maven Central.

    Raises:
        StackError: No network, no such artifact, a wrong hash, a full disk; each with what to do.
    """
    final = bundle_folder(bundle, cache)
    if final.is_dir():
        return final
    lock = exclusive(cache / f"{bundle.name}.lock", _LOCK_TIMEOUT_S, "the download")
    with disk_errors(cache, _NEED, "POSESTREAM_CACHE"), lock:
        if not final.is_dir():
            partial = final.with_name(f"{final.name}.partial")
            partial.mkdir(exist_ok=True)
            _fetch_all(bundle, partial, _Tally(bundle, report), resolve or resolve_with_jgo)
            _unpack(partial)
            partial.rename(final)
    return final


def _fetch_all(bundle: Bundle, folder: Path, tally: _Tally, resolve: Resolve) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        futures = [pool.submit(_fetch_one, artifact, folder, tally, resolve) for artifact in bundle.artifacts]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_one(artifact: Artifact, folder: Path, tally: _Tally, resolve: Resolve) -> None:
    target = folder / artifact.file_name
    if target.exists():
        try:
            check_hash(artifact, target)
        except StackError:
            target.unlink()
        else:
            tally.add(artifact.size_bytes)
            return
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
        path = _attempt(artifact, Path(scratch), tally, resolve)
        check_hash(artifact, path)
        path.rename(target)


def _attempt(artifact: Artifact, scratch: Path, tally: _Tally, resolve: Resolve) -> Path:
    """Download, trying again after a broken connection."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            # a folder for each attempt: jgo would take the torn file of the last one for the whole
            path = resolve(artifact, scratch / str(attempt), tally.add)
            if path.stat().st_size >= artifact.size_bytes:
                return path
            msg = f"the connection ended after {path.stat().st_size} of {artifact.size_bytes} bytes"
            raise ConnectionError(msg)
        except RuntimeError as error:
            msg = f"{artifact.coordinate}: Maven Central does not have it, or refused: {error}"
            raise StackError(msg) from error
        except OSError as error:
            if error.errno in FULL:
                raise
            if attempt == _ATTEMPTS:
                raise _unreachable(artifact, error) from error
            time.sleep(0.5 * attempt)
    raise AssertionError


def _unreachable(artifact: Artifact, error: OSError) -> StackError:
    if "SSL" in type(error).__name__:
        return StackError(
            f"{artifact.coordinate}: Maven Central's certificate is not trusted here ({error}); behind a proxy that "
            "opens TLS, name its certificates in REQUESTS_CA_BUNDLE"
        )
    return StackError(
        f"no network: {artifact.coordinate} could not be downloaded from Maven Central ({type(error).__name__}). "
        "The first start needs the network once, for about 215 MB: connect, set HTTPS_PROXY if you sit behind a "
        "proxy, or copy the cache folder ($POSESTREAM_CACHE) from a machine that has it; or name servers of your "
        "own in POSESTREAM_KAFKA, POSESTREAM_REGISTRY and POSESTREAM_DATABASE"
    )


def _unpack(folder: Path) -> None:
    """Unpack the bundle's archives in place and drop them."""
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        archive.unlink()
    for leftover in folder.glob(".fetch-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def resolve_with_jgo(artifact: Artifact, folder: Path, add: Callable[[int], None]) -> Path:
    """Download one artifact from Maven Central with jgo; its tree resolver is never used, it mixes versions.

    Raises:
        StackError: jgo is not installed.
        OSError: Maven Central cannot be reached.
        RuntimeError: It answers, but not with the file.
    """
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        msg = "the local stack needs jgo: pip install 'posestream[stack]'"
        raise StackError(msg) from error

    @contextmanager
    def bar(file_name: str, size_bytes: int) -> Generator[Callable[[int], None]]:  # noqa: ARG001  jgo's signature
        yield add

    context = MavenContext(PythonResolver(progress_callback=bar), folder, timeout=_SOCKET_TIMEOUT_S)
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    return component.artifact(classifier=artifact.classifier, packaging=artifact.extension).resolve()
