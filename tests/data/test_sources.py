"""Named datasets: real ones where their files are at hand, else tiny ones in the genuine format."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
from typing import Any

import h5py
import numpy as np
import pytest
import sklearn.datasets

from fedwhy.data import SOURCES, Dataset, FederatedDataset, check_values, load
from fedwhy.data.sources import images, shakespeare, stackoverflow, writers
from fedwhy.data.sources.files import File, digest
from fedwhy.errors import DataError, ParameterError

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def real(monkeypatch, shared_data):
    monkeypatch.setenv("FEDWHY_DATA_DIR", str(shared_data))


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Puts a file into the user's data folder, and describes it as its publisher would."""
    monkeypatch.setenv("FEDWHY_DATA_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("FEDWHY_CACHE_DIR", str(tmp_path / "cache"))

    def write(path, content):
        place = tmp_path / "own" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return File(path, f"md5:{digest(place, 'md5', False)}")

    return write


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def tar(kind, members):
    packed = io.BytesIO()
    mode: Any = f"w:{kind}"
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def tff(clients):
    """TFF's HDF5: `examples/<client>/<field>`."""
    packed = io.BytesIO()
    with h5py.File(packed, "w") as file:
        for client, fields in clients.items():
            for name, values in fields.items():
                file[f"examples/{client}/{name}"] = values
    return packed.getvalue()


def test_digits_are_those_of_scikit_learn(digits):
    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    x = np.concatenate([digits.train.x, digits.test.x]).reshape(-1, 64) * 16
    y = np.concatenate([digits.train.y, digits.test.y])
    ours, theirs = (np.column_stack(pair) for pair in ((x, y), (images, labels)))
    assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_digits_have_the_described_types_and_shapes(digits):
    for part, examples in ((digits.train, 1437), (digits.test, 360)):
        assert part.x.shape == (examples, *SOURCES["digits"].shape)
        assert (part.x.dtype, part.y.dtype) == (np.float32, np.int32)
        assert (part.x.min(), part.x.max()) == (0, 1)
        assert (part.name, part.classes) == ("digits", 10)
        check_values(part)


def test_split_is_stratified_and_fixed(digits):
    counts = np.bincount(digits.train.y), np.bincount(digits.test.y)
    assert abs(counts[0] / 1437 - counts[1] / 360).max() < 1 / 360
    assert np.array_equal(load("digits").train.x, digits.train.x)


def test_heart_disease_has_flamby_s_patients():
    source = load("heart-disease")
    assert source.train.ids.tolist() == ["cleveland", "hungarian", "switzerland", "va"]
    assert (source.train.sizes + source.test.sizes).tolist() == [303, 261, 46, 130]
    # Table 1 of the appendix of Ogier du Terrail et al. 2022.
    assert source.train.sizes.tolist() == [199, 172, 30, 85]
    assert source.test.sizes.tolist() == [104, 89, 16, 45]
    for part in source:
        assert (part.x.dtype, part.x.shape[1:]) == (np.float32, (13,))
        check_values(part)


def test_first_patient_of_heart_disease_is_as_in_the_file():
    from fedwhy.data.sources.heart_disease import FOLDER, patients

    x, y = patients(FOLDER / "processed.cleveland.data")
    expected = [63, 1, 145, 233, 1, 150, 0, 2.3, 0, 0, 0, 0, 1]  # Chest pain 1, restecg 2.
    np.testing.assert_allclose(x[0], expected, rtol=1e-6)
    assert (y[0], y[:303].sum()) == (0, 139)


def test_mnist_is_read_whole(real):
    source = load("mnist")
    assert source.train.x.shape == (60000, 28, 28, 1)
    assert source.test.x.shape == (10000, 28, 28, 1)
    # Label counts as LeCun's page and every paper give them.
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(source.train.y).tolist() == counts
    assert source.train.x.mean() == pytest.approx(0.1307, abs=5e-5)
    assert (source.train.x.dtype, source.train.x.max()) == (np.float32, 1)


def test_fashion_mnist_is_read_from_idx_files(publish):
    pixels = RANDOM.integers(0, 256, (5, 28, 28), np.uint8)
    labels = np.arange(5, dtype=np.uint8)
    contents = [gzip.compress(idx(a)) for a in (pixels, labels, pixels[:2], labels[:2])]
    files = tuple(
        publish(file.path, content)
        for file, content in zip(images.FASHION_MNIST, contents, strict=True)
    )
    source = images.read_mnist("fashion-mnist", files)
    np.testing.assert_allclose(source.train.x[..., 0], pixels / 255, rtol=1e-6)
    assert source.test.y.tolist() == [0, 1]


def test_images_without_as_many_labels_are_an_error(publish):
    pixels, labels = np.zeros((5, 28, 28), np.uint8), np.zeros(4, np.uint8)
    files = tuple(
        publish(f"set/{number}", idx(array)) for number, array in enumerate([pixels, labels] * 2)
    )
    with pytest.raises(DataError, match=r"set/0: holds \[5, 28, 28\] values for the \[4\] of"):
        images.read_mnist("mnist", files)


def test_emnist_stands_upright(publish, monkeypatch):
    upright = np.zeros((1, 28, 28), np.uint8)
    upright[0, 3, 20] = 255
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for part in ("train", "test"):
            stem = f"gzip/emnist-byclass-{part}"
            stored = gzip.compress(idx(upright.transpose(0, 2, 1)))
            archive.writestr(f"{stem}-images-idx3-ubyte.gz", stored)
            archive.writestr(
                f"{stem}-labels-idx1-ubyte.gz", gzip.compress(idx(np.array([61], np.uint8)))
            )
    monkeypatch.setattr(images, "EMNIST", publish("emnist/gzip.zip", packed.getvalue()))
    source = load("emnist")
    assert source.train.x[0, 3, 20, 0] == 1 == source.train.x.sum()
    assert (source.test.y.tolist(), source.test.classes) == ([61], 62)


@pytest.mark.parametrize(("name", "labels"), [("cifar10", 1), ("cifar100", 2)])
def test_cifar_is_read_from_its_binary_version(publish, name, labels):
    pixels = RANDOM.integers(0, 256, (2, 3, 32, 32), np.uint8)
    record = np.concatenate(
        [np.array([[9] * (labels - 1) + [3]] * 2, np.uint8), pixels.reshape(2, -1)], 1
    )
    reader = {"cifar10": images.read_cifar10, "cifar100": images.read_cifar100}[name]
    _, archive, members = reader.args
    contents = {file: record.tobytes() for files in members for file in files}
    published = publish(archive.path, tar("gz", contents))
    source = images.read_cifar(name, published, members)
    assert source.train.x.shape == (2 * len(members[0]), 32, 32, 3)
    np.testing.assert_allclose(source.test.x, pixels.transpose(0, 2, 3, 1) / 255, rtol=1e-6)
    assert set(source.train.y.tolist()) == {3}


def test_cut_cifar_file_is_an_error(publish):
    archive = publish("cifar10/pack.tar.gz", tar("gz", {"a.bin": bytes(3072)}))
    with pytest.raises(DataError, match=r"a.bin: has 3072 bytes, expected a multiple of 3073"):
        images.read_cifar("cifar10", archive, (("a.bin",), ("a.bin",)))


def test_emnist_by_writer_is_tff_s(publish, monkeypatch):
    pixels = RANDOM.random((3, 28, 28), np.float32)
    clients = {
        "f0000_14": {"pixels": pixels, "label": np.array([1, 2, 61], np.int32)},
        "f0001_41": {"pixels": pixels[:1], "label": np.array([0], np.int32)},
    }
    members = {f"fed_emnist_{part}.h5": tff(clients) for part in ("train", "test")}
    monkeypatch.setattr(writers, "EMNIST", publish("emnist/fed.tar.bz2", tar("bz2", members)))
    source = load("emnist", by="writer")
    assert isinstance(source.train, FederatedDataset)
    assert source.train.client("f0000_14").y.tolist() == [1, 2, 61]
    np.testing.assert_array_equal(source.test.client("f0001_41").x[..., 0], pixels[:1])


def test_cifar100_by_pachinko_is_tff_s(publish, monkeypatch):
    image = RANDOM.integers(0, 256, (2, 32, 32, 3), np.uint8)
    fields = {
        "image": image,
        "label": np.array([5, 99], np.int64),
        "coarse_label": np.array([1, 2], np.int64),
    }
    members = {f"fed_cifar100_{part}.h5": tff({"0": fields}) for part in ("train", "test")}
    monkeypatch.setattr(writers, "CIFAR100", publish("cifar100/fed.tar.bz2", tar("bz2", members)))
    source = load("cifar100", by="pachinko")
    np.testing.assert_allclose(source.train.x, image / 255, rtol=1e-6)
    assert source.train.y.tolist() == [5, 99]


def test_tff_file_with_another_field_is_an_error(publish, monkeypatch):
    members = {"fed_emnist_train.h5": tff({"a": {"image": np.zeros((1, 28, 28))}})}
    monkeypatch.setattr(writers, "EMNIST", publish("emnist/fed.tar.bz2", tar("bz2", members)))
    with pytest.raises(DataError, match=r"fed_emnist_train.h5: client 'a' has no pixels"):
        load("emnist", by="writer")


def test_femnist_is_leaf_s(publish):
    data = {"x": [[0.5] * 784, [1.0] * 784], "y": [3, 61]}
    leaf = {"users": ["f1"], "num_samples": [2], "user_data": {"f1": data}}
    for part in ("train", "test"):
        publish(f"femnist/{part}/all_data_0.json", json.dumps(leaf).encode())
    source = load("femnist")
    assert source.train.x.shape == (2, 28, 28, 1)
    assert source.test.client("f1").y.tolist() == [3, 61]


INK, LABEL = np.ones((1, 28, 28), np.float32), np.array([3])


@pytest.mark.parametrize(
    ("pixels", "label", "message"),
    [
        (INK.astype(np.uint8), LABEL, "pixels holds uint8 values, expected floats in 0..1"),
        (INK * 255, LABEL, "pixels holds 255.0, expected floats in 0..1"),
        (INK[0], LABEL, r"pixels is \[28, 28\], expected \[n, 28, 28\]"),
        (INK, np.array([b"a"], "S1"), "label of example 0 is of type .S1, expected whole numbers"),
        (INK, np.array([1.7]), "label of example 0 is 1.7, expected a whole number"),
        (INK, np.array([np.nan]), "label of example 0 is nan, expected a whole number"),
        (INK, np.float32(3), r"label is \[\], expected \[n\]"),
    ],
)
def test_writer_with_other_values_is_an_error(publish, monkeypatch, pixels, label, message):
    members = {"fed_emnist_train.h5": tff({"a": {"pixels": pixels, "label": label}})}
    monkeypatch.setattr(writers, "EMNIST", publish("emnist/fed.tar.bz2", tar("bz2", members)))
    with pytest.raises(DataError, match=f"fed_emnist_train.h5: client 'a': {message}"):
        load("emnist", by="writer")


@pytest.mark.parametrize(
    ("label", "message"),
    [("a", "is of type object"), (None, "is of type object"), (1.5, "is 1.5")],
)
def test_femnist_with_other_labels_is_an_error(publish, label, message):
    leaf = {"users": ["f1"], "num_samples": [1]}
    leaf["user_data"] = {"f1": {"x": [[0.5] * 784], "y": [label]}}
    publish("femnist/train/all_data_0.json", json.dumps(leaf).encode())
    with pytest.raises(DataError, match=f"train: client 'f1': y of example 0 {message}, expected"):
        load("femnist")


def test_femnist_says_how_its_files_are_made(publish):
    with pytest.raises(DataError, match=r"no femnist/train/\*.json in .*own or .*preprocess.sh"):
        load("femnist")


def test_shakespeare_has_tff_s_roles(real):
    source = load("shakespeare")
    assert source.train.clients == 715
    assert source.train.x.shape[1:] == source.train.y.shape[1:] == (80,)
    starts = (source.train.x == shakespeare.BEGIN).sum(), (source.test.x == shakespeare.BEGIN).sum()
    # Every snippet begins a sequence of its own.
    assert starts == (16_068, 2_356)
    check_values(source.train)


@pytest.mark.parametrize(
    ("snippets", "message"),
    [
        (np.array([], object).astype(h5py.string_dtype()), "has an empty list of snippets"),
        (np.array([1, 2]), r": snippets are no list of texts, but array\(\[1, 2"),
        (b"to be", ": snippets are no list of texts, but b'to be'"),
    ],
)
def test_role_without_texts_is_an_error(publish, monkeypatch, snippets, message):
    content = tff({"HAMLET": {"snippets": snippets}})
    monkeypatch.setitem(shakespeare.UNPACKED, "train", publish("set/plays.h5", content))
    with pytest.raises(DataError, match=f"plays.h5: client 'HAMLET' ?{message}"):
        load("shakespeare")


def test_characters_follow_one_another_and_are_padded():
    text = b"ad" + b"h" * 100 + b"\xff"
    x, y = shakespeare.sequences([text, b"l"])
    assert x.shape == (3, 80)
    assert (x[:, 1:] == y[:, :-1]).all()
    d = 1 + shakespeare.CHARACTERS.index(b"d")
    assert (x[0, 0], x[0, 2]) == (shakespeare.BEGIN, d)
    inputs = [*x[1], y[1, -1]]
    at = inputs.index(shakespeare.UNKNOWN)
    assert inputs[at + 1] == shakespeare.END and not any(inputs[at + 2 :])
    # The vocabulary has 86 characters; with padding, unknown, begin and end there are 90 classes.
    assert shakespeare.CLASSES == 90


def test_speakers_of_the_plain_text_keep_their_last_fifth_for_testing(real):
    source = load("shakespeare", by="speaker")
    assert {"GLOUCESTER", "ROMEO", "First Citizen"} <= set(source.train.ids.tolist())
    assert source.train.ids.tolist() == source.test.ids.tolist()
    said = [(part.client("ROMEO").x == shakespeare.BEGIN).sum() for part in source]
    assert said[1] == -(-sum(said) // 5)


def test_text_without_a_speaker_names_the_line(tmp_path):
    (tmp_path / "text").write_text("A:\nOne.\nTwo.\n\nno speaker here\n")
    with pytest.raises(DataError, match=r"text, line 5: expected a speaker"):
        list(shakespeare.speeches(tmp_path / "text"))


def test_stackoverflow_is_streamed_into_memory_mapped_arrays(publish, monkeypatch):
    monkeypatch.setattr(stackoverflow, "WORDS", 3)
    counts = b"the 9\nto 8\na 7\nof 6\n"
    monkeypatch.setattr(
        stackoverflow,
        "COUNTS",
        publish("so/c.tar.bz2", tar("bz2", {"stackoverflow.word_count": counts})),
    )
    tokens = np.array([b"the way to go", b"a " * 30 + b"a"], h5py.string_dtype("utf-8"))
    users = {"7": {"tokens": tokens}}
    members = {f"stackoverflow_{part}.h5": tff(users) for part in ("train", "test")}
    monkeypatch.setattr(stackoverflow, "POSTS", publish("so/p.tar.bz2", tar("bz2", members)))
    first, again = load("stackoverflow"), load("stackoverflow")
    unknown, begin, end = (stackoverflow.UNKNOWN, stackoverflow.BEGIN, stackoverflow.END)
    assert first.train.x[0, :6].tolist() == [begin, 1, unknown, 2, unknown, end]
    assert (first.train.x[1, 1:] == 3).all() and (first.train.y[1] == 3).all()
    np.testing.assert_array_equal(again.train.x, first.train.x)
    assert isinstance(again.train.x.base, np.memmap) or isinstance(again.train.x, np.memmap)


def test_every_source_is_described():
    for name, entry in SOURCES.items():
        assert entry.licence and entry.citation and entry.summary.endswith("."), name
        for way in entry.variants.values():
            for file in way.files:
                algorithm, value = file.digest.split(":")
                assert len(value) == {"md5": 32, "sha256": 64}[algorithm], name


def test_resize_keeps_range_and_labels(digits):
    large = load("digits", resize=(16, 12))
    assert large.train.x.shape == (1437, 16, 12, 1)
    assert large.train.x.dtype == np.float32
    assert 0 <= large.train.x.min() <= large.train.x.max() <= 1
    assert np.array_equal(large.train.y, digits.train.y)
    assert np.allclose(load("digits", resize=(8, 8)).test.x, digits.test.x)
    means = (part.x.mean(axis=(1, 2, 3)) for part in (large.test, digits.test))
    assert np.allclose(*means, atol=0.05)


@pytest.mark.parametrize("resize", [(0, 8), (8,), 16, (8.0, 8), "8x8"])
def test_impossible_size_is_refused(resize):
    with pytest.raises(ParameterError, match="resize: expected"):
        load("digits", resize=resize)


def test_resizing_what_is_no_image_is_refused():
    with pytest.raises(ParameterError, match="heart-disease holds no images"):
        load("heart-disease", resize=(8, 8))


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ParameterError, match="unknown value 'digit'; did you mean \"digits\""):
        load("digit")


def test_unknown_clients_are_refused_with_the_known():
    with pytest.raises(ParameterError, match="emnist cannot be read by 'writers'; did you mean"):
        load("emnist", by="writers")
    with pytest.raises(ParameterError, match="digits cannot be read by 'x'; it has no natural"):
        load("digits", by="x")


def test_central_sources_are_datasets_and_others_have_clients(digits):
    assert isinstance(digits.train, Dataset)
    assert isinstance(load("heart-disease").test, FederatedDataset)
