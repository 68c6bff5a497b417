#!/usr/bin/env bash
# Makes the virtual environment $1 with $PYTHON; installs Debian's python3-venv where it is missing and we may.
set -u
venv=$1
python=${PYTHON:-python3}

fail() { printf 'make: %s\n' "$*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "$python not found: install Python 3.11 or newer, or call make PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "$python is $("$python" -V 2>&1): Python 3.11 or newer is needed; call make PYTHON=/path/to/python3"

make_venv() { rm -rf "$venv" && "$python" -m venv "$venv" >/dev/null 2>&1 && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

make_venv && exit 0
bash "$(dirname "$0")/system.sh" venv || exit 1
make_venv || fail "'$python -m venv $venv' failed; run it by hand to see why"
