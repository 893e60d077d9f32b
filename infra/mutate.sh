#!/bin/sh
# Breaks the decision in about 2,000 small ways, and lists the ways that no test notices.
#
#     infra/mutate.sh FOLDER [MUTANTS...]      for example  infra/mutate.sh /tmp/mutants 'pipeline.consent.words*'
#
# Works in a copy of the tree, with mutmut in an environment of its own (it is no part of Birthshare's).
# Takes hours; run again, it goes on where it stopped. What is left says: the wording of a
# message, an argument that has no effect on the result, or a guard against what the model of agreements
# makes impossible.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
shift

mkdir -p "$folder/tree/tests"
cd "$folder"
if [ ! -d venv ]; then
    python3.11 -m venv venv
    venv/bin/pip install --quiet mutmut==3.8.1
    echo "$here"/.venv/lib/python3.11/site-packages > venv/lib/python3.11/site-packages/project.pth
fi

cp -r "$here"/pipeline "$here"/schemas "$here"/sharing_agreements "$here"/pyproject.toml tree/
cp -r "$here"/tests/conftest.py "$here"/tests/spec tree/tests/
cat >> tree/pyproject.toml <<'SETTINGS'

[tool.mutmut]
source_paths = ["pipeline/consent"]
also_copy = ["pipeline", "schemas", "sharing_agreements"]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = ["tests/spec"]
use_git_change_detection = false
SETTINGS

cd tree
../venv/bin/mutmut run "$@"
../venv/bin/mutmut results | grep -v 'not checked'
