#!/usr/bin/env bash
# Sees to one thing of the system: venv | opencv PYTHON | chromium.
# What is missing is installed with apt where we may, else the command that installs it is named.
set -u

fail() { printf 'make: %s\n' "$*" >&2; exit 1; }

install() {  # install WHAT PACKAGE...
    local what=$1; shift
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $what ($*) with apt-get ..."
        if apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; then return 0; fi
        apt-get update -qq >/dev/null 2>&1
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null && return 0
        fail "$what could not be installed; try: apt-get install $*"
    fi
    fail "$what is missing. On Debian or Ubuntu: sudo apt-get install $*"
}

case ${1:-} in
venv)
    install "Python's venv module" python3-venv
    ;;
opencv)  # the wheel of opencv-python links against these libraries of the system
    python=$2
    "$python" -c 'import cv2' 2>/dev/null && exit 0
    install "what opencv-python links against" libgl1 libglib2.0-0 libxcb1
    "$python" -c 'import cv2' || fail "opencv-python does not import; see the error above"
    ;;
chromium)  # the page's tests drive it
    for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
    install "Chromium, for the tests of the live page" chromium
    ;;
*)
    fail "system.sh: expected venv, opencv or chromium, got '${1:-}'"
    ;;
esac
