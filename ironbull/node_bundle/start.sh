#!/bin/sh
# Starts the node of this directory; with words behind it, what they say: `sh start.sh join …`.
# The first start has pip install what it needs into `lib`, and nothing outside of here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
cd "$here"
if [ ! -d lib ]; then
    "$python" -m pip install --quiet --requirement requirements.txt --target lib.new
    mv lib.new lib
fi
if [ -f node.env ]; then
    set -a
    . ./node.env
    set +a
fi
export PYTHONPATH="$here:$here/lib${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m workers "$@"
