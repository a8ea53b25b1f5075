"""CSV and Parquet files."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

import fedwhy as fw
from fedwhy.errors import DataError, FedwhyError, ParameterError

ROWS = """hospital,age,chol,city,num
north,63,233,Oslo,0
south,37,250.5,Rome,2
north,41,204,Oslo,1
"""
COLUMNS = ["age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak"]


@pytest.fixture(params=["csv", "csv.gz", "parquet"])
def table(request, tmp_path):
    path = tmp_path / f"rows.{request.param}"
    if request.param == "csv":
        path.write_text(ROWS)
    elif request.param == "csv.gz":
        path.write_bytes(gzip.compress(ROWS.encode()))
    else:
        pq.write_table(pa_csv.read_csv(pa.BufferReader(ROWS.encode())), path)
    return path


def test_a_column_says_whose_a_row_is(table):
    data = fw.read(table, client="hospital", y="num", classes=3)
    assert data.ids.tolist() == ["north", "south"]
    assert data.x.tolist() == [[63, 233], [41, 204], [37, 250.5]]
    assert data.y.tolist() == [0, 1, 2]
    assert (data.x.dtype, data.y.dtype, data.name) == (np.float32, np.int32, "rows")
    assert "row 1 before grouping" in data.place(2)


def test_features_are_those_named_in_their_order(table):
    data = fw.read(table, client="city", y="num", x=["chol", "age"])
    assert data.client("Rome").x.tolist() == [[250.5, 37]]
    assert fw.read(table, client="city", y="num", x="age").x.shape == (3, 1)


def test_the_users_function_gets_a_clients_columns(table):
    def lengths(columns):
        return np.array([[len(city)] for city in columns["city"]]), columns["chol"]

    data = fw.read(table, client="hospital", examples=lengths)
    assert data.client("north").x.tolist() == [[4], [4]]
    assert data.client("north").y.tolist() == [233, 204]


def test_files_without_a_client_column_are_clients(tmp_path):
    for name in ("north", "south"):
        (tmp_path / f"{name}.csv").write_text(f"age,num\n{len(name)},1\n1,0\n")
    data = fw.read(tmp_path, y="num")
    assert data.ids.tolist() == ["north", "south"]
    assert data.x.tolist() == [[5], [1], [5], [1]]
    files = [tmp_path / "south.csv", tmp_path / "north.csv"]
    assert fw.read(files, y="num").fingerprint == data.fingerprint


def test_a_client_may_be_in_several_files(tmp_path):
    (tmp_path / "1.csv").write_text("who,age,num\nb,1,0\na,2,0\n")
    (tmp_path / "2.csv").write_text("age,num,who\n3,1,c\n4,1,a\n")
    data = fw.read(tmp_path, client="who", y="num", into=tmp_path / "set")
    assert {id: data.client(id).x[:, 0].tolist() for id in "abc"} == {
        "a": [2, 4],
        "b": [1],
        "c": [3],
    }
    assert fw.read(tmp_path / "set").fingerprint == data.fingerprint


def test_ids_in_text_files_stay_as_they_are_written(tmp_path):
    (tmp_path / "f.csv").write_text("id,x,y\n007,1,0\n7,2,0\nNA,3,0\n")
    assert fw.read(tmp_path / "f.csv", client="id", y="y").ids.tolist() == ["007", "7", "NA"]


def test_ids_in_parquet_may_be_numbers(tmp_path):
    columns = {"id": [9, 10, 9], "x": [1.0, 2.0, 3.0], "y": [True, False, True]}
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    data = fw.read(tmp_path / "f.parquet", client="id", y="y")
    assert (data.ids.tolist(), data.y.tolist()) == ([9, 10], [1, 1, 0])


@pytest.mark.parametrize("size", [None, 3])
def test_lists_in_parquet_keep_their_shape_and_type(tmp_path, size):
    tokens = pa.array([[1, 2, 3], [4, 5, 6]], pa.list_(pa.int64(), *([size] if size else [])))
    image = pa.array([[[1, 2]], [[3, 4]]], pa.list_(pa.list_(pa.uint8())))
    columns = {"id": ["a", "b"], "tokens": tokens, "image": image, "y": pa.array([0.5, 1.5])}
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    read = {
        x: fw.read(tmp_path / "f.parquet", client="id", x=x, y="y") for x in ("tokens", "image")
    }
    assert (read["tokens"].x.tolist(), read["tokens"].x.dtype) == ([[1, 2, 3], [4, 5, 6]], np.int32)
    assert (read["image"].x.shape, read["image"].x.dtype) == ((2, 1, 2), np.uint8)
    assert read["image"].y.dtype == np.float32


def test_real_hospitals_are_read_as_numpy_reads_them(shared_data, tmp_path):
    for place in ("cleveland", "hungarian", "switzerland", "va"):
        raw = (shared_data / "heart-disease" / f"processed.{place}.data").read_text()
        rows = [row for row in raw.splitlines() if "?" not in row.split(",")[:10]]
        names = ",".join([*COLUMNS, "slope", "ca", "thal", "num"])
        (tmp_path / f"{place}.csv").write_text("\n".join([names, *rows]) + "\n")
    data = fw.read(tmp_path, x=COLUMNS, y="num", classes=5)
    assert data.sizes.tolist() == [303, 261, 46, 130]  # As FLamby has them.
    theirs = np.genfromtxt(tmp_path / "va.csv", delimiter=",", skip_header=1, dtype=np.float32)
    np.testing.assert_array_equal(data.client("va").x, theirs[:, :10])
    np.testing.assert_array_equal(data.client("va").y, theirs[:, -1])


def test_a_column_with_something_else_among_its_numbers_is_not_left_out(shared_data, tmp_path):
    raw = (shared_data / "heart-disease" / "processed.hungarian.data").read_text()
    path = tmp_path / "hungarian.csv"
    path.write_text(",".join([*COLUMNS, "slope", "ca", "thal", "num"]) + "\n" + raw)
    with pytest.raises(DataError, match=r"hungarian.csv, line 92: trestbps holds '\?', which is"):
        fw.read([path], y="num")


def test_whole_labels_stored_as_floats_are_labels(tmp_path):
    (tmp_path / "f.csv").write_text("who,a,y\np,1,0.0\np,2,1.0\n")
    y = fw.read(tmp_path / "f.csv", client="who", y="y", classes=2).y
    assert (y.dtype, y.tolist()) == (np.int32, [0, 1])
    assert fw.read(tmp_path / "f.csv", client="who", y="y").y.dtype == np.float32
    (tmp_path / "f.csv").write_text("who,a,y\np,1,0.0\np,2,0.5\n")
    with pytest.raises(DataError, match="line 3: y is 0.5, expected a whole number; correct it, o"):
        fw.read(tmp_path / "f.csv", client="who", y="y", classes=2)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "fedwhy"]


def test_columns_left_out_are_named_in_one_warning(table, caplog):
    fw.read(table, client="hospital", y="num")
    (warning,) = warnings_of(caplog)
    assert "columns that hold no numbers are left out: city; name" in warning
    fw.read(table, client="city", y="num", x="age")
    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize("value", ["1,234", "1,234.50", "1'234", "12%", "12.5 %", "0,5"])
def test_numbers_written_for_people_are_not_left_out(tmp_path, value):
    (tmp_path / "f.csv").write_text(f'who,a,b,y\np,"{value}",1,0\n')
    with pytest.raises(DataError, match=f"line 2: a holds .{value}.*, which is no number"):
        fw.read(tmp_path / "f.csv", client="who", y="y")


def test_dates_addresses_and_names_are_no_numbers(tmp_path, caplog):
    (tmp_path / "f.csv").write_text("who,a,b,c,d,y\np,2020-01-02,10.0.0.1,a1,1,0\n")
    assert fw.read(tmp_path / "f.csv", client="who", y="y").x.tolist() == [[1]]
    assert "left out: a, b, c;" in warnings_of(caplog)[0]


def test_suffixes_may_be_in_capitals_and_unread_files_are_named(tmp_path, caplog):
    (tmp_path / "north.CSV").write_text("a,y\n1,0\n")
    (tmp_path / "south.csv.GZ").write_bytes(gzip.compress(b"a,y\n2,0\n"))
    for number in range(7):
        (tmp_path / f"{number}.tsv").write_text("a\ty\n")
    assert fw.read(tmp_path, y="y").ids.tolist() == ["north", "south"]
    (warning,) = warnings_of(caplog)
    assert warning.endswith("not read: 0.tsv, 1.tsv, 2.tsv, 3.tsv, 4.tsv and 2 more")


def csv(text):
    return lambda folder: (folder / "f.csv").write_bytes(
        text if isinstance(text, bytes) else text.encode()
    )


def parquet(**columns):
    return lambda folder: pq.write_table(pa.table(columns), folder / "f.parquet")


def damaged(function):
    def write(folder):
        parquet(who=["a"], a=[1.0], y=[1])(folder)
        (folder / "f.parquet").write_bytes(function((folder / "f.parquet").read_bytes()))

    return write


def two(first, second):
    def write(folder):
        (folder / "f.csv").write_text(first)
        (folder / "g.csv").write_text(second)

    return write


HEAD = "who,a,y\n"
WRONG = {
    "empty": (csv(""), "f.csv: is empty"),
    "no rows": (csv(HEAD), "f.csv: has column names, but no rows"),
    "blank": (csv("\n\n"), "f.csv"),
    "missing value": (csv(HEAD + "p,1,0\np,,1\n"), "f.csv, line 3: a is missing; fill it in"),
    "nan": (csv(HEAD + "p,nan,0\n"), "f.csv, line 2: a is missing"),
    "infinite": (csv(HEAD + "p,1,0\np,inf,0\n"), "f.csv, line 3: a holds inf, which is no finite"),
    "large": (csv(HEAD + "p,1e40,0\n"), "f.csv, line 2: a holds 1e+40, which is no finite float32"),
    "text": (csv(HEAD + "p,1,0\np,one,1\n"), "f.csv, line 3: a holds 'one', which is no number"),
    "text label": (
        csv(HEAD + "p,1,sick\n"),
        "f.csv, line 2: y holds 'sick', which is no number; rep",
    ),
    "missing label": (csv(HEAD + "p,1,\n"), "f.csv, line 2: y is missing"),
    "large label": (
        csv(HEAD + "p,1,3000000000\n"),
        "f.csv, line 2: y holds 3000000000, which does",
    ),
    "missing client": (
        csv(HEAD + "p,1,0\n,1,0\n"),
        "f.csv, line 3: who is missing; give every row",
    ),
    "missing column": (csv("who,b,y\np,1,0\n"), "f.csv: has no column 'a'; its columns: who, b, y"),
    "no client column": (csv("a,y\n1,0\n"), "f.csv: has no column 'who'; its columns: a, y"),
    "no target": (csv("who,a\np,0\n"), "f.csv: has no column 'y'"),
    "two columns": (csv("who,a,a,y\np,1,1,0\n"), "f.csv: has two columns 'a'; rename one"),
    "ragged": (csv(HEAD + "p,1,0\np,1\n"), "f.csv, line 3: has 2 values, the first line has 3"),
    "ragged far down": (
        csv(HEAD + "p,1,0\n" * 200_000 + "p,1,0,4\n"),
        "f.csv, line 200002: has 4 v",
    ),
    "latin-1": (csv(HEAD.encode() + b"p,1,0\n\xe9,1,0\n"), "f.csv, line 3: is not UTF-8; save"),
    "latin-1 names": (csv(b"who,a,y,\xe9\np,1,0,1\n"), "f.csv, line 1: is not UTF-8"),
    "utf-16": (csv((HEAD + "p,1,0\n").encode("utf-16")), "f.csv, line 1: is not UTF-8"),
    "after lines": (csv('who,a,y,s\n\np,1,0,"u\nv"\n\np,,0,w\n'), "f.csv, line 6: a is missing"),
    "gzip": (
        csv(gzip.compress(b"who,a,y\np,1,0\n" * 99)[:-20]),
        "f.csv: cannot be decompressed (Comp",
    ),
    "parquet cut": (damaged(lambda b: b[:-100]), "f.parquet: cannot be read as Parquet ("),
    "parquet footer": (
        damaged(lambda b: b[:-30] + b"\xff" * 22 + b[-8:]),
        "f.parquet: cannot be r",
    ),
    "parquet magic": (damaged(lambda b: b"?" + b[1:]), "f.parquet: does not begin as a Parquet"),
    "parquet missing": (
        parquet(who=["p"] * 2, a=[1.0, None], y=[0, 1]),
        "f.parquet, row 1 (from 0)",
    ),
    "parquet nan": (
        parquet(who=["p"] * 2, a=[1.0, np.nan], y=[0, 1]),
        "row 1 (from 0): a holds nan",
    ),
    "parquet text": (
        parquet(who=["p"], a=["1"], y=[0]),
        "row 0 (from 0): a holds '1', which is no",
    ),
    "float ids": (
        parquet(who=[0.5], a=[1], y=[0]),
        "who is of type double; client ids must be text",
    ),
    "missing id": (parquet(who=["p", None], a=[1, 1], y=[0, 0]), "row 1 (from 0): who is missing"),
    "ragged lists": (
        parquet(who=["p"] * 2, a=[[1, 2], [3]], y=[0, 0]),
        "row 1 (from 0): a has 1 values, the first row has 2; pad or cut all rows to one length",
    ),
    "types of ids": (
        lambda folder: (csv(HEAD + "p,1,0\n")(folder), parquet(who=[1], a=[1.0], y=[0])(folder)),
        "who is text in some files and numbers in others",
    ),
    "types of labels": (
        two(HEAD + "p,1,0\n", HEAD + "p,1,0.5\n"),
        "g.csv: y is float32[] a row, in",
    ),
    "column of the second": (two(HEAD + "p,1,0\n", "who,b,y\np,1,0\n"), "g.csv: has no column 'a'"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_file_is_refused_by_place(fault, tmp_path):
    write, message = WRONG[fault]
    write(tmp_path)
    with pytest.raises(DataError) as error:
        fw.read(tmp_path, client="who", x="a" if "list" in fault else ["a"], y="y")
    assert message in str(error.value)
    assert str(error.value).startswith((str(tmp_path), "who is text"))


def test_a_flipped_bit_is_blamed_on_the_compression(tmp_path):
    rows = "".join(f"p,{number},0\n" for number in range(40))
    packed = gzip.compress((HEAD + rows).encode())
    padding = len(packed) - 9  # Before the checksum and the length, of 4 bytes each.
    for at in {*range(10, len(packed))} - {padding}:  # After the header, which is not checked.
        damaged = bytearray(packed)
        damaged[at] ^= 16
        (tmp_path / "f.csv.gz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"f.csv.gz: cannot be decompressed \("):
            fw.read(tmp_path / "f.csv.gz", client="who", y="y")


def test_columns_of_numbers_that_differ_between_files_are_refused(tmp_path):
    two("a,b,y\n1,2,0\n", "a,y\n1,0\n")(tmp_path)
    with pytest.raises(
        DataError, match=r"g.csv: has other columns of numbers .*\(they differ in b"
    ):
        fw.read(tmp_path, y="y")


def test_a_file_name_that_comes_twice_is_refused(tmp_path):
    for folder in ("1", "2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "north.csv").write_text("a,y\n1,0\n")
    files = sorted(tmp_path.rglob("*.csv"))
    with pytest.raises(DataError, match=r"2/north.csv: client 'north' is also in .*1/north.csv"):
        fw.read(files, y="y")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "y: name the column to learn; "),
        ({"y": "y", "x": []}, "x: expected the names of columns, given []"),
        ({"y": "y", "x": 3}, "x: expected the names of columns, given 3"),
        ({"y": "y", "x": ["a", "a"]}, "x: names 'a' twice; name each column once"),
        ({"y": "y", "x": ["a", "y"]}, "x: names 'y', which is also y; leave it out"),
        ({"y": "y", "x": ["a", "who"]}, "x: names 'who', which is also client; leave it out"),
        ({"y": "y", "examples": len}, "examples: give either examples, or x and y"),
        ({"y": "y", "split": "train"}, "split: does not apply to CSV and Parquet files"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, message):
    csv(HEAD + "p,1,0\n")(tmp_path)
    with pytest.raises(ParameterError) as error:
        fw.read(tmp_path / "f.csv", client="who", **options)
    assert message in str(error.value)


def test_text_alone_makes_no_features(tmp_path):
    csv("who,a,y\np,one,0\n")(tmp_path)
    with pytest.raises(FedwhyError, match="has no other columns of numbers; name the features"):
        fw.read(tmp_path / "f.csv", client="who", y="y")
