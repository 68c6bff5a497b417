"""What FFmpeg does with a video that leads elsewhere: without confinement it goes there, with it it does not."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from producers.confinement.ffmpeg import restrict_ffmpeg
from producers.confinement.hosts import HostRules
from producers.confinement.opening import open_confined
from producers.confinement.rules import SourceRules
from producers.sources.base import SourceError

LIMITS = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 3000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2000]


class Server:
    """Answers each connection's first words on loopback and remembers them."""

    def __init__(self, answer: Callable[[], bytes]) -> None:
        self.asked: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(4096))
                connection.sendall(self._answer())


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    before = os.environ.pop(name, None)
    yield
    os.environ.pop(name, None)
    if before is not None:
        os.environ[name] = before


@pytest.fixture
def target() -> Iterator[Server]:
    made = Server(lambda: b"")
    yield made
    made.close()


@pytest.fixture
def sender(target: Server) -> Iterator[Server]:
    where = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target.port}/x\r\nContent-Length: 0\r\n\r\n"
    made = Server(where.encode)
    yield made
    made.close()


def opened(address: str) -> bool:
    video = cv2.VideoCapture(address, cv2.CAP_FFMPEG, LIMITS)
    try:
        return video.isOpened()
    finally:
        video.release()


def test_a_redirect_is_not_followed(sender: Server, target: Server) -> None:
    opened(f"http://127.0.0.1:{sender.port}/v")
    assert len(target.asked) == 1  # so this is what it would do
    restrict_ffmpeg("http", "cam.example:80")
    assert not opened(f"http://127.0.0.1:{sender.port}/v")
    assert len(target.asked) == 1
    assert b"\r\nHost: cam.example:80\r\n" in sender.asked[-1]
    assert sender.asked[-1].count(b"Host:") == 1


def clip(path: Path) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for level in range(5):
        writer.write(np.full((48, 64, 3), level * 40, np.uint8))
    writer.release()
    return path


def playlists(secret: Path) -> dict[str, str]:
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    return {"list.m3u8": hls, "list.ffconcat": f"ffconcat version 1.0\nfile '{secret}'\n"}


@pytest.mark.parametrize("name", ["list.m3u8", "list.ffconcat"])
def test_a_playlist_is_not_read_so_it_leads_to_no_file(tmp_path: Path, name: str) -> None:
    secret = clip(tmp_path / "secret.avi")
    path = tmp_path / name
    path.write_text(playlists(secret)[name])
    restrict_ffmpeg("video")
    assert not opened(str(path))
    assert opened(str(secret))  # a plain video is


def test_without_restriction_a_list_leads_to_a_file(tmp_path: Path) -> None:
    secret = clip(tmp_path / "secret.avi")
    path = tmp_path / "list.ffconcat"
    path.write_text(f"ffconcat version 1.0\nfile '{secret.name}'\n")
    assert opened(str(path))
    restrict_ffmpeg("video")
    assert not opened(str(path))


@pytest.mark.parametrize("name", ["list.m3u8", "list.ffconcat"])
def test_a_playlist_of_a_server_leads_nowhere(tmp_path: Path, target: Server, name: str) -> None:
    body = playlists(clip(tmp_path / "secret.avi"))[name].replace("file:///", f"http://127.0.0.1:{target.port}/")
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    server = Server(answer.encode)
    restrict_ffmpeg("http")
    assert not opened(f"http://127.0.0.1:{server.port}/{name}")
    server.close()
    assert (len(server.asked) > 0, target.asked) == (True, [])


def test_a_camera_that_was_let_through_is_connected_to_by_its_address_and_no_other_is(
    tmp_path: Path, sender: Server, target: Server
) -> None:
    (tmp_path / "cam.json").write_text('{"fx": 1, "fy": 1, "cx": 1, "cy": 1}')
    rules = SourceRules(["http", "video"], [tmp_path], HostRules("127.0.0.1", lambda _: ["127.0.0.1"]))
    source = f"http://cam.example:{sender.port}/v?intrinsics=cam.json&timeout=2"
    with pytest.raises(SourceError, match="did not answer with a video"):
        open_confined(source, rules)
    assert b"Host: cam.example" in sender.asked[0]
    assert target.asked == []
    (tmp_path / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile '{clip(tmp_path / 'a.avi').name}'\n")
    with pytest.raises(SourceError, match="could not open it"):
        open_confined("video:list.ffconcat?intrinsics=cam.json", rules)
