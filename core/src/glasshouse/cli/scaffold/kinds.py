"""The kinds of component for which `glasshouse plugins new` has templates."""

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
    """One kind of component with templates, which are named after it: ``templates/full/model.py.jinja``."""

    plugin_type: type[Plugin]
    noun: str
    """The noun in sentences: ``data set``."""
    summary: str
    """The summary of the generated component."""
    declared: Mapping[str, str]
    """Further arguments of its declaration, as Python source."""
    use: str
    """The command that uses the component; ``NAME`` stands for it."""
    minimal_summary: str = ""
    """The summary of the minimal component, if it differs."""
    minimal_declared: Mapping[str, str] | None = None
    """Further arguments of the minimal component's declaration, if they differ."""
    function: str | None = None
    """The name of the function, for a kind whose component is a function; a class is named after the component."""

    def summary_of(self, *, minimal: bool) -> str:
        """The summary of the generated component, which `plugins list` shows."""
        return self.minimal_summary if minimal and self.minimal_summary else self.summary

    def declared_of(self, *, minimal: bool) -> Mapping[str, str]:
        """Further arguments of the generated declaration."""
        return self.minimal_declared if minimal and self.minimal_declared is not None else self.declared

    @property
    def name(self) -> str:
        """``model``, ``data``, ...: also the name of the component's module."""
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
            summary="synthetic applications with a known bias against one group",
            declared={"targets": '("binary",)'},
            use="glasshouse run --data NAME --model mlp --optimizer adamw",
        ),
        Kind(
            plugin_type=OptimizerPlugin,
            noun="optimizer",
            summary="Lion: sign of an average of gradients (Chen et al. 2023)",
            declared={},
            use="glasshouse run --optimizer NAME --model mlp --data diabetes",
        ),
        Kind(
            plugin_type=TechniquePlugin,
            noun="technique",
            summary="decreasing gradient noise (Neelakantan et al. 2015)",
            declared={},
            use=f"{_AUDITED} --techniques [NAME]",
        ),
        Kind(
            plugin_type=AuditPlugin,
            noun="audit",
            summary="error rate of confident predictions",
            declared={
                "family": '"performance"',
                "targets": '("binary", "multiclass")',
                "requires": '("targets",)',
            },
            minimal_summary="rate of confident predictions",
            minimal_declared={"targets": '("binary", "multiclass")'},
            use=f"{_AUDITED} --audits [NAME]",
        ),
        Kind(
            plugin_type=ExplainerPlugin,
            noun="explainer",
            summary="occlusion: change of the score when a feature is replaced by a baseline",
            declared={"title": '"Occlusion"', "requires": '("features",)'},
            use=f"{_AUDITED} --audits '[{{name: feature_attribution, methods: [NAME]}}]'",
        ),
        Kind(
            plugin_type=ReportFormatPlugin,
            noun="report format",
            summary="all measurements as CSV",
            declared={"suffix": '".csv"'},
            use="glasshouse report RUN_DIR --format NAME",
            function="render",
        ),
    )
}
"""By name, in the order of `glasshouse.plugins.declarations.PLUGIN_TYPES`."""
