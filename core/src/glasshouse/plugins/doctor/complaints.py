"""What can be wrong with plugins and with what they stand in, each with why it matters and what to do."""

from __future__ import annotations

from dataclasses import dataclass

BREAKS = {
    "broken": "what it brings is not there",
    "gone": "what it brings is not there",
    "target": "who uses it is told that it is not there",
    "versions": "the three are made and tested together, one version each",
    "torchvision": "pytorch_lightning and torchmetrics import it, so that nothing can be trained",
}
"""Why it matters, for each check whose complaint says that something does not work."""

COSTS = {
    "missing": "whoever uses it is told to install that; everything else works",
    "ambiguous": "the bare name is refused, since it says not which",
    "heavy": "every command that looks at plugins waits for that, `plugins list` among them",
    "slow": "every command that looks at plugins waits for it",
    "newer": "hooks, arguments and fields that it counts on may not be here",
    "given_up": "it stops working with the next major version of the specification",
    "twice": "which of them is used depends on the order of sys.path, and updates may change the other",
}
"""The same where all works, at a price."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that a user or an author can mend."""

    check: str
    """A key of `BREAKS` or `COSTS`."""
    plugin: str
    """``distribution:entry``, or a distribution."""
    problem: str
    remedy: str
    """A command to paste, where one mends it; else what its author, or whoever writes the name, has to do."""

    @property
    def breaks(self) -> bool:
        """Whether something does not work, rather than works at a price."""
        return self.check in BREAKS

    @property
    def why(self) -> str:
        """Why it matters."""
        return BREAKS.get(self.check) or COSTS[self.check]
