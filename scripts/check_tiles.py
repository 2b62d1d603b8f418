#!/usr/bin/env python3
"""Checks the machine code of the multiply's tiles: no innermost loop of theirs touches the stack.

    python3 scripts/check_tiles.py target/release            # what was built with --release
    python3 scripts/check_tiles.py aarch64-unknown-linux-gnu [CPU ...]   # the tiles alone, compiled here for a target

A sum that does not fit into a register is stored and loaded again in every step of k, which halves the speed and changes
no result, so no test sees it. Needs binutils (ar, objdump; for aarch64 elsewhere binutils-aarch64-linux-gnu). Exits 1 if
a loop touches the stack or a path of the machine has no loop. For each CPU (`apple-m1`, `neoverse-v2`), llvm-mca
($LLVM_MCA) says how many multiply-adds a cycle its model of that processor starts.
"""
import glob, os, platform, re, subprocess, sys, tempfile

TILE = re.compile(r"<.*tile_(avx2|avx512|neon)")
ARCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../crates/affinage-engine/src/kernels/arch")
# The tiles need nothing of the engine but the names of the instruction sets.
ALONE = f"""
#[derive(Clone, Copy)]
pub enum Isa {{ Scalar, Avx2, Avx512, Neon }}
#[path = "{ARCH}/vector.rs"] mod vector;
#[path = "{ARCH}/micro.rs"] pub mod micro;
"""


def compile_alone(target, objects):
    """The tiles alone as an object file, optimised as a release is."""
    root = os.path.join(objects, "tiles.rs")
    with open(root, "w") as file:
        file.write(ALONE)
    options = ["--edition=2024", "--crate-type=lib", "-Copt-level=3", "--emit=obj", "--cap-lints=allow"]
    subprocess.run(["rustc", *options, f"--target={target}", root, "-o", os.path.join(objects, "tiles.o")], check=True)


def functions(objects, objdump):
    """(path, lines of machine code) of every tile function."""
    for at in glob.glob(os.path.join(objects, "*.o")):
        code = subprocess.run([objdump, "-d", "--no-show-raw-insn", at], capture_output=True, text=True, check=True)
        for function in code.stdout.split("\n\n"):
            lines = function.strip().split("\n")
            if name := TILE.search(lines[0]):
                yield name.group(1), lines[1:]


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


def per_cycle(body, sums, machine, cpu):
    """Multiply-adds a cycle by llvm-mca's model of `cpu`; the jump at the end is left out."""
    code = "\n".join(re.sub(r"^\s*[0-9a-f]+:\s*", "", line).split("//")[0] for line in body[:-1])
    command = [os.environ.get("LLVM_MCA", "llvm-mca"), f"-mtriple={machine}", f"-mcpu={cpu}", "-iterations=1000"]
    report = subprocess.run(command, input=code, stdout=subprocess.PIPE, text=True, check=True).stdout
    return 1000 * sums / int(re.search(r"Total Cycles:\s+(\d+)", report).group(1))


def main():
    what, cpus = sys.argv[1], sys.argv[2:]
    machine = platform.machine() if os.path.isdir(what) else what.split("-")[0]
    objdump = "objdump" if machine == platform.machine() else f"{machine}-linux-gnu-objdump"
    found, failed = set(), 0
    with tempfile.TemporaryDirectory() as objects:
        if os.path.isdir(what):
            library = max(glob.glob(os.path.join(what, "deps", "libaffinage_engine-*.rlib")), key=os.path.getmtime)
            subprocess.run(["ar", "x", os.path.abspath(library)], cwd=objects, check=True)
        else:
            compile_alone(what, objects)
        for path, lines in functions(objects, objdump):
            for body in innermost_loops(lines):
                sums = sum(bool(re.search(r"vfmadd|fmla", line)) for line in body)
                on_stack = [line for line in body if re.search(r"\(%r[sb]p|\[(?:sp|x29)\b", line)]
                found.add(path)
                failed += bool(on_stack)
                print(f"{path}: {sums} multiply-adds in {len(body)} instructions, {len(on_stack)} on the stack")
                for cpu in cpus:
                    print(f"  {cpu}: {per_cycle(body, sums, machine, cpu):.2f} multiply-adds a cycle")
    missing = ({"neon"} if machine == "aarch64" else {"avx2", "avx512"}) - found
    if missing:
        sys.exit(f"{what}: no loop of {', '.join(sorted(missing))} was found")
    sys.exit(1 if failed else 0)


main()
