"""Problems of plugins and of the installation, each with its effect and its fix."""

from __future__ import annotations

from dataclasses import dataclass

BREAKS = {
    "broken": "its components are not available",
    "gone": "its components are not available",
    "target": "using the component ends with an error",
    "versions": "the three distributions are released and tested together, with the same version",
    "torchvision": "pytorch_lightning and torchmetrics import it, so no model can be trained",
}
"""Check -> the effect of its problem, for problems that prevent something from working."""

COSTS = {
    "missing": "the component cannot be used until it is installed; everything else works",
    "ambiguous": "the name without its distribution is refused",
    "heavy": "every command that lists plugins waits for the import, including `plugins list`",
    "slow": "every command that lists plugins waits for it",
    "newer": "hooks, arguments and fields that it requires may not exist",
    "deprecated": "it stops working with the next major version of the specification",
    "twice": "which one is used depends on the order of sys.path, and an update may change the other one",
}
"""The same for problems with a disadvantage only."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem that a user or a plugin's author can fix."""

    check: str
    """A key of `BREAKS` or `COSTS`."""
    plugin: str
    """``distribution:entry``, or a distribution."""
    problem: str
    remedy: str
    """A command that fixes it, or else what the plugin's author or its user has to do."""

    @property
    def breaks(self) -> bool:
        """Whether something does not work."""
        return self.check in BREAKS

    @property
    def effect(self) -> str:
        """The effect of the problem."""
        return BREAKS.get(self.check) or COSTS[self.check]
