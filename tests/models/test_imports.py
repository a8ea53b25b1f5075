"""What importing fedwhy.models imports, and Keras on another backend."""

import os
import subprocess
import sys


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_libraries_that_not_everybody_needs_are_imported_late():
    late = {"keras", "flax", "h5py", "pyarrow", "PIL", "datasets"}
    code = f"import fedwhy.models, sys; print({late} & set(sys.modules))"
    assert python(code).strip() == "set()"


def test_keras_on_another_backend_is_refused():
    code = "import keras; from fedwhy.models import Model; Model.from_zoo('linear')"
    found = python(code, KERAS_BACKEND="numpy")
    assert "ModelError" in found and '"numpy"' in found and "KERAS_BACKEND=jax" in found
