"""What FFmpeg may do for a service's users: the protocols and containers of one address, nothing it leads to."""

import os

_CAPTURE_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"  # OpenCV reads it whenever it opens a video
# none that names other files or hosts: no hls, dash, concat, sdp or image sequences
_CONTAINERS = "mpjpeg,mjpeg,mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,h264,hevc,ivf,ogg"
_PROTOCOLS = {
    "video": "file",
    "http": "http,tcp",
    "https": "https,tls,tcp",
    "rtsp": "rtsp,rtp,tcp",
}


def restrict_ffmpeg(scheme: str, host: str = "") -> None:
    """Confine what this process's next videos may open.

    Args:
        scheme: Of the source's address; those that FFmpeg does not read need nothing.
        host: What to call a web server whose address stands in place of its name.
    """
    if scheme not in _PROTOCOLS:
        return
    live = scheme == "rtsp"
    options = {
        "protocol_whitelist": _PROTOCOLS[scheme],
        "format_whitelist": "rtsp,rtp,mpegts" if live else _CONTAINERS,
        "rtsp_transport": "tcp",
        "max_redirects": "0",
    }
    if host and not live:
        options["headers"] = f"Host: {host}"
    os.environ[_CAPTURE_OPTIONS] = "|".join(f"{name};{value}" for name, value in options.items())
