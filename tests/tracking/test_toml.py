"""Settings written as TOML read back as they were."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from fedwhy.tracking.toml import dump_toml

scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))
names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1)
tables = st.dictionaries(names, st.dictionaries(names, values, min_size=1, max_size=4), max_size=3)


@given(tables)
def test_what_is_written_reads_back(tables):
    assert tomllib.loads(dump_toml(tables)) == tables


def test_unset_values_and_empty_tables_are_left_out():
    assert tomllib.loads(dump_toml({"a": {"x": None, "y": 1}, "b": {"z": None}})) == {"a": {"y": 1}}
