"""A point of a sweep is asked once, on a budget of its own."""

import pytest

from dprdm.errors import UserError
from dprdm.workflows.sweep_points import Asking, releases_per_prompt


@pytest.mark.parametrize(
    ("images", "queries", "prompts", "expected"),
    [(20, None, 10, 20), (20, 1000, 10, 20), (20, 100, 10, 10), (20, 70, 10, 5), (7, 30, 10, 1), (6, 45.0, 10, 3)],
)
def test_releases_divide_the_images_and_fit_the_queries(images, queries, prompts, expected):
    assert releases_per_prompt(images, queries, prompts) == expected


def test_fewer_queries_than_prompts_are_refused():
    with pytest.raises(UserError, match="at least 10 queries"):
        releases_per_prompt(20, 9, 10)


def _asking(workplace, is_stand_in):
    folder = workplace / "points"
    return Asking("demo.yaml", ("bag", "dress"), 2, workplace / "store", is_stand_in, folder)


OPTIONS = {"mechanism": "gaussian", "eps": 10, "delta": 1e-5, "mechanism.k": 5, "mechanism.sampling_rate": 0.5}


def test_each_point_of_a_stand_in_has_a_budget_of_its_own(workplace):
    asking = _asking(workplace, is_stand_in=True)
    first, second = asking.run(OPTIONS), asking.run({**OPTIONS, "eps": 1})
    assert first != second
    assert len(list(first.glob("images/*/*.png"))) == 4
    assert not list((workplace / "store").glob("ledger*"))
    assert asking.run(OPTIONS) == first
    assert "answered from stored releases" in (first / "log.txt").read_text()


def test_on_private_data_the_store_pays_and_refuses(workplace):
    asking = _asking(workplace, is_stand_in=False)
    asking.run(OPTIONS)
    assert list((workplace / "store").glob("ledger*"))
    with pytest.raises(UserError, match=r"The point .* was refused\. .*BudgetExceeded"):
        asking.run({**OPTIONS, "eps": 30, "queries": 4})
