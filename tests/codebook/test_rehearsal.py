"""Rehearsals: on public rows, the same every time, and finer cells where there are rows for them."""

import numpy as np
import pytest

from dprdm.codebook.rehearsal import FEWEST_CAPTIONS, CodebookStage, rehearse
from dprdm.guarantee.mechanism import Terms
from dprdm.privacy.budget import Budget
from tests.fakes import public_knowledge


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    return public_knowledge(tmp_path_factory.mktemp("public"), 900, 8)


def terms(epsilon: float = 1.0, records: int = 5000) -> Terms:
    return Terms(Budget(epsilon, 1e-5), 100, records)


def test_the_same_rows_and_terms_choose_the_same(public):
    first, second = (rehearse(public, terms(), 0.1, 64) for _ in range(2))
    assert first == second or [vars(one) for one in first] == [vars(one) for one in second]


def test_choices_come_best_first_and_differ(public):
    cosines = [choice.cosine for choice in rehearse(public, terms(), 0.1, 64)]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] > cosines[-1] and 0.5 < cosines[0] <= 1


def test_more_budget_and_more_records_come_nearer(public):
    poor = rehearse(public, terms(0.1, 200), 0.1, 64)[0].cosine
    rich = rehearse(public, terms(10.0, 20_000), 0.1, 64)[0].cosine
    assert rich > poor


def test_several_levels_are_tried(public):
    assert {len(choice.sizes) for choice in rehearse(public, terms(), 0.1, 4096)} == {1}
    assert all(choice.sizes[-1] <= 20 for choice in rehearse(public, terms(), 0.1, 20))


def test_the_stand_in_is_of_another_kind_than_what_cells_are_learnt_from(public):
    stage = CodebookStage.of(public, 0.1)
    assert len(stage.learnt_from) == 450 and 100 < len(stage.stand_in) < 350
    assert not {row.tobytes() for row in stage.learnt_from} & {row.tobytes() for row in stage.stand_in}
    others = public.rows[1::2]
    left_out = np.stack([row for row in others if not (stage.stand_in == row).all(axis=1).any()])
    draw, gaps = np.random.default_rng(0), []
    for _ in range(50):
        order = draw.permutation(len(others))
        half, rest = others[order[: len(stage.stand_in)]], others[order[len(stage.stand_in) :]]
        gaps.append(np.linalg.norm(half.mean(axis=0) - rest.mean(axis=0)))
    assert np.linalg.norm(stage.stand_in.mean(axis=0) - left_out.mean(axis=0)) > max(gaps)


def test_where_captions_are_few_rows_are_asked_as_well(public):
    few = type(public)(public.rows, public.queries[: FEWEST_CAPTIONS - 1], np.full(900, -1), "few", public.folder)
    assert len(CodebookStage.of(few, 0.1).queries) > 50
    assert len(CodebookStage.of(public, 0.1).queries) == 12
