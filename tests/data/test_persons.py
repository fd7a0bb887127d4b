"""Where the unit of privacy is a person: everybody's owner is known, and nobody contributes more than agreed."""

import numpy as np
import pytest

from dprdm.data.index import build_store
from dprdm.data.persons import names_persons, person_name
from dprdm.errors import StoreError, UserError
from dprdm.retrieval.store import PrivateStore
from tests.data.pictures import Count, Pictures, demo_encoder


@pytest.fixture(scope="module")
def encoder():
    return demo_encoder()


def test_a_person_contributes_at_most_so_many(tmp_path, encoder):
    source = Pictures(7, broken=(1,), groups=["ann", "ann", "bob", "ann", "ann", "bob", "cem"])
    report = build_store(source, encoder, tmp_path, PrivateStore, Count(), shard_rows=3, max_per_unit=2)
    store = PrivateStore(tmp_path)
    assert (report.dropped, store.num_units, store.max_per_unit) == (1, 3, 2)
    assert len(store) == store.num_owned == 5
    positions = store.source_index()
    owned = [positions[store.rows_of(np.array([unit]))].tolist() for unit in range(3)]
    assert owned == [[0, 3], [2, 5], [6]]  # ann's 1 is broken, her 4 is one too many
    assert positions[store.rows_of(np.array([0, 2]))].tolist() == [0, 3, 6]


def test_everybody_needs_an_owner_where_persons_are_the_unit(tmp_path, encoder):
    with pytest.raises(UserError, match=r"Expected a group for 0\.png, and there is none\. Name the person"):
        build_store(Pictures(3), encoder, tmp_path / "s", PrivateStore, Count(), max_per_unit=1)
    assert not (tmp_path / "s").exists()


def test_without_groups_every_image_is_a_unit(tmp_path, encoder):
    build_store(Pictures(3, groups=["ann"] * 3), encoder, tmp_path, PrivateStore, Count())
    store = PrivateStore(tmp_path)
    assert (store.num_units, store.max_per_unit) == (3, 1) and store.rows_of(np.array([2])).tolist() == [2]


@pytest.mark.parametrize("shard_rows", [1, 4, 100])
def test_hazard_18_rows_of_no_unit_are_not_in_the_store(tmp_path, encoder, shard_rows):
    """Whoever counts or samples the rows of the store counts what persons own: nothing else is there."""
    source = Pictures(20, groups=["ann"] * 15 + [f"p{number}" for number in range(5)])
    report = build_store(source, encoder, tmp_path, PrivateStore, Count(), shard_rows, max_per_unit=1)
    store = PrivateStore(tmp_path)
    assert (report.rows, report.dropped, len(store), store.num_units, store.num_owned) == (6, 14, 6, 6, 6)
    assert store.source_index().tolist() == [0, 15, 16, 17, 18, 19]
    assert store.rows_of(np.arange(6)).tolist() == list(range(6))
    assert store.unit_is_person and store.max_per_unit == 1
    keys = "".join(path.read_text() for path in sorted(tmp_path.glob("*.keys.jsonl")))
    assert keys.split() == ['"0.png"', *(f'"{number}.png"' for number in range(15, 20))]


def test_images_that_are_left_out_are_not_even_read(tmp_path, encoder):
    count = Count()
    build_store(Pictures(5, stop_at=3, groups=["ann"] * 5), encoder, tmp_path, PrivateStore, count, max_per_unit=2)
    assert len(PrivateStore(tmp_path)) == 2 and count.total == 5


def test_what_stays_of_a_person_depends_on_no_other_person(tmp_path, encoder):
    groups = list("abcabcabca")
    whole = Pictures(10, broken=(0,), groups=groups)
    build_store(whole, encoder, tmp_path / "all", PrivateStore, Count(), shard_rows=3, max_per_unit=2)
    everybody = PrivateStore(tmp_path / "all")
    rows = dict(zip(everybody.source_index().tolist(), everybody.vectors(np.arange(len(everybody))), strict=True))
    assert sorted(rows) == [1, 2, 3, 4, 5, 6]
    for gone in "abc":
        kept = [index for index in range(10) if groups[index] != gone]
        fewer = Pictures(len(kept), broken=[kept.index(0)] if 0 in kept else [], groups=[groups[i] for i in kept])
        fewer.pixels = whole.pixels[kept]
        build_store(fewer, encoder, tmp_path / gone, PrivateStore, Count(), shard_rows=3, max_per_unit=2)
        store = PrivateStore(tmp_path / gone)
        left = [kept[position] for position in store.source_index()]
        assert left == [index for index in sorted(rows) if groups[index] != gone]
        for row, index in enumerate(left):
            assert np.array_equal(store.vectors(np.array([row]))[0], rows[index])


def test_an_interrupted_index_of_persons_goes_on_and_ends_as_an_unbroken_one(tmp_path, encoder):
    groups = ["ann", "bob", "ann", "bob", "cem", "ann", "bob", "cem", "dan"]
    for stop in range(9):
        path = tmp_path / str(stop)
        if stop in {0, 1, 2, 3, 4, 7, 8}:
            with pytest.raises(KeyboardInterrupt):
                source = Pictures(9, stop_at=stop, groups=groups)
                build_store(source, encoder, path, PrivateStore, Count(), shard_rows=2, max_per_unit=2)
        report = build_store(
            Pictures(9, groups=groups), encoder, path, PrivateStore, Count(), shard_rows=2, max_per_unit=2
        )
        store = PrivateStore(path)
        assert (report.rows, report.dropped, store.num_units) == (7, 2, 4)
        assert store.source_index().tolist() == [0, 1, 2, 3, 4, 7, 8]


def test_an_index_begun_with_other_persons_or_another_limit_is_not_gone_on_with(tmp_path, encoder):
    groups = ["ann", "bob", "ann", "bob", "cem", "dan"]
    with pytest.raises(KeyboardInterrupt):
        build_store(Pictures(6, stop_at=4, groups=groups), encoder, tmp_path, PrivateStore, Count(), 2, max_per_unit=2)
    others = [(groups, 1), (groups, None), (["eve", *groups[1:]], 2)]
    for names, limit in others:
        with pytest.raises(StoreError, match="or with other persons or another limit"):
            build_store(Pictures(6, groups=names), encoder, tmp_path, PrivateStore, Count(), 2, max_per_unit=limit)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(tmp_path, encoder, limit):
    with pytest.raises(UserError, match=f"Expected max_per_group={limit} to be a whole number of at least 1"):
        build_store(Pictures(2, groups=["a", "b"]), encoder, tmp_path / "s", PrivateStore, Count(), max_per_unit=limit)
    assert not (tmp_path / "s").exists()


NAMELESS = [
    None, "", "  ", "\t\n", "\u200b", "\ufeff", float("nan"), np.float32("nan"), "nan", "NaN", "null", "NULL", " Null ", "None",
    "none\n", "<NA>",
]  # fmt: skip


@pytest.mark.parametrize("value", NAMELESS, ids=repr)
def test_hazard_19_nobody_is_no_person(value):
    with pytest.raises(
        UserError, match=r"Expected a patient for a\.png, and .* Name the person, or leave the image out"
    ):
        person_name(value, "patient", "a.png")


@pytest.mark.parametrize("value", [["ann", "bob"], ["ann"], {"name": "ann"}, ("ann",)], ids=repr)
def test_hazard_19_several_persons_are_not_one(value):
    with pytest.raises(UserError, match=r"Expected one patient for a\.png, as a text or a number"):
        person_name(value, "patient", "a.png")


@pytest.mark.parametrize(
    ("value", "name"),
    [(" Ann ", "Ann"), ("ann", "ann"), (12, "12"), (0, "0"), ("Nancy", "Nancy"), ("no one", "no one"), ("-", "-")],
)
def test_names_are_stripped_and_otherwise_compared_as_given(value, name):
    assert person_name(value, "patient", "a.png") == name


def test_hazard_19_a_source_of_ones_own_is_checked_at_the_index(tmp_path, encoder):
    """Readers check what they read; the index checks those that do not."""
    with pytest.raises(UserError, match=r"Expected a group for 1\.png, and 'NaN' names nobody"):
        build_store(Pictures(2, groups=["ann", "NaN"]), encoder, tmp_path / "s", PrivateStore, Count(), max_per_unit=1)
    twice = Pictures(3, groups=["ann", "bob", "cem"], keys=["a", "b", "a"])
    with pytest.raises(
        UserError, match=r"a to belong to one person; it is listed for ann \(row 0\) and for cem \(row 2\)"
    ):
        build_store(twice, encoder, tmp_path / "s", PrivateStore, Count(), max_per_unit=1)
    assert not (tmp_path / "s").exists()
    blanks = Pictures(3, groups=["ann", " ann ", "bob"])
    build_store(blanks, encoder, tmp_path / "s", PrivateStore, Count(), max_per_unit=2)
    assert PrivateStore(tmp_path / "s").num_units == 2


def test_a_source_names_persons_by_a_column_or_by_its_answers():
    assert not names_persons(Pictures(2)) and names_persons(Pictures(2, groups=["ann", "bob"]))
