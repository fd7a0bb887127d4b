"""The curve is read off the table that `fit` leaves."""

import sys

from tests.benchmarks.scripts import script


def test_the_table_of_a_training_becomes_a_picture(tmp_path, monkeypatch, capsys):
    rows = [
        "epoch,lr,step,train/loss,val/loss",
        *(f"0,0.1,{step},{1 / (1 + step)}," for step in range(25)),
        "0,,24,,0.5",
    ]
    (tmp_path / "metrics.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setattr(sys, "argv", ["training_curve.py", str(tmp_path / "metrics.csv"), str(tmp_path / "loss")])
    curve = script("training_curve")
    assert list(curve.column(tmp_path / "metrics.csv", "val/loss")) == [(24.0, 0.5)]
    assert curve.smoothed([(0, 1.0), (1, 3.0), (2, 5.0)], 2) == [(1, 2.0), (2, 5.0)]
    curve.main()
    assert capsys.readouterr().out.strip() == str(tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 5000
