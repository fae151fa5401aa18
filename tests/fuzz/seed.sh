#!/usr/bin/env bash
# Makes the corpora's own inputs (fuzz_seed and its seed_*.c say which) where they are missing.
# Inputs named "found-..." came out of fuzzing; they are kept by hand.
set -euo pipefail
cd "$(dirname "$0")/../.."
cmake --preset dev >/dev/null
cmake --build --preset dev --target fuzz_seed -j "$(nproc)" >/dev/null
build/dev/tests/fuzz/fuzz_seed tests/fuzz/corpus
