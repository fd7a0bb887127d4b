"""The catalogue: what pages say of a metric is what the metric says of itself."""

from pathlib import Path

import pytest

from dprdm.registry import class_path, load_all

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"
BUILT_IN = sorted(name for name in load_all("metric") if class_path("metric", name).startswith("dprdm."))


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_page_has_every_built_in_metric_as_it_describes_itself(name):
    assert f"| `{name}` | {load_all('metric')[name].description} |" in DOCS.read_text()
