"""Weights and models on disk, with the check that Keras leaves out. Floor 4.

Keras 3 fills a network from a ``.weights.h5`` file *by position*: the n-th convolution gets what the n-th convolution of the
file held, whatever the two are called. Two layers of one shape that changed places load without a word.
Lesson 49_expressions_save_and_resume writes the check by hand.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import h5py
import keras

from course_utils.runtime import DataError, atomically

#: Attribute of the HDF5 file that holds what :func:`structure` said when it was written.
ATTRIBUTE = "course_structure"

Structure = list[list]


def structure(model: keras.Model) -> Structure:
    """What a network is made of, in order: ``[name, class, [shape, …]]`` of each layer that holds variables.

    Layers inside models and other layers count on their own, ``outer/inner``. A name that Keras made up (``conv2d_7``) is
    written as its class and its place among the layers, so that a network built twice is the same twice. A mere renaming of
    such a layer goes unseen, and so does a swap of two of one shape: give layers names.
    """
    found: Structure = []

    def walk(layer: keras.Layer, prefix: str) -> None:
        inner = list(layer._flatten_layers(include_self=False, recursive=False))  # Keras has no public name for it
        own = {id(v) for one in inner for v in one.weights}
        shapes = [list(v.shape) for v in layer.weights if id(v) not in own]
        if shapes:
            found.append([prefix, type(layer).__name__, shapes])
        for place, one in enumerate(inner):
            walk(one, f"{prefix}/{_name(one, place)}" if prefix else _name(one, place))

    for place, layer in enumerate(model.layers):
        walk(layer, _name(layer, place))
    return found


def _name(layer: keras.Layer, place: int) -> str:
    made_up = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)).lower()
    rest = layer.name.removeprefix(made_up)
    return f"{made_up} at {place}" if rest == "" or rest.removeprefix("_").isdecimal() else layer.name


def difference(saved: Structure, model: Structure) -> str | None:
    """The first place at which two structures differ, in words; None where they do not."""
    for place, (before, now) in enumerate(zip(saved, model, strict=False), start=1):
        if before != now:
            return f"layer {place} with variables: found {_words(before)} in the file, expected {_words(now)}"
    if len(saved) != len(model):
        extra, where = (saved, "the file") if len(saved) > len(model) else (model, "the model")
        first = _words(extra[min(len(saved), len(model))])
        return (
            f"found {len(saved)} layers with variables in the file, expected {len(model)}; {where} goes on with {first}"
        )
    return None


def _words(layer: Sequence) -> str:
    name, kind, shapes = layer
    return f"{name} ({kind}, {', '.join('×'.join(map(str, shape)) or 'one number' for shape in shapes)})"


def save_weights(model: keras.Model, path: Path) -> Path:
    """Write a ``.weights.h5`` file that knows the names and shapes of the layers that it came from. Returns the path.

    All variables are in it, the moving statistics of batch normalisation too; the optimizer where the model has one.
    Written to a temporary file first. Raises ValueError unless the name ends in ``.weights.h5``.
    """
    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"{path.name}: expected a name that ends in .weights.h5")
    with atomically(path) as temporary:
        named = temporary.with_name(temporary.name + ".weights.h5")
        try:
            model.save_weights(named)
            with h5py.File(named, "a") as file:
                file.attrs[ATTRIBUTE] = json.dumps(structure(model))
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)
    return path


def load_weights(model: keras.Model, path: Path) -> keras.Model:
    """Fill a model from a file of :func:`save_weights`, once names, order and shapes of its layers agree. Returns the model.

    Raises DataError for a file that is missing, cut off, no HDF5 or written without names, and for another network: it says
    which layer was found and which was expected. The model is then as it was.
    """
    path = Path(path)
    _must_be_there(path)
    try:
        with h5py.File(path, "r") as file:
            saved = file.attrs.get(ATTRIBUTE)
    except OSError as error:
        raise DataError(
            f"{path}: found {path.stat().st_size} bytes that HDF5 cannot read (cut off, or another kind of file), expected "
            "weights"
        ) from error
    if saved is None:
        raise DataError(
            f"{path}: found weights without the names of their layers, expected a file of training.save_weights; "
            "model.load_weights would fill this model by position, unchecked"
        )
    wrong = difference(json.loads(saved), structure(model))
    if wrong:
        raise DataError(f"{path}: weights of another network; {wrong}")
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: the weights cannot be read ({_first_line(error)}); is the file whole?") from error
    return model


def load_model(path: Path, *, like: keras.Model | None = None) -> keras.Model:
    """A whole model from a ``.keras`` file: layers, weights, optimizer.

    like: a model that must have the same layers; None takes any. Raises DataError for a file that is missing, cut off, not
    a Keras archive, needs code that is not imported, or holds another model.
    """
    path = Path(path)
    _must_be_there(path)
    expected = {"config.json", "metadata.json", "model.weights.h5"}
    try:
        with zipfile.ZipFile(path) as archive:
            names, broken = set(archive.namelist()), archive.testzip()
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{path}: found {path.stat().st_size} bytes that are no whole archive (cut off, or another kind of file), expected "
            "a model saved with model.save('….keras')"
        ) from error
    if broken or not expected <= names:
        what = f"a damaged {broken}" if broken else f"an archive without {', '.join(sorted(expected - names))}"
        raise DataError(f"{path}: found {what}, expected a model saved with model.save('….keras')")
    try:
        model = keras.saving.load_model(path)
    except (TypeError, ValueError, OSError, KeyError) as error:
        raise DataError(
            f"{path}: Keras cannot rebuild this model ({_first_line(error)}); import the module that defines its layers first"
        ) from error
    wrong = like is not None and difference(structure(model), structure(like))
    if wrong:
        raise DataError(f"{path}: another model; {wrong}")
    return model


def _must_be_there(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: found a folder, expected a file")
    if not path.exists():
        raise DataError(f"{path}: no such file")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
