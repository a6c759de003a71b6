import csv
import io

import numpy as np
import pandas as pd

from twingap.studies.csv_text import csv_text, plain_text


def test_a_table_reads_back_exactly():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=500) * 10.0 ** rng.integers(-300, 300, size=500)
    table = pd.DataFrame({"name": [f"n{n}" for n in range(500)], "count": np.arange(500), "number": numbers})
    back = [line.split(",") for line in csv_text(table).splitlines()]
    assert back[0] == ["name", "count", "number"]
    assert [float(number) for _, _, number in back[1:]] == numbers.tolist()
    assert [int(count) for _, count, _ in back[1:]] == list(range(500))


def test_it_writes_what_pandas_writes():
    table = pd.DataFrame(
        {
            "words": ["x, y", None, 'quoted "z"', "two\nlines"],
            "number": [1.5, np.nan, -np.inf, np.inf],
            "whole": [1.0, -0.0, 1e16, 123456789.0],
            "yes": [True, False, None, True],
            "mixed": [None, 1, "a", 2.5],
        }
    )
    assert csv_text(table) == table.to_csv(index=False)
    assert csv_text(pd.DataFrame(columns=["a", "b"])) == "a,b\n"


def test_no_text_is_a_formula_and_every_text_comes_back():
    texts = [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "'=1",
        "''@x",
        "\uff1d1",
        "it's",
        "'",
        "a=b",
        " =1",
        "",
    ]
    table = pd.DataFrame({"=name": texts, "number": [-0.5] * len(texts), "mixed": [*texts[:-1], -3]})
    rows = list(csv.reader(io.StringIO(csv_text(table), newline="")))
    for column in zip(*rows, strict=True):
        for cell in column:
            assert cell[:1] not in {*"=+@\t\r\n\uff1d"}
    assert rows[0] == ["'=name", "number", "mixed"]
    assert [plain_text(row[0]) for row in rows[1:]] == texts
    assert {row[1] for row in rows[1:]} == {"-0.5"}
    assert rows[-1] == ["", "-0.5", "-3"]
    assert [float(row[1]) for row in rows[1:]] == [-0.5] * len(texts)
