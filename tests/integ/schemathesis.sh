#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs schemathesis from PyPI, in a virtual environment under $MESHCA_CACHE (default: the
# build folder), against the real daemon. Needs MESHCA_BIN and, the first time, the network.
set -eu
version=4.32.5
here=$(cd "$(dirname "$0")" && pwd)
venv=${MESHCA_CACHE:-${MESHCA_BIN:?}/..}/schemathesis-$version
if [ ! -f "$venv/complete" ]; then
	rm -rf "$venv"
	/usr/bin/python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
	touch "$venv/complete"
fi
exec /usr/bin/python3 -B "$here/schemathesis.py" "$venv/bin/st" "$@"
