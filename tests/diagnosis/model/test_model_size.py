import keras
import pytest
from model_problem import LOGITS, dense, in_jax, in_keras, relu, repaired, setup, suspected

from fedwhy.diagnosis import Change, Evidence, Severity
from fedwhy.diagnosis.causes import model as group
from fedwhy.models import Model


def history(training, test):
    return [{"train_accuracy": a, "test_accuracy": b} for a, b in zip(training, test, strict=True)]


@pytest.mark.parametrize("front", ["keras", "zoo"])
def test_outputs_that_are_not_as_many_as_the_classes_are_mended(front):
    zoo = front == "zoo"
    problem = setup(Model.from_zoo("mlp", 12) if zoo else in_keras(relu(), dense(5)))
    found = suspected(Evidence(problem))["FW203"]
    assert found.severity is Severity.error
    better = found.prescription.apply(problem)
    assert "FW203" not in suspected(Evidence(better))
    assert better.train(1, 0).history[-1]["test_accuracy"] > 0


def test_a_narrow_layer_is_widened():
    problem = setup(in_keras(relu(2), dense(10)))
    found = suspected(Evidence(problem))["FW208"]
    assert found.evidence["width"] == 2
    assert suspected(Evidence(repaired(problem, "FW208"))) == {}


def test_a_curve_that_levels_off_is_a_suspicion_only():
    problem = setup(Model.from_zoo("softmax"))
    flat = Evidence(problem, history=history([0.6] * 12, [0.6] * 12))
    assert not suspected(flat)["FW208"].standing
    rising = Evidence(problem, history=history([0.05 * n for n in range(12)], [0.4] * 12))
    assert suspected(rising) == {}


def test_what_is_learned_by_heart_is_left_to_a_smaller_model():
    problem = setup(Model.from_zoo("mlp"))
    found = suspected(Evidence(problem, history=history([0.99] * 8, [0.7] * 8)))["FW207"]
    assert not found.standing
    assert found.prescription.changes({"model": {"name": "mlp", "hidden": [200, 200]}}) == (
        Change("model", "name", "mlp"),
        Change("model", "hidden", [32]),
    )
    smaller = Evidence(found.prescription.apply(problem)).model
    assert smaller.parameters == 64 * 32 + 32 + 32 * 10 + 10


def convolutions(count, kernel, **options):
    def build():
        layers = keras.layers
        maps = [layers.Conv2D(8, kernel, activation="relu", **options) for _ in range(count)]
        return keras.Sequential([*maps, layers.Flatten(), layers.Dense(10)])

    return Model.from_keras(build, keras.losses.SparseCategoricalCrossentropy(from_logits=True))


def test_windows_that_do_not_fit_are_an_error_that_larger_images_mend():
    problem = setup(convolutions(2, 5))
    found = suspected(Evidence(problem))["FW209"]
    assert found.severity is Severity.error
    resized = found.others[0]
    assert resized.changes({}) == (Change("prepare", "resize", [32, 32]),)
    assert Evidence(resized.apply(problem)).model.error is None


def test_convolutions_of_one_pixel_are_seen():
    problem = setup(convolutions(5, 3, strides=2, padding="same"))  # 8, 4, 2, 1, 1 pixels.
    found = suspected(Evidence(problem))["FW209"]
    assert (found.evidence["blind"], found.evidence["convolutions"]) == (2, 5)
    assert found.severity is Severity.note


def test_a_pooling_of_the_whole_image_is_a_suspicion_that_smaller_windows_mend():
    def build():
        layers = keras.layers
        return keras.Sequential(
            [layers.Conv2D(4, 3), layers.MaxPooling2D(6), layers.Flatten(), layers.Dense(10)]
        )

    problem = setup(Model.from_keras(build, LOGITS))
    found = suspected(Evidence(problem))["FW209"]
    assert (found.evidence["given"], found.standing) == ([6, 6], False)
    better = Evidence(found.prescription.apply(problem)).model
    assert [pooling.gives for pooling in better.poolings] == [(3, 3)]


def test_a_model_that_only_guesses_is_not_called_too_small():
    flat = Evidence(setup(Model.from_zoo("softmax")), history=history([0.1] * 12, [0.1] * 12))
    assert suspected(flat) == {}


def test_a_larger_model_of_your_own_has_its_other_faults_still():
    problem = setup(in_keras(relu(2, kernel_initializer="zeros"), dense(10)))
    larger = suspected(Evidence(problem))["FW208"].prescription.apply(problem)
    found = suspected(Evidence(larger))
    assert "FW208" not in found and "FW214" in found


def test_a_binary_or_broken_model_has_no_size():
    def apply(params, x, key, train):
        raise RuntimeError("not today")

    assert suspected(Evidence(setup(in_jax(apply)), history=history([1.0] * 9, [0.5] * 9))) == {}


def test_every_cause_has_its_page():
    assert [cause.code for cause in group.CAUSES] == [f"FW{n}" for n in range(201, 218)]
    for cause in group.CAUSES:
        assert cause.page.startswith(f"# {cause.code}: {cause.title}\n")
        assert 25 <= len(cause.page.splitlines()) <= 60
