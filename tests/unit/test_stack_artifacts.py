"""The stack's downloads: what the locks say, and what happens when a download goes wrong."""

import errno
import hashlib
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from posestream.stack import StackError, fetch
from posestream.stack.artifacts import Artifact, Bundle, check_hash, parse_lock, read_lock
from posestream.stack.progress import report_nothing

CONTENT = {"a-1.jar": b"first", "b-2-all.tar.gz": b"second"}
DIGESTS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
LOCK = f"# two artifacts\ng:a:1 {DIGESTS['a-1.jar']} 5\n\ng.h:b:2:tar.gz:all {DIGESTS['b-2-all.tar.gz']} 6\n"


class Repository:
    """A Maven repository in memory, with faults."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content
        self.asked: list[str] = []
        self.faults: dict[str, list[Exception]] = {}
        self._lock = threading.Lock()

    def resolve(self, artifact: Artifact, folder: Path, add: Callable[[int], None]) -> Path:
        with self._lock:
            self.asked.append(artifact.file_name)
            faults = self.faults.get(artifact.file_name)
        if faults:
            raise faults.pop()
        folder.mkdir(parents=True)
        path = folder / artifact.file_name
        path.write_bytes(self.content[artifact.file_name])
        add(path.stat().st_size)
        return path


@pytest.fixture
def bundle() -> Bundle:
    return parse_lock("jars", f"g:a:1 {DIGESTS['a-1.jar']} 5\ng:c:1 {DIGESTS['a-1.jar']} 5\n")


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(fetch.time, "sleep", lambda _: None)
    return Repository({"a-1.jar": b"first", "c-1.jar": b"first"})


def test_a_lock_names_group_name_version_extension_and_classifier() -> None:
    first, second = parse_lock("x", LOCK).artifacts
    assert (first.coordinate, first.file_name, first.size_bytes) == ("g:a:1", "a-1.jar", 5)
    assert (second.group, second.file_name, second.sha256) == ("g.h", "b-2-all.tar.gz", DIGESTS["b-2-all.tar.gz"])


@pytest.mark.parametrize("line", ["g:a 00 1", f"g:a:1 {'0' * 63} 5", f"g:a:1 {'0' * 64} five", f"g:a:1 {'0' * 64}"])
def test_a_bad_line_of_a_lock_is_named(line: str) -> None:
    with pytest.raises(StackError, match=r"x\.lock line 2"):
        parse_lock("x", f"# note\n{line}\n")


def test_an_empty_lock_is_refused() -> None:
    with pytest.raises(StackError, match="at least one"):
        parse_lock("x", "# nothing\n")


def test_the_shipped_locks_name_each_file_once_and_hold_no_address() -> None:
    kafka, registry = read_lock("kafka"), read_lock("registry")
    assert len({artifact.file_name for artifact in kafka.artifacts}) == 92
    assert {artifact.version for artifact in kafka.artifacts if artifact.group == "org.apache.kafka"} == {"4.2.2"}
    assert [artifact.file_name for artifact in registry.artifacts] == ["apicurio-registry-app-3.3.3-all.tar.gz"]
    folder = Path(fetch.__file__).parent
    assert not [path.name for path in folder.glob("*.lock") if "://" in path.read_text()]


def test_a_changed_lock_gets_another_folder(bundle: Bundle) -> None:
    assert parse_lock("jars", LOCK).digest != bundle.digest


def test_a_wrong_hash_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a-1.jar"
    path.write_bytes(b"forged")
    with pytest.raises(StackError) as caught:
        check_hash(parse_lock("x", LOCK).artifacts[0], path)
    for part in ("g:a:1", DIGESTS["a-1.jar"], hashlib.sha256(b"forged").hexdigest()):
        assert part in str(caught.value)


def test_a_bundle_is_fetched_once(tmp_path: Path, bundle: Bundle, repository: Repository) -> None:
    folder = fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == repository.content
    assert fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve) == folder
    assert sorted(repository.asked) == ["a-1.jar", "c-1.jar"]


def test_progress_counts_every_byte(tmp_path: Path, bundle: Bundle, repository: Repository) -> None:
    heard: list[tuple[str, int, int]] = []
    fetch.fetch(bundle, tmp_path, lambda *report: heard.append(report), repository.resolve)
    assert heard[0] == ("download jars", 0, 10)
    assert heard[-1] == ("download jars", 10, 10)


def test_a_forged_file_leaves_nothing_that_a_later_fetch_would_trust(
    tmp_path: Path, bundle: Bundle, repository: Repository
) -> None:
    repository.content["c-1.jar"] = b"FIRST"
    with pytest.raises(StackError, match="g:c:1: expected sha256"):
        fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)
    assert not list(tmp_path.rglob("c-1.jar"))
    repository.content["c-1.jar"] = b"first"
    fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)
    assert repository.asked.count("a-1.jar") == 1, "the good file of the first try is kept"


def test_a_file_spoilt_between_two_tries_is_fetched_again(
    tmp_path: Path, bundle: Bundle, repository: Repository
) -> None:
    repository.faults["c-1.jar"] = [RuntimeError("404")]
    with pytest.raises(StackError, match="g:c:1"):
        fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)
    (kept,) = tmp_path.rglob("a-1.jar")
    kept.write_bytes(b"spoil")
    folder = fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)
    assert (folder / "a-1.jar").read_bytes() == b"first"


def test_a_torn_connection_is_tried_again(tmp_path: Path, bundle: Bundle, repository: Repository) -> None:
    repository.faults["a-1.jar"] = [requests.ConnectionError("reset"), requests.Timeout("slow")]
    fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)
    assert repository.asked.count("a-1.jar") == 3


def test_a_file_that_ends_early_counts_as_a_torn_connection(
    tmp_path: Path, bundle: Bundle, repository: Repository
) -> None:
    repository.content["a-1.jar"] = b"fir"
    with pytest.raises(StackError, match="no network: g:a:1"):
        fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)
    assert repository.asked.count("a-1.jar") == 3


def test_no_network_says_what_to_do(tmp_path: Path, bundle: Bundle, repository: Repository) -> None:
    repository.faults = {name: [requests.ConnectionError("no route") for _ in range(3)] for name in repository.content}
    with pytest.raises(StackError, match=r"no network: g:.*HTTPS_PROXY.*POSESTREAM_CACHE.*POSESTREAM_KAFKA"):
        fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)


def test_an_untrusted_certificate_is_told_apart_from_no_network(
    tmp_path: Path, bundle: Bundle, repository: Repository
) -> None:
    repository.faults["a-1.jar"] = [requests.exceptions.SSLError("self-signed") for _ in range(3)]
    with pytest.raises(StackError, match=r"g:a:1.*REQUESTS_CA_BUNDLE"):
        fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)


def test_a_full_disk_says_how_much_is_needed_and_where(tmp_path: Path, bundle: Bundle, repository: Repository) -> None:
    repository.faults["a-1.jar"] = [OSError(errno.ENOSPC, "No space left on device")]
    with pytest.raises(StackError, match=rf"disk full.*450 MB in {tmp_path}.*POSESTREAM_CACHE"):
        fetch.fetch(bundle, tmp_path, report_nothing, repository.resolve)


def test_two_fetches_at_once_download_once(tmp_path: Path, bundle: Bundle, repository: Repository) -> None:
    threads = [
        threading.Thread(target=fetch.fetch, args=(bundle, tmp_path, report_nothing, repository.resolve))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(repository.asked) == ["a-1.jar", "c-1.jar"]


def test_an_archive_is_unpacked_and_dropped(tmp_path: Path, repository: Repository) -> None:
    (tmp_path / "run.txt").write_text("program")
    with tarfile.open(tmp_path / "b-2-all.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "run.txt", "app/run.txt")
    content = (tmp_path / "b-2-all.tar.gz").read_bytes()
    repository.content = {"b-2-all.tar.gz": content}
    lock = f"g:b:2:tar.gz:all {hashlib.sha256(content).hexdigest()} {len(content)}"
    folder = fetch.fetch(parse_lock("b", lock), tmp_path / "cache", report_nothing, repository.resolve)
    assert [str(path.relative_to(folder)) for path in folder.rglob("*.*")] == ["app/run.txt"]
