#!/usr/bin/env python3
"""Checks the machine code of the multiply's tiles: no innermost loop of theirs touches the stack.

    cargo build --release -p affinage-engine && python3 scripts/check_tiles.py target/release

A sum that does not fit into a register is stored and loaded again in every step of k, which halves the speed and changes
no result, so no test sees it. Needs binutils (ar, objdump). Exits 1 if a loop touches the stack or no loop was found.
"""
import glob, os, re, subprocess, sys, tempfile

TILE = re.compile(r"<.*(?:tile|rows)_(?:avx2|avx512|neon)")


def functions(objects):
    """(name, lines of machine code) of every tile function."""
    for at in glob.glob(os.path.join(objects, "*.o")):
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", at], capture_output=True, text=True).stdout
        for function in code.split("\n\n"):
            lines = function.strip().split("\n")
            if TILE.search(lines[0]):
                yield lines[0], lines[1:]


def innermost_loops(lines):
    """Bodies of loops that hold multiply-adds and no other loop."""
    address = {int(m.group(1), 16): i for i, line in enumerate(lines) if (m := re.match(r"\s*([0-9a-f]+):", line))}
    loops = []
    for end, line in enumerate(lines):
        jump = re.match(r"\s*[0-9a-f]+:\s+(?:j\w+|b\.?\w*|cbn?z\s+\w+,)\s+([0-9a-f]+)", line)
        start = address.get(int(jump.group(1), 16)) if jump else None
        if start is not None and start <= end:
            loops.append((start, end))
    inner = [a for a in loops if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]
    bodies = [lines[start:end + 1] for start, end in inner]
    return [body for body in bodies if any(re.search(r"vfmadd|fmla", line) for line in body)]


def main():
    library = max(glob.glob(os.path.join(sys.argv[1], "deps", "libaffinage_engine-*.rlib")), key=os.path.getmtime)
    checked = failed = 0
    with tempfile.TemporaryDirectory() as objects:
        subprocess.run(["ar", "x", os.path.abspath(library)], cwd=objects, check=True)
        for name, lines in functions(objects):
            for body in innermost_loops(lines):
                sums = sum(bool(re.search(r"vfmadd|fmla", line)) for line in body)
                on_stack = [line for line in body if re.search(r"\(%r[sb]p|\[(?:sp|x29)\b", line)]
                checked += 1
                failed += bool(on_stack)
                path = TILE.search(name).group(0).rsplit("_", 1)[-1]
                print(f"{path}: {sums} multiply-adds in {len(body)} instructions, {len(on_stack)} on the stack")
    if checked == 0:
        sys.exit("found no loop of a tile")
    sys.exit(1 if failed else 0)


main()
