"""`read` knows what it is given."""

import pytest

import fedwhy as fw
from fedwhy.data.readers.extras import use
from fedwhy.errors import DataError, FedwhyError, ParameterError


def write(content, name="f.bin"):
    return lambda folder: (folder / name).write_bytes(content)


UNKNOWN = {
    "bytes": (
        "f.bin",
        write(b"\x93ABC..."),
        "{path}: begins with the bytes 93 41 42 43 2e 2e 2e; ex",
    ),
    "compressed": (
        "f.bin",
        write(b"\xfd7zXZ\0rest"),
        "{path}: begins with .*; decompress it first",
    ),
    "empty": ("f.bin", write(b""), "{path}: is empty"),
    "wrong name": (
        "f.h5",
        write(b"a,b\n1,2\n", "f.h5"),
        "{path}: begins with .*; expected CSV, Parq",
    ),
    "missing": ("f.csv", lambda folder: None, "{path}: cannot be read .*No such file or directory"),
    "empty folder": (
        ".",
        lambda folder: None,
        "{path}: holds nothing that can be read; expected ei",
    ),
    "unknown folder": (".", write(b"", "note.txt"), "{path}: holds nothing that can be read"),
    "both": (
        ".",
        lambda folder: ((folder / "a").mkdir(), write(b"a,y\n1,0\n", "f.csv")(folder)),
        "{path}: holds folders of clients and CSV and Parquet files; expected either",
    ),
}


@pytest.mark.parametrize("fault", UNKNOWN)
def test_what_is_not_known_is_refused(fault, tmp_path):
    name, write_it, message = UNKNOWN[fault]
    write_it(tmp_path)
    with pytest.raises(DataError, match=message.format(path=tmp_path / name)):
        fw.read(tmp_path / name)


def test_a_list_holds_files_of_one_kind(tmp_path):
    (tmp_path / "a.csv").write_text("u,y\n1,0\n")
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(DataError, match="b.json: a list may hold only CSV and Par"):
        fw.read([tmp_path / "a.csv", str(tmp_path / "b.json")], y="y")


def test_a_file_named_twice_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("u,x,y\n1,2,0\n")
    again = tmp_path / ".." / tmp_path.name / "a.csv"
    with pytest.raises(ParameterError, match="source: names the file .*a.csv twice; name each"):
        fw.read([tmp_path / "a.csv", again], client="u", y="y")


@pytest.mark.parametrize("source", [[], ()])
def test_an_empty_list_is_refused(source):
    with pytest.raises(ParameterError, match="source: expected at least one file or client, given"):
        fw.read(source)


@pytest.mark.parametrize("source", [3, None, object()])
def test_what_holds_no_clients_is_refused(source):
    with pytest.raises(FedwhyError, match="source: expected a file, a folder, or an iterable"):
        fw.read(source)


def test_a_missing_library_is_named_with_its_extra():
    with pytest.raises(DataError) as error:
        use("not_there.at_all", "tables", "reading f.csv")
    assert (
        'reading f.csv needs not_there, which is not installed: pip install "fedwhy[tables]"'
        in (str(error.value))
    )
