"""What the README and the docs say can be done."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml

from dprdm.cli.commands import COMMANDS
from dprdm.resources import find_config

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "plugins/README.md",
]
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    lines = [line.strip() for page in PAGES for line in page.read_text().splitlines()]
    return sorted({line for line in lines if line.startswith("python main.py ")})


@pytest.mark.parametrize("command", commands())
def test_commands_exist_and_name_configs_that_exist(command: str) -> None:
    _, _, name, *arguments = shlex.split(command, comments=True)
    assert name in COMMANDS
    for option, value in itertools.pairwise(arguments):
        if option == "--config" and "runs/" not in value:
            assert Path(find_config(value)).is_file()


def test_the_lines_of_python_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (lines,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) <= 15
    exec(compile(lines, "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[-1].endswith("charged 0 queries")
    assert Path("boot.png").is_file() and Path("runs/python/certificate.md").is_file()


def test_there_are_exactly_two_set_up_commands() -> None:
    set_up = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(set_up) == 2
    assert set_up[0].endswith("main.py predict --mechanism gaussian --eps 10")
    assert "pytest" in set_up[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_ci_runs_the_readmes_test_command() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "README.md" in script
    assert "<!-- tests -->" in README
    assert "run: .ci/run" in (ROOT / ".github/workflows/ci.yml").read_text()


@pytest.mark.parametrize("name", ["bug", "feature", "guarantee"])
def test_every_issue_template_leads_violations_elsewhere(name: str) -> None:
    template = (ROOT / f".github/ISSUE_TEMPLATE/{name}.md").read_text()
    _, front, text = template.split("---\n", 2)
    assert set(yaml.safe_load(front)) == {"name", "about"}
    assert "SECURITY.md" in text or name == "feature"
