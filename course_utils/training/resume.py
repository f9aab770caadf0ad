"""Going on with a run that was killed, as if nothing had happened. Floor 4.

``keras.callbacks.BackupAndRestore`` brings back weights, optimizer and the number of the epoch. It leaves out the state of the
random generators (dropout and augmentation draw other numbers after a restart), that of other callbacks, and where the data
stood. Lesson 49_expressions_save_and_resume measures what that costs.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import random
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.random.seed_generator import global_seed_generator  # Keras has no public name for it

from course_utils.runtime import DataError, atomically, backend_name
from course_utils.training.saved import difference, structure

FORMAT = 1


def fingerprint(*arrays: np.ndarray) -> str:
    """SHA-256 of shapes, types and values of arrays, in order: the same data or not."""
    digest = hashlib.sha256()
    for one in arrays:
        digest.update(f"{one.shape} {one.dtype};".encode())
        digest.update(np.ascontiguousarray(one).tobytes())
    return digest.hexdigest()


class ExactBackup(keras.callbacks.Callback):
    """After each epoch, save all that the rest of the run depends on; :meth:`restore` puts it back, to the last bit.

    Saved are the variables of the model (moving statistics and the random generators of dropout and augmentation among
    them), of the optimizer (its step counter, from which a schedule is worked out, moments, averages of weights), the
    generators of Python, NumPy and Keras, on PyTorch also its own (a ``Dropout`` without a seed draws from it there), numbers that ``others`` hold (the patience of an EarlyStopping), and what was logged.
    Data do not store their position: deal them by number of step, ``shuffled_batches(…, start=epochs_done * steps)``.

    >>> backup = ExactBackup("run/state.npz", settings={"batch": 64, "data": fingerprint(x, y)})
    >>> done = backup.restore(model)  # 0 the first time
    >>> batches = shuffled_batches(x, y, 64, seed=0, start=done * steps)
    >>> model.fit(batches, steps_per_epoch=steps, epochs=30, initial_epoch=done, callbacks=[stopping, backup])

    path: one file, replaced as a whole, so that a kill at any moment leaves a complete one; at most one epoch is lost.
    settings: plain values that must be the same when the run goes on. others: callbacks whose state belongs to the run.
    Put the backup *last* in the list of callbacks: the others have done their part of the epoch by then.
    history: after :meth:`restore`, and while running, what each finished epoch logged, one dict each.
    """

    def __init__(
        self, path: Path, *, settings: Mapping[str, Any] = (), others: Iterable[keras.callbacks.Callback] = ()
    ):
        super().__init__()
        self.path, self.settings, self.others = Path(path), dict(settings), list(others)
        self.history: list[dict[str, float]] = []
        self._own: dict[str, Any] | None = None
        self._kept: dict[str, dict] = {}
        self._arrays: dict[str, np.ndarray] = {}
        self._generators: dict[str, np.ndarray] | None = None

    def restore(self, model: keras.Model) -> int:
        """Put the saved state into a built and compiled model; the number of epochs that are done, 0 where nothing was saved.

        Raises DataError when the file is damaged, or was saved by a run with other settings, network, optimizer or backend;
        it names the first that differs. The model is then as it was.
        """
        self._own = self._identity(model)  # as built: another callback may lower the rate later
        if not self.path.exists():
            return 0
        arrays, record = self._read()
        for what, now in self._own.items():
            before = record["identity"].get(what)
            if before != now:
                raise DataError(f"{self.path}: saved by another run; {_other(what, before, now)}")
        variables = _variables(model)
        for n, variable in enumerate(variables):
            found = arrays.get(f"variable_{n}")
            if found is None or found.shape != tuple(variable.shape):
                what = "nothing" if found is None else f"shape {found.shape}"
                raise DataError(f"{self.path}: {variable.path}: found {what}, expected shape {tuple(variable.shape)}")
        missing = [name for name in _torch_generators() if name not in arrays]
        if missing:
            raise DataError(
                f"{self.path}: found no state of {missing[0]}, expected one: saved on another device, or before 0.10.0"
            )
        for n, variable in enumerate(variables):
            variable.assign(arrays[f"variable_{n}"])
        generator = global_seed_generator()  # made at its first use, with a draw from Python's
        version, state, gauss = record["python"]
        random.setstate((version, tuple(state), gauss))
        numbers = record["numpy"]
        np.random.set_state((numbers[0], arrays["numpy"], *numbers[1:]))  # noqa: NPY002 – other code draws from it
        generator.state.assign(arrays["keras"])
        _set_backend_generators(arrays)
        self._kept, self._arrays, self.history = record["others"], arrays, record["history"]
        return len(self.history)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Others start from scratch when ``fit`` begins; only now can they be given what they held."""
        self._own = self._own or self._identity(self.model)
        _set_backend_generators(self._arrays)  # once more: what fit builds on PyTorch draws from them too
        for name, callback in _named(self.others).items():
            for key, value in self._kept.get(name, {}).items():
                setattr(callback, key, value)
            lists: dict[str, list] = {}
            for key, value in self._arrays.items():
                kind, _, rest = key.partition(" ")
                owner, _, place = rest.partition(" ")
                if kind == "other" and owner == name:
                    lists.setdefault(place.split(" ")[0], []).append(value)
            for key, value in lists.items():
                setattr(callback, key, value)
        self._kept, self._arrays = {}, {}  # a further fit goes on from where this one ends
        self._generators = _backend_generators()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Each epoch's first batch draws from where the last epoch ended, whatever fetching data drew from PyTorch since."""
        if self._generators is not None:
            _set_backend_generators(self._generators)
            self._generators = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save, once the epoch's last callback before this one is through."""
        self.history.append({key: float(value) for key, value in (logs or {}).items()})
        self.save()
        self._generators = _backend_generators()

    def save(self) -> None:
        """Write the state as it is now, whole or not at all. Raises ValueError for a type that NumPy cannot store."""
        arrays = {f"variable_{n}": _value(v) for n, v in enumerate(_variables(self.model))}
        python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002 – as above
        arrays |= {"numpy": numbers[1], "keras": _value(global_seed_generator().state)}
        random.setstate(python)  # the line above may have drawn from it
        arrays |= _backend_generators()
        kept: dict[str, dict] = {}
        for name, callback in _named(self.others).items():
            given = inspect.signature(type(callback).__init__).parameters  # what it was made with it has already
            kept[name] = {
                key: value for key, value in vars(callback).items() if key not in given and _plain(key, value)
            }
            for key, value in vars(callback).items():
                if isinstance(value, list) and value and all(isinstance(one, np.ndarray) for one in value):
                    arrays |= {f"other {name} {key} {n:05d}": one for n, one in enumerate(value)}
        record = {
            "identity": self._own or self._identity(self.model),
            "python": [python[0], list(python[1]), python[2]],
            "numpy": [numbers[0], *(float(n) if isinstance(n, float) else int(n) for n in numbers[2:])],
            "others": kept,
            "history": self.history,
        }
        arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
        with atomically(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    def _identity(self, model: keras.Model) -> dict[str, Any]:
        """What must be the same when the run goes on, as it looks after a way through JSON."""
        own = {
            "format": FORMAT,
            "backend": backend_name(),
            "structure": structure(model),
            "layers": [_configured(layer) for layer in model.layers],
            "optimizer": _without_names(keras.optimizers.serialize(model.optimizer)),
            "loss": _without_names(keras.saving.serialize_keras_object(model.loss)),
            "settings": self.settings,
        }
        return json.loads(json.dumps(own, default=str))

    def _read(self) -> tuple[dict[str, np.ndarray], dict]:
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            record = json.loads(arrays.pop("record").tobytes())
            if not {"identity", "python", "numpy", "others", "history"} <= record.keys():
                raise KeyError("record")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{self.path}: found {self.path.stat().st_size} bytes that cannot be read ({type(error).__name__}), expected the "
                "state of a run; it is written as a whole, so it was damaged later: start afresh, or bring back a copy"
            ) from error
        return arrays, record


def _variables(model: keras.Model) -> list:
    """All variables of model and optimizer, random generators among them, each once."""
    if not model.built or model.optimizer is None:
        raise ValueError("an unbuilt or uncompiled model has no state to save: build and compile it first")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _backend_generators() -> dict[str, np.ndarray]:
    """States of the generators that layers draw from beside Keras' own: on PyTorch, of the CPU and of the device in use."""
    return {name: read().numpy() for name, (read, _) in _torch_generators().items()}


def _set_backend_generators(arrays: Mapping[str, np.ndarray]) -> None:
    for name, (_, put) in _torch_generators().items():
        if name in arrays:  # else nothing was restored, or it was saved on another device
            put(_cpu_bytes(arrays[name]))


def _cpu_bytes(values: np.ndarray):
    import torch

    return torch.from_numpy(np.ascontiguousarray(values))


def _torch_generators() -> dict[str, tuple[Callable, Callable]]:
    """How to read and to set each, by the name it is saved under."""
    if backend_name() != "torch":
        return {}
    import torch

    found = {"torch cpu": (torch.get_rng_state, torch.set_rng_state)}
    if torch.cuda.is_available():
        found["torch cuda"] = (torch.cuda.get_rng_state, torch.cuda.set_rng_state)
    elif torch.backends.mps.is_available():
        found["torch mps"] = (torch.mps.get_rng_state, torch.mps.set_rng_state)
    return found


def _value(variable) -> np.ndarray:
    value = np.array(keras.ops.convert_to_numpy(variable.value))
    if value.dtype.kind == "V":
        raise ValueError(f"{variable.path}: {variable.dtype} cannot be stored by NumPy; keep variables in float32")
    return value


def _named(callbacks: Iterable) -> dict[str, keras.callbacks.Callback]:
    return {f"{type(one).__name__}_{n}": one for n, one in enumerate(callbacks)}


def _plain(key: str, value: Any) -> bool:
    return not key.startswith("_") and (value is None or isinstance(value, bool | int | float | str))


def _configured(layer: keras.Layer) -> Any:
    try:
        return _without_names(layer.get_config())
    except NotImplementedError:  # a layer of one's own that cannot be saved either
        return type(layer).__name__


def _without_names(config: Any) -> Any:
    """A configuration without the names that Keras makes up, which count how many were made before."""
    if isinstance(config, dict):
        return {key: _without_names(value) for key, value in config.items() if key not in ("name", "build_config")}
    return [_without_names(one) for one in config] if isinstance(config, list | tuple) else config


def _other(what: str, before: Any, now: Any) -> str:
    """The first place at which saved and present identity differ, in words."""
    if what == "structure" and before:
        return difference(before, now) or "other layers"
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*now, *(key for key in before if key not in now)]:
            if before.get(key) != now.get(key):
                return _other(f"{what} {key}", before.get(key), now.get(key))
    if isinstance(before, list) and isinstance(now, list):
        for n, (one, other) in enumerate(zip(before, now, strict=False)):
            if one != other:
                return _other(f"{what} {n}", one, other)
    return f"{what}: found {json.dumps(before)[:120]} in the file, expected {json.dumps(now)[:120]}"
