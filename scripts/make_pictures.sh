#!/usr/bin/env bash
# Draws docs/pictures/{report,desk,studio}.png in headless Chromium from the project of a demo:
#   affinage -C PROJECT demo && scripts/make_pictures.sh PROJECT
# AFFINAGE and CHROMIUM name other programs than `affinage` and `chromium`. The project is not changed.
set -euo pipefail
[ $# -eq 1 ] || { sed -n 2,4p "$0"; exit 2; }
affinage=$(realpath "$(command -v "${AFFINAGE:-affinage}")")
chromium=${CHROMIUM:-chromium}
pictures=$(cd "$(dirname "$0")/.." && pwd)/docs/pictures
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
project=$work/$(basename "$1")
cp -r "$1" "$project"

# Without a sandbox, as containers need it: both pages are our own and load nothing from elsewhere.
draw() {
    "$chromium" --headless --no-sandbox --disable-gpu --run-all-compositor-stages-before-draw --hide-scrollbars \
        --force-device-scale-factor=1 \
        --user-data-dir="$work/browser" --window-size="$2" --virtual-time-budget=8000 --screenshot="$pictures/$1.png" "$3" \
        2>/dev/null
    size=$(stat -c %s "$pictures/$1.png" 2>/dev/null || stat -f %z "$pictures/$1.png")
    echo "docs/pictures/$1.png: $size bytes"
    [ "$size" -lt 150000 ] || { echo "more than 150 kB" >&2; exit 1; }
}

name=$(ls "$project/evals" | head -1)
"$affinage" -C "$project" -q analyze --eval "$name" > /dev/null
"$affinage" -C "$project" -q report --eval "$name"
draw report 1180,610 "file://$project/evals/$name/report.html"

# serve COMMAND: opens a page and waits for its address, in $address.
serve() {
    [ -z "$server" ] || { kill "$server"; wait "$server" || true; }
    : > "$work/address"
    (cd "$project" && exec "$affinage" "$1" --no-open) > "$work/address" 2> "$work/said" &
    server=$!
    for _ in $(seq 100); do
        [ -s "$work/address" ] && break
        sleep 0.1
    done
    address=$(head -1 "$work/address")
}

serve review
# The library is read in the background; cards come once it is.
sleep 2
draw desk 1180,560 "$address#cards"

serve studio
draw studio 1180,980 "$address#train"
