"""Downloading: whole or not at all, resumed when cut, and checked by digest."""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fedwhy.data.sources import files
from fedwhy.data.sources.files import File, locate, member
from fedwhy.errors import DataError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Place:
    """A server of one file; each answer ends after `most` bytes, ranges are honoured or not."""

    def __init__(self, content=CONTENT, most=None, ranges=True, pause=0.0):
        self.asked = asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.headers.get("Range"))
                if self.path != "/file":
                    self.send_error(404)
                    return
                start = 0
                if ranges and asked[-1]:
                    start = int(asked[-1].removeprefix("bytes=").rstrip("-"))
                    if start >= len(content):
                        self.send_error(416)
                        return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                for at in range(start, len(content) if most is None else start + most, 1 << 18):
                    self.wfile.write(content[at : at + (1 << 18)])
                    time.sleep(pause)
                if most is not None:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/file"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEDWHY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FEDWHY_DATA_DIR", raising=False)
    return tmp_path / "cache" / "data"


@pytest.fixture
def place():
    places = []

    def serve(**options):
        places.append(Place(**options))
        return places[-1]

    yield serve
    for each in places:
        each.server.shutdown()


def left(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_file_is_downloaded_once(place, cache):
    server = place()
    file = File("set/file", DIGEST, (server.url,))
    assert locate(file).read_bytes() == locate(file).read_bytes() == CONTENT
    assert len(server.asked) == 1 and left(cache) == ["file"]


def test_cut_connection_is_resumed_where_it_was_cut(place, cache):
    server = place(most=1 << 20)
    assert locate(File("set/file", DIGEST, (server.url,))).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={1 << 20}-", f"bytes={2 << 20}-"]


def test_place_without_ranges_begins_anew(place, cache):
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "file.partial").write_bytes(b"rubbish")
    assert locate(File("set/file", DIGEST, (place(ranges=False).url,))).read_bytes() == CONTENT


def test_complete_partial_file_is_used(place, cache):
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "file.partial").write_bytes(CONTENT)
    assert locate(File("set/file", DIGEST, (place().url,))).read_bytes() == CONTENT


def test_next_place_is_tried(place, cache):
    server = place()
    missing = server.url.replace("/file", "/gone")
    assert locate(File("set/file", DIGEST, (missing, server.url))).read_bytes() == CONTENT


def test_other_content_is_refused_and_leaves_nothing(place, cache):
    other = File("set/file", DIGEST, (place(content=b"other").url,))
    with pytest.raises(
        DataError, match=r"file could not be downloaded \(.*/file: its sha256 is \w+, expected"
    ):
        locate(other)
    assert left(cache) == []


def test_without_network_the_message_says_which_file_to_put_where(cache):
    file = File("mnist/labels.gz", DIGEST, ("http://127.0.0.1:9/labels.gz",), size=3)
    with pytest.raises(DataError) as caught:
        locate(file)
    message = str(caught.value)
    assert "labels.gz (3 MB) could not be downloaded (http://127.0.0.1:9/labels.gz: " in message
    assert f"put mnist/labels.gz into {cache}, or set FEDWHY_DATA_DIR" in message
    assert left(cache) == []


def test_killed_download_leaves_nothing_that_is_trusted_and_is_gone_on_with(place, cache):
    server = place(pause=0.1)
    code = (
        "from fedwhy.data.sources.files import File, locate;"
        f"locate(File('set/file', {DIGEST!r}, ({server.url!r},)))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    partial = cache / "set" / "file.partial"
    while not (partial.exists() and partial.stat().st_size > 1 << 20):
        assert child.poll() is None
        time.sleep(0.02)
    child.kill()
    child.wait()
    assert left(cache) == ["file.partial"]
    assert locate(File("set/file", DIGEST, (server.url,))).read_bytes() == CONTENT
    assert server.asked[1].startswith("bytes=")


def test_file_in_the_users_folder_is_checked_too(tmp_path, monkeypatch):
    monkeypatch.setenv("FEDWHY_DATA_DIR", str(tmp_path))
    (tmp_path / "file").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=f"{tmp_path}/file: its sha256 is"):
        locate(File("file", DIGEST))


@pytest.mark.parametrize("compressed", [True, False])
def test_digest_of_uncompressed_bytes_serves_both(tmp_path, monkeypatch, compressed):
    monkeypatch.setenv("FEDWHY_DATA_DIR", str(tmp_path))
    path = tmp_path / ("file.gz" if compressed else "file")
    path.write_bytes(gzip.compress(CONTENT, 1) if compressed else CONTENT)
    assert locate(File("file.gz", DIGEST, uncompressed=True)) == path


def test_cut_gz_file_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("FEDWHY_DATA_DIR", str(tmp_path))
    (tmp_path / "file.gz").write_bytes(gzip.compress(CONTENT, 1)[:-100])
    with pytest.raises(DataError, match=r"file.gz: it cannot be uncompressed"):
        locate(File("file.gz", DIGEST, uncompressed=True))


@pytest.mark.parametrize("kind", ["zip", "gztar", "bztar"])
def test_member_of_an_archive_is_unpacked_once(tmp_path, monkeypatch, cache, kind):
    (tmp_path / "tree" / "folder").mkdir(parents=True)
    (tmp_path / "tree" / "folder" / "member").write_bytes(b"content")
    base = tmp_path / "own" / "set" / "pack"
    packed = Path(shutil.make_archive(str(base), kind, tmp_path / "tree", "folder"))
    monkeypatch.setenv("FEDWHY_DATA_DIR", str(tmp_path / "own"))
    file = File(f"set/{packed.name}", f"md5:{files.digest(packed, 'md5', False)}")
    assert member(file, "folder/member").read_bytes() == b"content"
    packed.unlink()
    assert member(file, "folder/member") == cache / "set" / "member"


def test_archive_without_the_member_is_an_error_and_leaves_nothing(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("FEDWHY_DATA_DIR", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as packed:
        packed.writestr("other", "content")
    file = File("pack.zip", f"md5:{files.digest(tmp_path / 'pack.zip', 'md5', False)}")
    with pytest.raises(DataError, match=r"pack.zip: member cannot be unpacked"):
        member(file, "member")
    assert left(cache) == []


def test_first_right_place_is_enough(place, cache):
    right, other = place(), place(content=b"other", ranges=False)
    locate(File("set/file", DIGEST, (right.url, other.url)))
    assert other.asked == []


def test_place_with_another_file_is_passed_over(place, cache):
    other, right = place(content=b"other"), place()
    assert locate(File("set/file", DIGEST, (other.url, right.url))).read_bytes() == CONTENT


def test_partial_file_of_something_else_is_fetched_anew(place, cache):
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "file.partial").write_bytes(b"rubbish")
    server = place()
    assert locate(File("set/file", DIGEST, (server.url,))).read_bytes() == CONTENT
    assert server.asked == ["bytes=7-", None]


def test_processes_that_want_the_same_file_share_one_download(place, cache):
    server = place(pause=0.02)
    file = File("set/file", DIGEST, (server.url,))
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(locate(file))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(paths) == {cache / "set" / "file"} and len(paths) == 4
    assert len(server.asked) == 1 and left(cache) == ["file"]


def test_unpacked_file_that_was_changed_is_unpacked_again(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("FEDWHY_DATA_DIR", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as packed:
        packed.writestr("member", "content")
    file = File("pack.zip", f"md5:{files.digest(tmp_path / 'pack.zip', 'md5', False)}")
    member(file, "member").write_bytes(b"forged")
    assert member(file, "member").read_bytes() == b"content"
