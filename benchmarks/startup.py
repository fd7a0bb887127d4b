"""Processor time of command lines that are refused, beside that of `import torch` in the same run; and of help and version.

    python benchmarks/startup.py                two dozen bad lines, each three times; a few minutes

User and system time of the process and its children, the least of the rounds: what others do on the machine is not counted.
A line passes if it is refused with exit code 2 and in one sentence, in less time than the import.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory

MAIN = Path(__file__).resolve().parents[1] / "main.py"
BAD_LINES = (
    "predikt",
    "predict --promt shoe",
    "predict --mechanism gausian",
    "predict --retriever gausian",
    "predict --eps abc",
    "predict --eps -1",
    "predict --mechanism.eps 3",
    "predict --mechanism.sampling_rate 1.5",
    "predict --trainer.max_stepz 3",
    "predict --data.k 0",
    "predict --config none.yaml",
    "predict --config wrong_key.yaml",
    "predict --config wrong_value.yaml",
    "predict --prompts none.txt",
    "predict --weights none.safetensors",
    "render none.safetensors",
    "index --images nowhere --encoder demo --out x",
    "index --source coco --out x",
    "verify nowhere",
    "plan --k 0 --queries 10 --eps 1 --records 1000",
    "test nowhere",
    "fit",
    "fit --config coco.yaml",
    "fit --config demo.yaml --ckpt_path none.ckpt",
)
GOOD_LINES = ("--version", "--help", "predict --help", "index --help")


def main() -> None:
    """Print the table; exit with 1 if a line does not pass."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as folder:
        Path(folder, "wrong_key.yaml").write_text("epss: 1\n", encoding="utf-8")
        Path(folder, "wrong_value.yaml").write_text("eps: many\n", encoding="utf-8")
        limit, _ = measure([sys.executable, "-c", "import torch"], folder, rounds)
        print(f"| line | seconds | of `import torch`, {limit:.2f} s |\n|---|---|---|")
        failed = []
        for line in (*GOOD_LINES, *BAD_LINES):
            seconds, done = measure([sys.executable, str(MAIN), *line.split()], folder, rounds)
            print(f"| `{line}` | {seconds:.2f} | {seconds / limit:.2f} |", flush=True)
            refused = done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
            if seconds >= limit or (line in BAD_LINES and not refused):
                failed.append(line)
    if failed:
        sys.exit(f"These are slower than the import, or not refused in one sentence: {failed}")


def measure(command: list[str], folder: str, rounds: int) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Return the least processor time of a command, run in `folder`, and how it ended the last time."""
    times = []
    for _ in range(rounds):
        before = getrusage(RUSAGE_CHILDREN)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        after = getrusage(RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times), done


if __name__ == "__main__":
    main()
