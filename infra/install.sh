#!/bin/sh
# Makes .venv with everything that the named lock holds (runtime or dev), compiled, and birthshare itself.
set -eu
lock=$1
python=${PYTHON:-python3.11}

command -v "$python" >/dev/null || { echo "Python 3.11 is needed: $python was not found." >&2; exit 2; }
for program in gpg ssh-keygen; do
    command -v "$program" >/dev/null && continue
    package=gnupg
    [ "$program" = ssh-keygen ] && package=openssh-client
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
    else
        echo "The program $program is needed: install the package $package." >&2
        exit 2
    fi
done

[ -x .venv/bin/python ] || "$python" -m venv .venv || {
    echo "The virtual environment could not be made: on Debian, install the package python3-venv." >&2
    exit 2
}
echo "Installing what infra/locks/$lock.txt names (about a minute) ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --compile -r "infra/locks/$lock.txt"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
.venv/bin/python -m compileall -q pipeline dags
touch ".venv/$lock"
# What the tests need contains what the demonstration needs.
[ "$lock" = runtime ] || touch .venv/runtime
