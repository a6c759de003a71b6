import pandas as pd
import pytest

from twingap.opt.errors import InputError
from twingap.studies.few_seeds import marked, warning, weakness
from twingap.studies.table_files import remove_parquet, require_parquet, write_tables

TABLE = pd.DataFrame({"policy": ["a", "b"], "gap": [0.1, None], "seeds": [3, 10]})


def test_without_pyarrow_parquet_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("twingap.studies.table_files.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"^parquet: needs pyarrow; install the extra: pip install 'twingap\[parquet\]'$"):
        require_parquet()


def test_parquet_holds_what_the_csv_holds(tmp_path):
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    write_tables(tmp_path, {"gap": TABLE}, parquet=True)
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "gap.parquet"), pd.read_csv(tmp_path / "gap.csv"), check_dtype=False
    )


def test_parquet_of_earlier_numbers_does_not_stay(tmp_path):
    (tmp_path / "gap.parquet").write_bytes(b"old")
    (tmp_path / "other.parquet").write_bytes(b"somebody's")
    write_tables(tmp_path, {"gap": TABLE}, parquet=False)
    remove_parquet(tmp_path, {"gap": TABLE})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gap.csv", "other.parquet"]
    assert (tmp_path / "gap.csv").read_text() == "policy,gap,seeds\na,0.1,3\nb,,10\n"


def test_few_seeds_are_said_and_ten_are_enough():
    assert [weakness(n) for n in (1, 4, 5, 9, 10, 11)] == [*["fewer than 5 seeds"] * 2, *["fewer than 10 seeds"] * 2, "", ""]
    assert [marked(n) for n in (9, 10)] == ["9 (few)", "10"]
    assert "rest on 1 seed:" in (warning(1) or "")
    assert "weak" in (warning(9, "snapshots") or "")
    assert warning(10) is None
