"""A short run of the fuzzer; `python tests/fuzz/readers.py` makes long ones."""

import multiprocessing
import warnings

import pytest
from readers import TARGETS, findings, run_batch


@pytest.mark.parametrize("reader", TARGETS)
def test_mutated_files_are_read_or_refused(reader, tmp_path):
    process = multiprocessing.get_context("fork").Process(
        target=run_batch, args=(reader, 0, 300, tmp_path)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX warns of forks; the child does not use it.
        process.start()
    process.join()
    assert findings(process, tmp_path) == []
    assert process.exitcode == 0
