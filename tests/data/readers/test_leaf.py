"""LEAF's JSON files."""

import json

import numpy as np
import pytest

import fedwhy as fw
from fedwhy.data.readers.leaf import leaf_clients
from fedwhy.errors import DataError

ANN = {"x": [[0.0, 1.5], [2, 3]], "y": [1, 0]}
BOB = {"x": [[4.0, 5.0]], "y": [2]}
SAID = {"x": ["to be", "or not"], "y": ["o", "t"]}


def leaf(data, /, **changes):
    counts = [len(columns["y"]) for columns in data.values()]
    return {"users": list(data), "num_samples": counts, "user_data": data} | changes


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_users_of_a_file_become_clients(tmp_path):
    content = leaf({"bob": BOB, "ann": ANN}, hierarchies=[["w"], ["w"]])
    data = fw.read(write(tmp_path / "niid.json", content), classes=3)
    assert (data.ids.tolist(), data.name, data.classes) == (["bob", "ann"], "niid", 3)
    assert data.x.tolist() == [[4, 5], [0, 1.5], [2, 3]]
    assert data.y.tolist() == [2, 1, 0]
    assert (data.x.dtype, data.y.dtype) == (np.float32, np.int32)


def test_a_folder_of_files_is_one_dataset(tmp_path):
    files = [write(tmp_path / "1.json", leaf({"bob": BOB})), write(tmp_path / "0.json", leaf({}))]
    write(tmp_path / "2.json", leaf({"ann": ANN}))
    assert fw.read(tmp_path).ids.tolist() == ["bob", "ann"]
    assert fw.read(files).ids.tolist() == ["bob"]


def test_text_is_made_numbers_by_the_users_function(tmp_path):
    def letters(columns):
        x = np.array([[ord(letter) for letter in text[:5]] for text in columns["x"]])
        return x, np.array([ord(letter) for letter in columns["y"]])

    data = fw.read(write(tmp_path / "text.json", leaf({"a": SAID})), examples=letters)
    assert bytes(data.x[1]).replace(b"\0", b"") == b"or no"
    assert data.y.tolist() == list(b"ot")


@pytest.mark.parametrize(
    ("field", "values", "dtype"),
    [
        ("x", [[1, 2], [3, 4]], np.float32),
        ("y", [True, False], np.int32),
        ("y", [1, 2.5], np.float32),
        ("y", [2**40, 1], np.int64),
        ("y", [2**80, 1], object),
        ("x", [[1], [1, 2]], object),
        ("x", ["ab", 1], object),
        ("x", [None, 1], object),
        ("x", [["a", "b"], ["c", "d"]], object),
    ],
)
def test_columns_have_the_type_of_their_values(tmp_path, field, values, dtype):
    users = {"a": {"x": [0, 0], "y": [0, 0]} | {field: values}}
    ((_, columns),) = leaf_clients([write(tmp_path / "f.json", leaf(users))])
    assert columns[field].dtype == dtype
    assert columns[field].tolist() == values


WRONG = {
    "empty": ("", "is empty"),
    "cut": (json.dumps(leaf({"a": ANN}))[:-5], "is no readable JSON file (Expecting"),
    "no object": ("[]", "holds a list; expected an object"),
    "nested": ("[" * 100_000, "is no readable JSON file (maximum recursion depth"),
    "long number": (
        '{"users": [' + "9" * 5000 + "]}",
        "is no readable JSON file (Exceeds the limit",
    ),
    "no users": (leaf({"a": ANN}, users=1), "has no list 'users'; LEAF's files have users, num_s"),
    "no user_data": ({"users": [], "num_samples": []}, "has no dict 'user_data'"),
    "counts": (leaf({"a": ANN}, num_samples=[]), "has 1 users, but 0 num_samples"),
    "count": (leaf({"a": ANN}, num_samples=[3]), "user 'a': 'x' has 2 examples, num_samples tells"),
    "missing": (leaf({"a": ANN}, users=["b"]), "user 'b' has no object in user_data"),
    "stray": (leaf({"a": ANN, "b": BOB}, users=["b"], num_samples=[1]), "user 'a' of user_data is"),
    "repeated": (
        leaf({"a": ANN}, users=["a", "a"], num_samples=[2, 2]),
        "user 'a' is also in {path}; give each once",
    ),
    "key twice": (
        json.dumps(leaf({"a": ANN, "b": BOB})).replace('"b"', '"a"'),
        "key 'a' is given twice in one object",
    ),
    "user is a number": (leaf({"a": ANN}, users=[1]), "user 1 has no object in user_data"),
    "no x": (leaf({"a": {"y": [1]}}), "user 'a': has no list 'x'"),
    "text": (leaf({"a": SAID}), "client 'a': x holds no numbers but values such as 'to be'"),
    "ragged": (leaf({"a": ANN | {"x": [[1], [1, 2]]}}), "values such as [1]; make numbers of them"),
    "no examples": (leaf({"a": {"x": [], "y": []}}), "client 'a' holds no examples"),
    "shapes": (leaf({"a": ANN, "b": BOB | {"x": [[1.0]]}}), "client 'b': x is float32[1] an exam"),
    "large": (
        leaf({"a": ANN | {"x": [[0, 1], [0, 1e39]]}}),
        "user 'a', example 1: x holds 1e+39, which is no finite float32 number",
    ),
    "too large": (
        json.dumps(leaf({"a": ANN})).replace("1.5", "1e999"),
        "user 'a', example 0: x holds inf, which is no finite",
    ),
    "nan": (leaf({"a": ANN | {"x": [[0, np.nan]] * 2}}), "NaN is no number of JSON; repair it"),
    "infinity": (leaf({"a": ANN | {"y": [0, -np.inf]}}), "-Infinity is no number of JSON"),
    "no one": (leaf({}), "has no clients; give at least one"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_file_is_refused_by_place(fault, tmp_path):
    content, message = WRONG[fault]
    path = write(tmp_path / "part.json", content)
    with pytest.raises(DataError) as error:
        fw.read(path)
    assert str(error.value).startswith(str(path))
    assert message.format(path=path) in str(error.value)


def test_text_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "part.json"
    path.write_bytes(json.dumps(leaf({"\xe9": ANN}), ensure_ascii=False).encode("latin-1"))
    with pytest.raises(DataError, match="codec can't decode byte 0xe9"):
        fw.read(path)


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "f.json").write_text(json.dumps(leaf({"ann": ANN})), encoding="utf-8-sig")
    assert fw.read(tmp_path / "f.json").ids.tolist() == ["ann"]


def test_a_user_in_two_files_is_refused(tmp_path):
    for name in ("0.json", "1.json"):
        write(tmp_path / name, leaf({"ann": ANN}))
    with pytest.raises(DataError, match=r"1.json: user 'ann' is also in .*0.json; give each once"):
        fw.read(tmp_path)


def test_options_that_do_not_apply_are_refused(tmp_path):
    with pytest.raises(fw.FedwhyError, match="client: does not apply to files of LEAF"):
        fw.read(write(tmp_path / "part.json", leaf({"a": ANN})), client="users")
