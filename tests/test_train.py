"""The overnight run: recipes, folders, reports and the command."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from course_utils import experiments, runtime
from course_utils.cli.app import app
from course_utils.datasets import expressions
from course_utils.experiments import expressions_beyond, recipes
from course_utils.experiments.train import train
from course_utils.models.expressions_beyond import vgg
from course_utils.runtime import REDUCED, DataError, SettingsError, parse_size
from course_utils.training import latest_run_folder, new_run_folder

SMOKE = parse_size("reduced,budget=smoke")


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("COURSE_SIZE", "reduced,budget=smoke")
    for name in ("COURSE_SEED", "COURSE_DATA"):
        monkeypatch.setenv(name, "")


@pytest.fixture(scope="module")
def data():
    return expressions.load(SMOKE)


@pytest.fixture(scope="module")
def base():
    return replace(runtime.start(quiet=True), size=SMOKE)


@pytest.fixture(scope="module")
def tiny():
    """A recipe with everything switched on that costs a second."""
    return replace(recipes.fitted(recipes.get("beyond"), SMOKE), width=2, units=(8,), epochs=2, snapshots=2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny, base, data):
    """A finished run: its report and its folder."""
    folder = tmp_path_factory.mktemp("run")
    return train(tiny, base, data, folder, verbose=0, command="course run train"), folder


# ----------------------------------------------------------------------------------------------------- network


def test_the_documented_widths_have_the_parameters_that_arithmetic_gives():
    convs, before = 0, 1
    for filters in (64, 64, 128, 128, 256, 256, 512, 512):
        convs, before = convs + 9 * before * filters + 4 * filters, filters
    dense = sum((a + 1) * b for a, b in ((3 * 3 * 512, 4096), (4096, 4096), (4096, 7)))
    assert vgg().count_params() == convs + dense == 40378439


def test_pools_halve_the_picture_four_times():
    model = vgg("small")
    assert [model.get_layer(f"pool_{n}").output.shape[1:] for n in (1, 2, 3, 4)] == [
        (24, 24, 8), (12, 12, 16), (6, 6, 32), (3, 3, 64)
    ]  # fmt: skip


@pytest.mark.parametrize(("arguments", "error"), [({"network": "large"}, KeyError), ({"width": 0}, ValueError)])
def test_a_network_that_is_not_there_is_refused(arguments, error):
    with pytest.raises(error):
        vgg(**arguments)


def test_logits_stay_in_float32_under_mixed_precision():
    recipe = replace(recipes.BEYOND, width=2, units=(4,), precision="mixed_bfloat16")
    model = recipes.build(recipe, REDUCED, 0, 10)
    assert model.get_layer("conv_1_1").compute_dtype == "bfloat16"
    assert (model.outputs[0].dtype, model.get_layer("flip").compute_dtype) == ("float32", "float32")
    assert keras.config.dtype_policy().name == "float32"


# ----------------------------------------------------------------------------------------------------- recipes


def test_the_documented_rate_falls_by_a_hundredth_and_not_below_the_floor():
    rate = recipes.schedule(recipes.DOCUMENTED, 224)
    assert float(rate(0)) == pytest.approx(5e-4)
    assert float(rate(113)) == pytest.approx(5e-4 * 0.99)
    assert float(rate(10**6)) == pytest.approx(1e-6)


def test_the_cosine_rate_ends_each_cycle_at_nothing():
    recipe = replace(recipes.BEYOND, epochs=12, snapshots=3)
    rate = recipes.schedule(recipe, 10)
    assert [float(rate(step)) for step in (0, 40, 80)] == pytest.approx([recipe.rate] * 3)
    assert max(float(rate(step)) for step in (39, 79, 119)) < 1e-4


@pytest.mark.parametrize("change", [{"network": "vg"}, {"head": "svn"}, {"schedule": "cosin"}, {"optimizer": "adm"}])
def test_an_unknown_choice_is_refused_with_the_nearest(change):
    with pytest.raises(SettingsError, match="did you mean"):
        recipes.build(replace(recipes.BEYOND, width=2, units=(4,), **change), REDUCED, 0, 4)


def test_a_narrow_network_is_the_recipe_of_the_committed_row():
    row = expressions_beyond.ROWS[expressions_beyond.QUARTER]
    assert replace(recipes.narrow(recipes.BEYOND, 16), epochs=30, snapshots=3) == row
    with pytest.raises(SettingsError, match="goes with beyond"):
        recipes.narrow(recipes.DOCUMENTED, 16)


def test_an_unknown_recipe_is_refused():
    with pytest.raises(SettingsError, match="did you mean 'beyond'"):
        recipes.get("beyondd")


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_pictures_are_changed_in_training_alone(name, data):
    model = recipes.build(recipes.fitted(recipes.get(name), SMOKE), SMOKE, 0, 4)
    x = data.training.x[:8]
    assert np.array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))
    changed = np.array(x / 255.0, np.float32)
    for layer in recipes.changes(recipes.get(name), 0):
        changed = layer(changed, training=True)
    assert np.abs(keras.ops.convert_to_numpy(changed) - x / 255).mean() > 0.01


def test_the_svm_head_trains_on_margins(data):
    recipe = replace(recipes.BEYOND, width=2, units=(4,), head="svm", smoothing=0.0)
    model = recipes.build(recipe, REDUCED, 0, 4)
    margins = model.predict(data.training.x[:16], verbose=0)
    signs = 2 * np.eye(7)[data.training.y[:16]] - 1
    by_hand = (np.maximum(0, 1 - signs * margins) ** 2).mean()
    found = model.evaluate(data.training.x[:16], np.eye(7, dtype="float32")[data.training.y[:16]], verbose=0)[0]
    assert found == pytest.approx(by_hand, rel=1e-5)


# ------------------------------------------------------------------------------------------------------- a run


def test_a_run_leaves_what_it_promises(finished):
    _, folder = finished
    names = {one.name for one in folder.iterdir()}
    assert names == {
        "state.npz", "snapshot_001.weights.h5", "snapshot_002.weights.h5", "tensorboard", "model.keras", "confusion.png",
        "report.json",
    }  # fmt: skip
    assert list((folder / "tensorboard").rglob("events*"))


def test_the_report_says_how_the_model_was_made_and_what_it_is_not_for(finished, data):
    report, folder = finished
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["results"] == report["results"]
    assert "AI Act" in report["intended_use"]
    assert report["run"]["size"] == {"data": "stand-in", "network": "small", "budget": "smoke"}
    assert report["run"]["command"] == "course run train"
    assert report["data"]["pictures"] == {"training": len(data.training), "public": 70, "private": 70}
    assert [set(one) for one in report["epochs"]] == [{"accuracy", "loss", "val_accuracy", "val_loss", "seconds"}] * 2


def test_the_report_agrees_with_the_saved_model(finished, data):
    report, folder = finished
    model = keras.saving.load_model(folder / "model.keras")
    right = model.predict(data.private_test.x, verbose=0).argmax(axis=1) == data.private_test.y
    private = report["results"]["private"]
    assert private["accuracy"] == pytest.approx(right.mean())
    seen = {one.tobytes() for one in data.training.x}
    leaked = np.array([one.tobytes() in seen for one in data.private_test.x])
    assert (private["leaked_pictures"], private["clean"]) == (leaked.sum(), pytest.approx(right[~leaked].mean()))
    assert np.sum(private["confusion"]) == 70
    assert np.trace(private["confusion"]) == right.sum()


def test_the_last_snapshot_is_the_model(finished, data, tiny):
    from course_utils.training import load_weights

    report, folder = finished
    model = keras.saving.load_model(folder / "model.keras")
    other = load_weights(recipes.build(tiny, SMOKE, 0, 4), folder / "snapshot_002.weights.h5")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert report["results"]["public"]["snapshots_kept"] == 2


def test_a_finished_run_is_not_run_again(finished, tiny, base, data):
    report, folder = finished
    said = []
    again = train(tiny, base, data, folder, resume=True, say=said.append)
    assert again["results"] == report["results"]
    assert "finished" in said[0]


def test_a_folder_in_use_is_refused(finished, tiny, base, data):
    with pytest.raises(DataError, match="found a run here"):
        train(tiny, base, data, finished[1])


@pytest.mark.parametrize("what", ["batch", "data", "seed"])
def test_a_run_does_not_go_on_with_other_data_or_batch(tmp_path, finished, tiny, base, data, what):
    (tmp_path / "state.npz").write_bytes((finished[1] / "state.npz").read_bytes())
    if what == "batch":
        tiny = replace(tiny, batch=16)
    elif what == "seed":
        base = replace(base, seed=base.seed + 1)
    else:
        fewer = replace(data.training, x=data.training.x[:-1], y=data.training.y[:-1])
        data = replace(data, train=fewer)
    with pytest.raises(DataError, match="saved by another run"):
        train(tiny, base, data, tmp_path, resume=True, verbose=0, say=lambda text: None)


def test_a_run_in_half_precision_keeps_whole_weights_and_is_judged_alike(tmp_path, tiny, base, data):
    report = train(replace(tiny, precision="mixed_bfloat16"), base, data, tmp_path, verbose=0, say=lambda text: None)
    with np.load(tmp_path / "state.npz") as state:
        assert {state[key].dtype.kind for key in state.files} <= {"f", "i", "u"}
        assert all(state[key].dtype != np.float16 for key in state.files)
    assert np.isfinite([one["loss"] for one in report["epochs"]]).all()
    assert report["settings"]["recipe"]["precision"] == "mixed_bfloat16"
    assert 0 <= report["results"]["private"]["calibration_error"] <= 1


def test_snapshots_must_divide_the_epochs(tmp_path, tiny, base, data):
    with pytest.raises(DataError, match="that the snapshots divide"):
        train(replace(tiny, epochs=3), base, data, tmp_path)


# ----------------------------------------------------------------------------------------------------- folders


def test_each_run_gets_a_folder_of_its_own(tmp_path):
    assert [new_run_folder(tmp_path, "a").name for _ in range(2)] == ["a-001", "a-002"]
    (tmp_path / "a-007").mkdir()
    (tmp_path / "a-b-009").mkdir()
    assert new_run_folder(tmp_path, "a").name == "a-008"
    assert latest_run_folder(tmp_path, "a").name == "a-008"
    assert latest_run_folder(tmp_path, "b") is None
    assert latest_run_folder(tmp_path / "none", "a") is None


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(SettingsError, match="expected letters"):
        new_run_folder(tmp_path, name)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="no folder can be made here"):
        new_run_folder(tmp_path / "file", "a")


# ----------------------------------------------------------------------------------------- command, experiment


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train"], "expected --recipe"),
        (["train", "--recipe", "beyon"], "did you mean 'beyond'"),
        (["train", "--recipe", "documented", "--width", "16"], "goes with beyond"),
        (["train", "--recipe", "beyond", "--rows", "plain"], "no --rows"),
        (["train", "--recipe", "beyond", "--resume"], "no run of beyond-seed0 to go on with"),
        (["digits", "--recipe", "beyond"], "--recipe goes with 'course run train'"),
        (["digits", "--epochs", "3"], "--epochs goes with 'course run train'"),
    ],
)
def test_a_wrong_command_is_said_in_one_line(tmp_path, arguments, said):
    out = [] if arguments[0] == "digits" else ["--out", str(tmp_path)]
    found = CliRunner().invoke(app, ["run", *arguments, *out])
    assert found.exit_code != 0
    assert said in str(found.exception)


def test_the_experiment_s_rows_are_the_report_flat(finished):
    report, _ = finished
    measured = expressions_beyond.flat(report)
    assert measured["private_accuracy"] == report["results"]["private"]["accuracy"]
    assert measured["public_epoch_2"] == report["epochs"][1]["val_accuracy"]
    assert measured["private_recall_happy"] == report["results"]["private"]["recall"]["happy"]
    assert all(isinstance(value, float) for value in measured.values())


def test_the_quarter_has_the_parameters_it_claims():
    recipe = expressions_beyond.ROWS[expressions_beyond.QUARTER]
    assert recipes.build(recipe, runtime.FULL, 0, 224).count_params() == 591639


@pytest.mark.deep
@pytest.mark.parametrize("row", expressions_beyond.ROWS)
def test_every_row_runs_at_smoke(row, base):
    measured = expressions_beyond.measure(row, base)
    assert measured["epochs"] == 2
    assert 0 <= measured["private_clean"] <= 1
    assert experiments.get("expressions_beyond").rows(SMOKE)[0] == "beyond"
