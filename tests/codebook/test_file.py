"""A codebook file holds all that answers, and says what is wrong with it."""

import numpy as np
import pytest

from dprdm.codebook.file import CodebookFile
from dprdm.codebook.partition import learn_partition
from dprdm.errors import UserError
from tests.fakes import unit_rows

PARTITION = learn_partition(unit_rows(100, 5), (3, 9))


@pytest.mark.parametrize("released", [None, np.arange(12.0).reshape(2, 6)])
def test_what_is_written_is_read(tmp_path, released):
    path = tmp_path / "codebook.safetensors"
    CodebookFile(PARTITION, released, {"noise_std": 0.25, "fields": {"levels": 2}}).save(path)
    again = CodebookFile.load(path)
    assert again.partition.sha256() == PARTITION.sha256()
    assert again.metadata == {"noise_std": 0.25, "fields": {"levels": 2}}
    assert (again.released is None) if released is None else np.array_equal(again.released, released)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="there is none"):
        CodebookFile.load(tmp_path / "nothing.safetensors")


def test_a_damaged_file_is_one_sentence(tmp_path):
    path = tmp_path / "codebook.safetensors"
    CodebookFile(PARTITION, None, {}).save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="damaged"):
        CodebookFile.load(path)
