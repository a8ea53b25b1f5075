"""Hugging Face's `datasets`."""

import numpy as np
import pytest
from datasets import Array2D, ClassLabel, Dataset, DatasetDict, Features, Image, Sequence, Value
from PIL import Image as Pillow

import fedwhy as fw
from fedwhy.errors import DataError, FedwhyError

PIXELS = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
WHO = ["b", "a", "b", "a"]


@pytest.fixture
def rows():
    features = Features(
        {
            "who": Value("string"),
            "image": Image(),
            "matrix": Array2D((2, 3), "float32"),
            "tokens": Sequence(Value("int64")),
            "age": Value("int64"),
            "text": Value("string"),
            "label": ClassLabel(names=["no", "yes", "maybe"]),
        }
    )
    columns = {
        "who": WHO,
        "image": [Pillow.fromarray(pixels) for pixels in PIXELS],
        "matrix": PIXELS.astype(np.float32),
        "tokens": [[i, i + 1] for i in range(4)],
        "age": [10, 20, 30, 40],
        "text": ["to", "be", "or", "not"],
        "label": [0, 1, 2, 1],
    }
    return Dataset.from_dict(columns, features=features)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ("image", PIXELS[..., None]),
        ("matrix", PIXELS.astype(np.float32)),
        ("tokens", np.array([[i, i + 1] for i in range(4)], np.int32)),
        (["age"], np.array([[10], [20], [30], [40]], np.float32)),
        (None, np.array([[10], [20], [30], [40]], np.float32)),
    ],
)
def test_columns_are_grouped_by_client(rows, x, expected):
    data = fw.read(rows, client="who", x=x, y="label", name="rows")
    assert data.ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(data.x, expected[[1, 3, 0, 2]])
    assert data.x.dtype == expected.dtype
    assert (data.y.tolist(), data.classes, data.name) == ([1, 1, 0, 2], 3, "rows")


def test_rows_that_were_selected_shuffled_or_formatted_are_those_that_count(rows):
    chosen = rows.select([3, 0, 2]).with_format("torch" if False else "numpy", columns=["text"])
    data = fw.read(chosen, client="who", x="age", y="label")
    assert data.client("b").x.tolist() == [[10], [30]]


def test_a_split_is_chosen(rows):
    parts = DatasetDict({"train": rows, "test": rows.select([0])})
    assert fw.read(parts, split="test", client="who", x="age", y="label").clients == 1
    with pytest.raises(FedwhyError, match="split: given 'dev'; the splits are: train, test"):
        fw.read(parts, split="dev", client="who", x="age", y="label")


def test_the_users_function_gets_columns(rows, tmp_path):
    def made(columns):
        assert columns["image"].dtype == np.uint8
        return np.array([len(text) for text in columns["text"]]), columns["label"]

    data = fw.read(rows, client="who", examples=made, into=tmp_path / "set")
    assert data.x.tolist() == [2, 3, 2, 2]


WRONG = {
    "no client": (
        {},
        "client: name the column that holds the clients; data has who, image, matrix",
    ),
    "client": ({"client": "whom"}, "data: has no column 'whom'; its columns: who"),
    "text": (
        {"client": "who", "x": "text"},
        "data, row 0 (from 0): text holds 'to', which is no n",
    ),
    "y": ({"client": "who", "y": None}, "y: name the column to learn; data has who"),
    "split": ({"client": "who", "split": "train"}, "split: does not apply to a Dataset"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_columns_are_refused(rows, fault):
    options, message = WRONG[fault]
    with pytest.raises(FedwhyError) as error:
        fw.read(rows, **({"x": "age", "y": "label"} | options))
    assert message in str(error.value)


def test_what_has_no_table_is_refused(rows):
    with pytest.raises(DataError, match="a IterableDataset has no table to read; load the dataset"):
        fw.read(rows.to_iterable_dataset(), client="who")
    with pytest.raises(DataError, match="data: has no rows"):
        fw.read(rows.select([]), client="who")


def test_images_of_other_sizes_are_refused_by_row(rows):
    images = [Pillow.fromarray(PIXELS[0]), Pillow.fromarray(PIXELS[0, :1])]
    mixed = Dataset.from_dict({"who": ["a", "a"], "image": images, "label": [0, 1]})
    with pytest.raises(DataError, match=r"row 1 \(from 0\), image: is 3 x 1 pixels"):
        fw.read(mixed.cast_column("image", Image()), client="who", x="image", y="label")
