"""The experiment file of a module of tests."""

import pytest


@pytest.fixture
def file(request, tmp_path):
    """`FILE` of the module, written."""
    path = tmp_path / "my.toml"
    path.write_text(request.module.FILE)
    return path
