"""Each example runs as it stands, and says what it promises to say."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = {
    "first_release": "Requested again: 0 queries charged, 4 from the stored release.",
    "choosing_epsilon": "cosine to the clean means",
    "one_codebook": "6 images of prompts that were never charged; epsilon is still 3.",
    "reading_a_certificate": "Refused: The certificate says epsilon 0.001",
    "own_plugin": "Released by signs",
}


def run(name: str, *arguments: Path) -> str:
    """What an example prints."""
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=arguments[-1].parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    assert EXAMPLES[name] in run(name, tmp_path / "out")


def test_the_example_of_ones_own_folder_counts_persons(private_images: Path, tmp_path: Path) -> None:
    files = sorted(path.name for path in private_images.glob("*.png"))
    table = tmp_path / "captions.csv"
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "caption", "person"])
        rows.writerows([file, "a garment", f"p{number // 3}"] for number, file in enumerate(files))
    said = run("own_folder", private_images, table, tmp_path / "out")
    assert f"{len(files) // 3 * 2} images of {len(files) // 3} persons." in said
    assert "one person holding at most 2 records" in said


def test_every_example_is_run() -> None:
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == {*EXAMPLES, "own_folder"}
