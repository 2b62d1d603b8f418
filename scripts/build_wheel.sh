#!/usr/bin/env bash
# Builds a wheel with the binary of this machine and prints its path: scripts/build_wheel.sh [FOLDER], default dist.
# Needs cargo, a C compiler and Python's pip; maturin comes with the build. What is compiled in target/ is used.
# PROFILE=dev takes the profile of `cargo test` instead of release: a check that compiles little anew.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-dist}
MATURIN_PEP517_ARGS="--profile ${PROFILE:-release}" python3 -m pip wheel --quiet --no-deps --wheel-dir "$out" .
ls -t "$out"/affinage-*.whl | head -1
