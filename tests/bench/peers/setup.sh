#!/bin/sh
# Make one virtual environment for each peer below DIR, with plain pip and pinned versions.
#
#     tests/bench/peers/setup.sh DIR
#
# PYTHON names the interpreter (3.11 to 3.13; default python3).
set -eu

folder=${1:?usage: setup.sh DIR}
python=${PYTHON:-python3}

install() {
    name=$1
    shift
    "$python" -m venv "$folder/$name"
    "$folder/$name/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$name: $("$folder/$name/bin/python" --version), $*"
}

mkdir -p "$folder"
install nautilus 'nautilus_trader==1.221.0' 'pyarrow>=24'
install vectorbt 'vectorbt[rust]==1.2.0' 'pyarrow>=24'
