"""Stop when the validation loss no longer falls."""

from __future__ import annotations

from pytorch_lightning import callbacks


class EarlyStopping(callbacks.EarlyStopping):
    """Ends training once `monitor` has not improved for `patience` validations (Prechelt 1998).

    The run goes on with the best checkpoint, so what is audited is the model at its lowest validation loss.

    Args:
        patience: validations without an improvement that are waited for; above 0.
        min_delta: a smaller fall does not count, in units of `monitor`.
        monitor: the logged metric to watch; lower is better.
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.0, monitor: str = "validate_loss") -> None:
        if patience < 1:
            raise ValueError(f"patience is {patience}; expected at least 1")
        super().__init__(monitor=monitor, patience=patience, min_delta=min_delta, mode="min")
