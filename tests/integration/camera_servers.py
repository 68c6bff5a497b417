"""Cameras on loopback that a test breaks: MJPEG over HTTP, and RTSP with RTP/JPEG (RFC 2435) over TCP."""

import socket
import struct
import threading
import time
from typing import Any

import cv2
import numpy as np

WIDTH, HEIGHT = 160, 120
RATE_HZ = 50.0


class Camera:
    """A server of one kind. What it does is ``mode``: play, freeze, black, stall (keeps silent), or off (no server).

    Pictures carry a counter that never goes back, as the grey level of their left half; see ``count_in``.
    """

    scheme = ""

    def __init__(self) -> None:
        self.mode = "play"
        self.connections = 0
        self._count = 0
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._port = 0
        self.on()

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._port}/cam"

    def on(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port), reuse_port=False)
        self._port = self._listener.getsockname()[1]
        self.mode = "play"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def off(self) -> None:
        """As if its plug were pulled: connections are cut and new ones refused."""
        self.mode = "off"
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            one.close()
        self._open.clear()

    def picture(self) -> bytes:
        """The next JPEG."""
        if self.mode != "freeze":
            self._count += 1
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        if self.mode != "black":
            picture[:, : WIDTH // 2] = 40 + 2 * (self._count % 100)
            picture[:, WIDTH // 2 :] = 60 + 20 * (self._count // 100 % 10)
        return cv2.imencode(".jpg", picture)[1].tobytes()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._guarded, args=(connection,), daemon=True).start()

    def _guarded(self, connection: socket.socket) -> None:
        try:
            self.serve(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def paced(self, connection: socket.socket, send: Any) -> None:
        while self.mode != "off":
            if self.mode != "stall":
                send(connection, self.picture())
            time.sleep(1 / RATE_HZ)

    def serve(self, connection: socket.socket) -> None:
        raise NotImplementedError


class MjpegCamera(Camera):
    """Motion JPEG over HTTP, as most network cameras offer it."""

    scheme = "http"

    def serve(self, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nConnection: close\r\n\r\n"
        )
        self.paced(connection, self._send)

    @staticmethod
    def _send(connection: socket.socket, jpeg: bytes) -> None:
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        connection.sendall(head.encode() + jpeg + b"\r\n")


class RtspCamera(Camera):
    """RTSP 1.0 with interleaved RTP/JPEG."""

    scheme = "rtsp"

    def serve(self, connection: socket.socket) -> None:
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            if self.mode == "stall":
                continue
            method = self._answer(connection, head.decode())
            if method == "PLAY":
                self._sequence, self._stamp = 0, 0
                self.paced(connection, self._send)

    def _answer(self, connection: socket.socket, request: str) -> str:
        method = request.split(" ", 1)[0]
        fields = dict(line.split(": ", 1) for line in request.split("\r\n")[1:])
        lines, body, status = [f"CSeq: {fields['CSeq']}"], "", "200 OK"
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == "DESCRIBE":
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track0\r\n"
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP" and "TCP" not in fields["Transport"]:
            status = "461 Unsupported Transport"
        elif method == "SETUP":
            lines += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
        else:
            lines.append("Session: 1")
        connection.sendall(("\r\n".join([f"RTSP/1.0 {status}", *lines]) + "\r\n\r\n" + body).encode())
        return method

    def _send(self, connection: socket.socket, jpeg: bytes) -> None:
        tables, scan = _taken_apart(jpeg)
        self._stamp += round(90_000 / RATE_HZ)
        for offset in range(0, len(scan), 1200):
            piece = scan[offset : offset + 1200]
            last = offset + 1200 >= len(scan)
            rtp = struct.pack(">BBHII", 0x80, 26 | (0x80 if last else 0), self._sequence & 0xFFFF, self._stamp, 7)
            # type 1 is 4:2:0; Q 255 says that the tables come in the first packet
            head = struct.pack(">I", offset) + bytes([1, 255, WIDTH // 8, HEIGHT // 8])
            quantisation = struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b""
            packet = rtp + head + quantisation + piece
            connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            self._sequence += 1


def count_in(rgb: np.ndarray) -> int:
    """The counter in a picture, modulo 1000."""
    return round((float(rgb[:, : WIDTH // 2 - 8].mean()) - 40) / 2) + 100 * round(
        (float(rgb[:, WIDTH // 2 + 8 :].mean()) - 60) / 20
    )


def _taken_apart(jpeg: bytes) -> tuple[bytes, bytes]:
    """Quantisation tables (luma, chroma) and the scan of a baseline JPEG with the standard's Huffman tables."""
    tables, at = b"", 2
    while True:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4])
        body = jpeg[at + 4 : at + 2 + length]
        if marker == 0xDB:
            tables += b"".join(body[start + 1 : start + 65] for start in range(0, len(body), 65))
        at += 2 + length
        if marker == 0xDA:
            return tables, jpeg[at:-2]
