"""A folder for every client."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import fedwhy as fw
from fedwhy.errors import DataError, ParameterError

X = np.arange(12, dtype=np.float32).reshape(3, 4)


def write_arrays(folder, x=X, y=(0, 1, 2)):
    folder.mkdir(parents=True)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", np.array(y))


def write_image(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def grey(value, height=2, width=3):
    return np.full((height, width), value, np.uint8)


def test_arrays_are_joined(tmp_path):
    write_arrays(tmp_path / "set" / "b")
    write_arrays(tmp_path / "set" / "a", np.asfortranarray(-X), [2, 1, 0])
    (tmp_path / "set" / ".hidden").mkdir()
    data = fw.read(tmp_path / "set", into=tmp_path / "kept")
    assert (data.ids.tolist(), data.name) == (["a", "b"], "set")
    np.testing.assert_array_equal(data.x, np.concatenate([-X, X]))
    assert data.y.tolist() == [2, 1, 0, 0, 1, 2]


def test_other_files_beside_arrays_are_named(tmp_path, caplog):
    write_arrays(tmp_path / "a")
    (tmp_path / "a" / "z.npy").write_bytes(b"")
    (tmp_path / "note").write_text("")
    fw.read(tmp_path)
    assert caplog.messages == [f"{tmp_path}: files that are not read: note, a/z.npy"]


def test_tables_are_joined(tmp_path):
    for name in ("a/1.csv", "a/2.csv", "b/1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"u,v,y\n{len(name)},{name[2]},1\n")
    data = fw.read(tmp_path, y="y", x=["v", "u"])
    assert (data.ids.tolist(), data.sizes.tolist()) == (["a", "b"], [2, 1])
    assert data.x.tolist() == [[1, 7], [2, 7], [1, 7]]


def test_images_have_the_class_of_their_folder(tmp_path, caplog):
    write_image(tmp_path / "ann" / "dog" / "1.png", grey(1))
    write_image(tmp_path / "ann" / "cat" / "9.PNG", grey(2))
    write_image(tmp_path / "ann" / "cat" / "8.png", grey(3))
    write_image(tmp_path / "bob" / "dog" / "7.png", grey(4))
    (tmp_path / "ann" / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "bob" / "eel").mkdir()
    write_image(tmp_path / "bob" / "stray.png", grey(5))
    data = fw.read(tmp_path)
    assert caplog.messages == [
        f"{tmp_path}: files that are not read: ann/dog/notes.txt, bob/stray.png"
    ]
    assert data.ids.tolist() == ["ann", "bob"]
    assert data.x[:, 0, 0, 0].tolist() == [3, 2, 1, 4]
    assert (data.x.shape, data.x.dtype) == ((4, 2, 3, 1), np.uint8)
    assert (data.y.tolist(), data.classes) == ([0, 0, 1, 1], 3)


def test_class_folders_with_numbers_keep_them(tmp_path):
    for label in (10, 9, 2):
        write_image(tmp_path / "ann" / f"{label}" / "1.png", grey(label))
    data = fw.read(tmp_path)
    assert (sorted(data.y.tolist()), data.classes) == ([2, 9, 10], 11)
    assert data.x[:, 0, 0, 0].tolist() == data.y.tolist()


@pytest.mark.parametrize(
    ("pixels", "suffix", "shape", "dtype"),
    [
        (np.full((2, 3, 3), 9, np.uint8), "png", (2, 3, 3), np.uint8),
        (np.full((2, 3, 3), 9, np.uint8), "jpg", (2, 3, 3), np.uint8),
        (np.full((2, 3, 4), 9, np.uint8), "png", (2, 3, 3), np.uint8),  # transparency
        (np.full((2, 3), 900, np.uint16), "png", (2, 3, 1), np.uint16),
        (np.array([[True, False]]), "png", (1, 2, 1), np.uint8),
    ],
)
def test_images_of_other_kinds(tmp_path, pixels, suffix, shape, dtype):
    write_image(tmp_path / "a" / "b" / f"1.{suffix}", pixels)
    x = fw.read(tmp_path).x
    assert (x.shape[1:], x.dtype) == (shape, dtype)
    assert x.max() == (255 if pixels.dtype == bool else pixels.max())


def tiff(pixels):
    file = BytesIO()
    Image.fromarray(pixels).save(file, "tiff")
    return file.getvalue()


def two_images(second, name="b/b/2.png"):
    def write(root):
        write_image(root / "a" / "b" / "1.png", grey(1))
        if isinstance(second, bytes):
            (root / name).parent.mkdir(parents=True)
            (root / name).write_bytes(second)
        else:
            write_image(root / name, second)

    return write


def two_folders(second):
    def write(root):
        write_arrays(root / "a")
        second(root / "b")

    return write


WRONG = {
    "empty client": (
        two_folders(lambda f: f.mkdir()),
        "{root}/b: holds nothing that can be read; e",
    ),
    "another kind": (
        two_folders(lambda f: write_image(f / "c" / "1.png", grey(0))),
        "{root}/b: holds images, {root}/a arrays; build all alike",
    ),
    "two kinds": (
        two_folders(lambda f: (write_arrays(f), (f / "t.csv").write_text("a,y\n1,1\n"))),
        "{root}/b: holds arrays and tables; expected either x.npy",
    ),
    "lengths": (
        two_folders(lambda f: write_arrays(f, X[:2])),
        "{root}: client 'b': x has 2 examples and y has 3",
    ),
    "shapes": (
        two_folders(lambda f: write_arrays(f, X[:, 1:])),
        "{root}: client 'b': x is float32[3] an example, the first client's is float32[4]",
    ),
    "damaged array": (
        two_folders(lambda f: (write_arrays(f), (f / "y.npy").write_bytes(b"?"))),
        "{root}/b/y.npy: is no readable .npy file",
    ),
    "objects": (
        two_folders(lambda f: write_arrays(f, np.array([None] * 3))),
        "{root}/b/x.npy: holds object values; expected numbers, encode them first",
    ),
    "single value": (
        two_folders(lambda f: write_arrays(f, np.array(1.0), np.array(1))),
        "{root}: client 'b': x is a single value; expected an array",
    ),
    "size": (
        two_images(grey(1, 5, 4)),
        "{root}/b/b/2.png: is 4 x 5 pixels, grey with 8 bits, the first image 3 x 2 pixels, grey w",
    ),
    "colour": (two_images(np.zeros((2, 3, 3), np.uint8)), "is 3 x 2 pixels, in colour, the first"),
    "no image": (two_images(b"GIF?"), "{root}/b/b/2.png: is no readable image (cannot identify"),
    "image cut": (
        lambda root: (two_images(grey(1, 99, 99))(root), cut(root / "b" / "b" / "2.png")),
        "{root}/b/b/2.png: is no readable image (",
    ),
    "no images": (two_images(b"", "b/b/note.txt"), "{root}/b: its class folders hold no .png or"),
    "32 bits": (two_images(tiff(np.zeros((2, 3), np.int32))), "has values of 32 bits; save it wit"),
}


def cut(path):
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_folder_is_refused_by_name(fault, tmp_path):
    write, message = WRONG[fault]
    write(tmp_path)
    with pytest.raises(DataError) as error:
        fw.read(tmp_path)
    assert message.format(root=tmp_path) in str(error.value)
    assert str(error.value).startswith(str(tmp_path))


def test_options_for_tables_do_not_apply_to_arrays(tmp_path):
    write_arrays(tmp_path / "a")
    with pytest.raises(ParameterError, match="y: does not apply to arrays; leave it out"):
        fw.read(tmp_path, y="y")
