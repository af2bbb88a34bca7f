"""Early stopping."""

from __future__ import annotations

from pytorch_lightning import callbacks


class EarlyStopping(callbacks.EarlyStopping):
    """Stops training when `monitor` has not improved for `patience` validations (Prechelt 1998).

    Audits use the best checkpoint, i.e. the model with the lowest validation loss.

    Args:
        patience: validations without improvement before training stops, at least 1.
        min_delta: smallest decrease that counts as improvement, in units of `monitor`.
        monitor: name of the logged metric; lower is better.
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.0, monitor: str = "validate_loss") -> None:
        if patience < 1:
            raise ValueError(f"patience is {patience}; expected at least 1")
        super().__init__(monitor=monitor, patience=patience, min_delta=min_delta, mode="min")
