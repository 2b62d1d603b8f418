# Recipes for people who work on affinage; `cargo test --workspace` needs none of them.

# What CI runs.
check:
    cargo fmt --all --check
    cargo test --workspace
    cargo clippy --workspace --all-targets -- -D warnings

# A thousand simulations a seed for every interval and test, and the audit's rates: figures for docs/LOG.md.
slow:
    AFFINAGE_SLOW=1 cargo test -p affinage-eval --test it coverage -- --nocapture --test-threads 1
    cargo test -p affinage-eval --test it audit -- --ignored --nocapture
