"""Learning rates that do not fade away. First met in lesson 46_expressions_schedule_and_ema."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="course_utils")
class Floored(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, or a constant rate, that never falls below ``floor``; saved and loaded with its model.

    >>> decay = keras.optimizers.schedules.ExponentialDecay(5e-4, decay_steps=224, decay_rate=0.99, staircase=True)
    >>> keras.optimizers.Adam(Floored(decay, 1e-6))

    Raises ValueError unless the floor is a positive number.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule | float, floor: float):
        if not 0 < floor < float("inf"):
            raise ValueError(f"floor {floor}: expected a positive number")
        self.schedule, self.floor = schedule, float(floor)

    def __call__(self, step):
        rate = self.schedule(step) if callable(self.schedule) else self.schedule
        return ops.maximum(ops.cast(rate, "float32"), self.floor)

    def get_config(self) -> dict:
        schedule = self.schedule
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            schedule = keras.saving.serialize_keras_object(schedule)
        return {"schedule": schedule, "floor": self.floor}

    @classmethod
    def from_config(cls, config: dict) -> Floored:
        schedule = config["schedule"]
        if isinstance(schedule, dict):
            schedule = keras.saving.deserialize_keras_object(schedule)
        return cls(schedule, config["floor"])
