"""Saving and resuming, against runs that were never interrupted; the deep tests kill real processes at random moments."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from course_utils.experiments import recipes
from course_utils.runtime import DataError
from course_utils.training import (
    ExactBackup,
    fingerprint,
    load_model,
    load_weights,
    save_weights,
    shuffled_batches,
    structure,
)
from course_utils.training.saved import ATTRIBUTE

STEPS, BATCH = 3, 8
rng = np.random.default_rng(0)
X = rng.normal(size=(24, 6)).astype(np.float32)
Y = rng.integers(0, 3, 24).astype(np.int32)


def network(*, rate=0.5, units=5, seed=3, optimizer=None):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.GaussianNoise(0.1, seed=seed),
            keras.layers.Dense(units, name="first"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dropout(rate, seed=seed),
            keras.layers.Dense(3, name="second"),
        ]
    )
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 4 * STEPS)
    model.compile(
        optimizer or keras.optimizers.Adam(schedule, use_ema=True, ema_momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Ends a run in the middle of an epoch, as far as one process can."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch, self.now = epoch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, 1):
            raise Killed


def train(backup=None, *, kill=None, epochs=4, model=None, others=()):
    model = model or network()
    done = backup.restore(model) if backup else 0
    model.fit(
        shuffled_batches(X, Y, BATCH, seed=0, start=done * STEPS),
        steps_per_epoch=STEPS,
        epochs=epochs,
        initial_epoch=done,
        verbose=0,
        callbacks=[*others, *([KillAt(kill)] if kill is not None else []), *([backup] if backup else [])],
    )
    return model


def state(model):
    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in [*model.variables, *model.optimizer.variables]]


def assert_same(one, other):
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def whole():
    keras.utils.set_random_seed(1)
    return train()


@pytest.fixture
def killed(tmp_path):
    """The state of a run that was killed in its third epoch."""
    keras.utils.set_random_seed(1)
    path = tmp_path / "state.npz"
    with pytest.raises(Killed):
        train(ExactBackup(path, settings={"batch": BATCH}), kill=2)
    return path


# ------------------------------------------------------------------------------------------------ exact resume


def test_a_resumed_run_ends_with_the_same_bits(whole, killed):
    keras.utils.set_random_seed(99)
    backup = ExactBackup(killed, settings={"batch": BATCH})
    assert_same(train(backup), whole)
    assert len(backup.history) == 4


def test_the_generators_are_what_makes_the_difference(whole, killed):
    """Keras' own callback, given the same data position, ends elsewhere; without noise and dropout it does not."""
    keras.utils.set_random_seed(99)
    model = network()
    backup = ExactBackup(killed, settings={"batch": BATCH})
    done = backup.restore(model)
    for layer in model.layers:
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign(keras.ops.convert_to_numpy(layer.seed_generator.state) * 0 + [3, 0])
    model.fit(
        shuffled_batches(X, Y, BATCH, seed=0, start=done * STEPS),
        steps_per_epoch=STEPS,
        epochs=4,
        initial_epoch=done,
        verbose=0,
    )
    assert max(np.abs(a - b).max() for a, b in zip(whole.get_weights(), model.get_weights(), strict=True)) > 1e-4


def test_nothing_saved_means_from_the_start(tmp_path):
    assert ExactBackup(tmp_path / "none.npz").restore(network()) == 0


def test_a_run_killed_after_its_last_epoch_ends_the_same(whole, tmp_path):
    keras.utils.set_random_seed(1)
    path = tmp_path / "state.npz"
    train(ExactBackup(path))
    keras.utils.set_random_seed(5)
    assert_same(
        train(ExactBackup(path)), whole
    )  # restores, trains nothing, and takes the average as `fit` does at its end


def test_python_s_and_numpy_s_generators_come_back(tmp_path):
    path = tmp_path / "state.npz"
    train(ExactBackup(path), epochs=1)
    ExactBackup(path).restore(network())  # what comes after the last epoch may draw too
    expected = random.random(), np.random.random(), keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist()  # noqa: NPY002
    keras.utils.set_random_seed(7)
    ExactBackup(path).restore(network())
    found = random.random(), np.random.random(), keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist()  # noqa: NPY002
    assert found == expected


def test_the_patience_of_other_callbacks_comes_back(tmp_path):
    path = tmp_path / "state.npz"

    def stopping():
        return keras.callbacks.EarlyStopping("loss", patience=9, min_delta=1e9, restore_best_weights=True)

    first = stopping()
    train(ExactBackup(path, others=[first]), epochs=2, others=[first])
    second = stopping()
    train(ExactBackup(path, others=[second]), epochs=3, others=[second])
    assert (first.wait, second.wait) == (1, 2)
    assert second.best == first.best
    for a, b in zip(first.best_weights, second.best_weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_second_fit_with_the_same_backup_begins_as_any_fit(tmp_path):
    def stopping():
        return keras.callbacks.EarlyStopping("loss", patience=9, min_delta=1e9)

    path, first, second = tmp_path / "state.npz", stopping(), stopping()
    train(ExactBackup(path, others=[first]), epochs=3, others=[first])
    backup = ExactBackup(path, others=[second])
    model = train(backup, epochs=4, others=[second])
    assert second.wait == 3
    model.fit(X, Y, verbose=0, callbacks=[second, backup])
    assert second.wait == 0


def test_a_rate_that_another_callback_has_lowered_comes_back_lowered(tmp_path):
    path = tmp_path / "state.npz"

    def run(epochs):
        plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
        model = network(optimizer=keras.optimizers.SGD(0.1))
        train(ExactBackup(path, others=[plateau]), epochs=epochs, others=[plateau], model=model)
        return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))

    assert run(2) == pytest.approx(0.05)
    assert run(3) == pytest.approx(0.025)


def test_a_layer_that_tells_nothing_about_itself_can_be_resumed(tmp_path):
    class Mute(keras.layers.Layer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def call(self, x):
            return self.factor * x

    def mute():
        model = keras.Sequential([keras.Input((6,)), Mute(2.0), keras.layers.Dense(3)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    train(ExactBackup(tmp_path / "state.npz"), epochs=1, model=mute())
    assert ExactBackup(tmp_path / "state.npz").restore(mute()) == 1


@pytest.mark.parametrize(
    ("settings", "build", "said"),
    [
        ({"batch": 16}, network, "settings batch: found 8 in the file, expected 16"),
        (
            {"batch": BATCH},
            lambda: network(units=6),
            r"found first \(Dense, 6×5, 5\) in the file, expected first \(Dense, 6×6, 6\)",
        ),
        ({"batch": BATCH}, lambda: network(rate=0.4), "rate: found 0.5 in the file, expected 0.4"),
        ({"batch": BATCH}, lambda: network(seed=4), "seed: found 3 in the file, expected 4"),
        ({"batch": BATCH}, lambda: network(optimizer=keras.optimizers.SGD(0.1)), 'optimizer class_name: found "Adam"'),
        (
            {"batch": BATCH},
            lambda: network(optimizer=keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9)),
            "optimizer config learning_rate",
        ),
    ],
    ids=["batch", "units", "dropout", "seed", "optimizer", "schedule"],
)
def test_another_run_is_refused_and_changes_nothing(killed, settings, build, said):
    model = build()
    before = state(model)
    with pytest.raises(DataError, match=said) as error:
        ExactBackup(killed, settings=settings).restore(model)
    assert str(killed) in str(error.value)
    for a, b in zip(before, state(model), strict=False):
        np.testing.assert_array_equal(a, b)


def test_names_that_keras_makes_up_do_not_count(tmp_path):
    def unnamed():
        model = keras.Sequential(
            [keras.Input((6,)), keras.layers.Dense(4), keras.layers.Dropout(0.1), keras.layers.Dense(3)]
        )
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    train(ExactBackup(tmp_path / "state.npz"), epochs=1, model=unnamed())
    assert ExactBackup(tmp_path / "state.npz").restore(unnamed()) == 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_cut_off_state_is_said(killed, share):
    whole = killed.read_bytes()
    killed.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match="cannot be read"):
        ExactBackup(killed, settings={"batch": BATCH}).restore(network())


def test_a_file_of_something_else_is_said(killed):
    np.savez(killed, weights=np.zeros(3))
    with pytest.raises(DataError, match="expected the state of a run"):
        ExactBackup(killed, settings={"batch": BATCH}).restore(network())


def test_the_state_is_replaced_as_a_whole(killed, monkeypatch):
    before = killed.read_bytes()
    backup = ExactBackup(killed, settings={"batch": BATCH})
    model = network()
    backup.restore(model)
    backup.set_model(model)

    def full_disk(file, **arrays):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="no space"):
        backup.save()
    assert killed.read_bytes() == before
    assert [one.name for one in killed.parent.iterdir()] == ["state.npz"]


def test_a_fingerprint_tells_values_shapes_and_types_apart():
    zeros = np.zeros((4, 2), np.uint8)
    others = [zeros + 1, zeros.reshape(2, 4), zeros.astype(np.int8)]
    assert len({fingerprint(one) for one in (zeros, *others)}) == 4
    assert fingerprint(zeros, zeros) != fingerprint(zeros)
    assert fingerprint(zeros[:, ::-1]) == fingerprint(zeros)


# ------------------------------------------------------------------------------------------- weights and models


def two_branches(first="left", second="right"):
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(6, name=first),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(6, name=second),
        ]
    )


def test_weights_come_back_moving_statistics_too(tmp_path):
    model = two_branches()
    model.set_weights([w + 0.5 for w in model.get_weights()])
    other = load_weights(two_branches(), save_weights(model, tmp_path / "a.weights.h5"))
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [one.name for one in tmp_path.iterdir()] == ["a.weights.h5"]


def test_layers_that_changed_places_are_refused_where_keras_says_nothing(tmp_path):
    path = save_weights(two_branches(), tmp_path / "a.weights.h5")
    swapped = two_branches("right", "left")
    swapped.load_weights(path)  # Keras fills by position
    before = swapped.get_weights()
    with pytest.raises(DataError, match=r"layer 1 with variables: found left .* expected right"):
        load_weights(swapped, path)
    for a, b in zip(before, swapped.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (
            [keras.layers.Dense(7, name="left")],
            r"found left \(Dense, 6×6, 6\) in the file, expected left \(Dense, 6×7, 7\)",
        ),
        (
            [keras.layers.Dense(6, name="left")],
            "found 3 layers with variables in the file, expected 1; the file goes on with norm",
        ),
    ],
)
def test_weights_of_a_changed_network_are_refused(tmp_path, layers, said):
    path = save_weights(two_branches(), tmp_path / "a.weights.h5")
    with pytest.raises(DataError, match=said):
        load_weights(keras.Sequential([keras.Input((6,)), *layers]), path)


def test_weights_without_names_are_refused(tmp_path):
    model = two_branches()
    model.save_weights(tmp_path / "plain.weights.h5")
    with pytest.raises(DataError, match="without the names of their layers"):
        load_weights(model, tmp_path / "plain.weights.h5")


@pytest.mark.parametrize(
    "load", [lambda path: load_weights(two_branches(), path), load_model], ids=["weights", "model"]
)
def test_files_that_are_missing_or_something_else_are_said(tmp_path, load):
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "none.weights.h5")
    with pytest.raises(DataError, match="found a folder"):
        load(tmp_path)
    text = tmp_path / "text.weights.h5"
    text.write_text("weights")
    with pytest.raises(DataError, match="found 7 bytes"):
        load(text)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.98])
def test_cut_off_files_are_said(tmp_path, share):
    model = two_branches()
    weights, archive = tmp_path / "a.weights.h5", tmp_path / "a.keras"
    save_weights(model, weights)
    model.save(archive)
    for path, load in ((weights, lambda p: load_weights(two_branches(), p)), (archive, load_model)):
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(DataError, match=r"cut off|whole"):
            load(path)


def test_a_weights_file_must_have_its_name(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.weights\.h5"):
        save_weights(two_branches(), tmp_path / "a.h5")


def test_a_model_of_another_network_is_refused(tmp_path):
    two_branches().save(tmp_path / "a.keras")
    assert structure(load_model(tmp_path / "a.keras", like=two_branches())) == structure(two_branches())
    with pytest.raises(DataError, match="another model; layer 1"):
        load_model(tmp_path / "a.keras", like=two_branches("right", "left"))


def test_a_zip_of_something_else_is_no_model(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(DataError, match=r"archive without config\.json"):
        load_model(tmp_path / "a.keras")


def test_layers_that_are_not_imported_are_named(tmp_path):
    class Unknown(keras.layers.Layer):
        def call(self, x):
            return x

    keras.Sequential([keras.Input((3,)), Unknown()]).save(tmp_path / "a.keras")
    with pytest.raises(DataError, match="Keras cannot rebuild this model"):
        load_model(tmp_path / "a.keras")


def test_the_structure_looks_into_models_within_models():
    inner = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2, name="deep")], name="inner")
    outer = keras.Sequential([keras.Input((6,)), inner, keras.layers.Dense(3)])
    assert structure(outer) == [["inner/deep", "Dense", [[6, 2], [2]]], ["dense at 1", "Dense", [[2, 3], [3]]]]


def test_the_names_stand_in_the_file_itself(tmp_path):
    import h5py

    with h5py.File(save_weights(two_branches(), tmp_path / "a.weights.h5")) as file:
        assert json.loads(file.attrs[ATTRIBUTE]) == structure(two_branches())


# --------------------------------------------------------------------------------------------------- killed

CHILD = textwrap.dedent(
    """
    import sys
    import keras, numpy as np
    from course_utils import training
    from course_utils.experiments import recipes
    from course_utils.runtime import REDUCED
    from dataclasses import replace

    state, end, epochs, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (96, 48, 48, 1), dtype=np.uint8), np.eye(7, dtype=np.float32)[rng.integers(0, 7, 96)]
    recipe = replace(recipes.fitted(recipes.get(sys.argv[5]), REDUCED), batch=16, epochs=epochs, snapshots=2, average=0.9)
    model = recipes.build(recipe, REDUCED, 7, steps)

    class Say(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            print("step", flush=True)

    stopping = keras.callbacks.EarlyStopping("loss", patience=50)
    backup = training.ExactBackup(state, settings={"data": training.fingerprint(x, y)}, others=[stopping])
    done = backup.restore(model)
    print("done", done, flush=True)
    model.fit(training.shuffled_batches(x, y, 16, seed=0, start=done * steps), steps_per_epoch=steps, epochs=epochs,
              initial_epoch=done, verbose=0, callbacks=[stopping, Say(), backup])
    np.savez(end, *[keras.ops.convert_to_numpy(v.value) for v in [*model.variables, *model.optimizer.variables]])
    """
)


def start(tmp_path, name, recipe, epochs, steps):
    command = [
        sys.executable,
        "-c",
        CHILD,
        tmp_path / f"{name}.state.npz",
        tmp_path / f"{name}.npz",
        epochs,
        steps,
        recipe,
    ]
    return subprocess.Popen([str(one) for one in command], stdout=subprocess.PIPE, text=True)


@pytest.mark.deep
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("recipe", sorted(recipes.RECIPES))
def test_killed_at_three_random_points_a_run_ends_with_the_same_bits(tmp_path, recipe):
    """Dropout, batch norm, average of weights, schedule and augmentation on; each kill in a part of the run of its own."""
    epochs, steps = 6, 5
    with start(tmp_path, "whole", recipe, epochs, steps) as process:
        assert process.communicate()[0].count("step") == epochs * steps
    points = [random.SystemRandom().randint(10 * third + 1, 10 * third + 9) for third in range(3)]
    for number, point in enumerate(points):
        with start(tmp_path, "killed", recipe, epochs, steps) as process:
            done = int(process.stdout.readline().split()[1])
            for _ in itertools.islice(process.stdout, point - done * steps):
                pass
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL, (points, number)
    with start(tmp_path, "killed", recipe, epochs, steps) as process:
        printed = process.communicate()[0].split()
    assert printed[:2] != ["done", "0"], points
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "killed.npz") as killed:
        assert len(whole.files) > 30
        for key in whole.files:
            np.testing.assert_array_equal(whole[key], killed[key], err_msg=f"killed after steps {points}: {key}")


@pytest.mark.deep
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_the_command_goes_on_where_it_was_killed(tmp_path):
    """`course run train`, killed in the middle and resumed: the report has the numbers of a run that was not."""
    environment = {**os.environ, "COURSE_SIZE": "reduced,budget=smoke", "COURSE_DATA": "", "COURSE_SEED": ""}
    command = [
        sys.executable,
        "-c",
        "from course_utils.cli.app import main; main()",
        "run",
        "train",
        "--recipe",
        "beyond",
        "--epochs",
        "4",
        "--out",
    ]

    def course(out, *more):
        return subprocess.Popen(
            [*command, str(tmp_path / out), *more], env=environment, stdout=subprocess.PIPE, text=True
        )

    with course("whole") as process:
        printed = process.communicate()[0]
    assert process.returncode == 0, printed
    folder = tmp_path / "killed" / "beyond-seed0-001"
    with course("killed") as process:
        while process.poll() is None and not (folder / "state.npz").exists():
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert not (folder / "report.json").exists()
    with course("killed", "--resume") as process:
        printed = process.communicate()[0]
    assert process.returncode == 0, printed
    assert f"{folder / 'report.json'}" in printed
    whole, resumed = (
        json.loads((tmp_path / name / "beyond-seed0-001" / "report.json").read_text()) for name in ("whole", "killed")
    )
    assert whole["results"] == resumed["results"]
    assert [one["loss"] for one in whole["epochs"]] == [one["loss"] for one in resumed["epochs"]]
    assert (folder / "confusion.png").read_bytes()[:4] == b"\x89PNG"
