import pytest
from PIL import Image

from dprdm.figures import plan_curves
from dprdm.figures.plan import write_plots
from dprdm.guarantee.plan import make_plan
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.budget import Budget

NAMES = ["epsilon_by_queries", "epsilon_by_k", "epsilon_by_sampling_rate", "concept_density"]


@pytest.fixture(autouse=True)
def _few_points(monkeypatch):
    for name, value in {"POINTS": 3, "RATES": 3, "PER_DECADE": 1, "COLLECTIONS": (10**5, 10**6, 10**7, 10**8)}.items():
        monkeypatch.setattr(plan_curves, name, value)


@pytest.mark.parametrize("records", [None, 10_000])
def test_pictures_are_small_and_come_in_both_kinds(tmp_path, records):
    plan = make_plan(Gaussian(k=20, sampling_rate=0.02), Exact(), Budget(5.0, 1e-5), 100)
    written = write_plots(plan, records, 128, tmp_path)
    names = NAMES if records is None else [*NAMES, "feasible_region"]
    assert [path.stem for path in written] == names
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    for path in written:
        assert path.stat().st_size < 150_000
        with Image.open(path) as picture:
            assert picture.size == (936, 598)
        assert path.with_suffix(".svg").read_text().startswith("<?xml")
