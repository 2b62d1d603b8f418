#!/usr/bin/env bash
# Fuzzes one target: fuzz/run.sh TARGET [SECONDS]
# Targets: gguf safetensors config adapter adapter_config template tokenizer. Needs a nightly toolchain, not cargo-fuzz.
# A finding is written to fuzz/artifacts/TARGET. More than 64 MB at once is a finding, too: the seeds are below 200 kB.
set -euo pipefail
cd "$(dirname "$0")"
target=$1 seconds=${2:-600}
golden=../testdata/golden
mkdir -p "corpus/$target" "artifacts/$target"
case $target in
gguf) seeds=("$golden/tiny-chat.gguf") ;;
safetensors) seeds=("$golden/tiny-llama/model.safetensors") ;;
config) seeds=("$golden"/tiny-*/config.json) ;;
adapter) seeds=("$golden"/tiny-llama/adapter/adapter_model.safetensors) ;;
adapter_config) seeds=("$golden"/tiny-*/adapter*/adapter_config.json "$golden"/adapters/*/adapter_config.json) ;;
template) seeds=("$golden/tiny-chat/chat_template.jinja") ;;
tokenizer) seeds=("$golden/tiny-chat/tokenizer.json") ;;
*) echo "no target $target" >&2 && exit 2 ;;
esac
for seed in "${seeds[@]}"; do cp "$seed" "corpus/$target/seed-$(sha256sum "$seed" | cut -c1-12)"; done
export RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
triple=$(rustc -vV | sed -n 's/^host: //p')
cargo +nightly build --release --target "$triple" --bin "$target"
exec "${CARGO_TARGET_DIR:-target}/$triple/release/$target" "corpus/$target" -artifact_prefix="artifacts/$target/" \
    -max_total_time="$seconds" -malloc_limit_mb=64 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1
