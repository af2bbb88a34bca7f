"""What differs between distributions that bring a model, a data set, an audit and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from glasshouse.plugins.declarations import (
    AuditPlugin,
    DataPlugin,
    ExplainerPlugin,
    ModelPlugin,
    OptimizerPlugin,
    Plugin,
    ReportFormatPlugin,
    TechniquePlugin,
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of component that can be begun from a template.

    The templates of its component and tests bear its name: ``templates/full/model.py.jinja``.
    """

    plugin_type: type[Plugin]
    noun: str
    """What a sentence calls it: ``data set``."""
    summary: str
    """What the templates make, in a line."""
    declared: Mapping[str, str]
    """Further arguments of its declaration, as source."""
    use: str
    """The command that uses the component; ``NAME`` stands for it."""
    minimal_summary: str = ""
    """What the minimal templates make, where that is less."""
    minimal_declared: Mapping[str, str] | None = None
    """Further arguments of its declaration, where these are others."""
    function: str | None = None
    """The component's name in its module where it is a function; a class is named after the component."""

    def summary_of(self, *, minimal: bool) -> str:
        """The line in `plugins list` of what is written."""
        return self.minimal_summary if minimal and self.minimal_summary else self.summary

    def declared_of(self, *, minimal: bool) -> Mapping[str, str]:
        """Further arguments of the declaration that is written."""
        return self.minimal_declared if minimal and self.minimal_declared is not None else self.declared

    @property
    def name(self) -> str:
        """``model``, ``data``, ...: the module that holds the component is called so."""
        return self.plugin_type.kind


_AUDITED = "glasshouse run --model mlp --data diabetes --optimizer adamw"

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            plugin_type=ModelPlugin,
            noun="model",
            summary="a residual network for tables",
            declared={},
            use="glasshouse run --model NAME --data diabetes --optimizer adamw",
        ),
        Kind(
            plugin_type=DataPlugin,
            noun="data set",
            summary="invented applications, in which one group needs more to be accepted",
            declared={"targets": '("binary",)'},
            use="glasshouse run --data NAME --model mlp --optimizer adamw",
        ),
        Kind(
            plugin_type=OptimizerPlugin,
            noun="optimizer",
            summary="Lion, the sign of a running mean of gradients (Chen et al. 2023)",
            declared={},
            use="glasshouse run --optimizer NAME --model mlp --data diabetes",
        ),
        Kind(
            plugin_type=TechniquePlugin,
            noun="technique",
            summary="noise on gradients that fades (Neelakantan et al. 2015)",
            declared={},
            use=f"{_AUDITED} --techniques [NAME]",
        ),
        Kind(
            plugin_type=AuditPlugin,
            noun="audit",
            summary="how often the model is sure and wrong",
            declared={
                "family": '"performance"',
                "targets": '("binary", "multiclass")',
                "requires": '("targets",)',
            },
            minimal_summary="how often the model is sure of its decision",
            minimal_declared={"targets": '("binary", "multiclass")'},
            use=f"{_AUDITED} --audits [NAME]",
        ),
        Kind(
            plugin_type=ExplainerPlugin,
            noun="explainer",
            summary="how far the score moves when a feature takes its usual value",
            declared={"title": '"Occlusion"', "requires": '("features",)'},
            use=f"{_AUDITED} --audits '[{{name: feature_attribution, methods: [NAME]}}]'",
        ),
        Kind(
            plugin_type=ReportFormatPlugin,
            noun="report format",
            summary="every measurement as a row of CSV",
            declared={"suffix": '".csv"'},
            use="glasshouse report RUN_DIR --format NAME",
            function="render",
        ),
    )
}
"""By name, in the order of `glasshouse.plugins.declarations.PLUGIN_TYPES`."""
