"""Single gradients through captum: the slope of a score at a row."""

from __future__ import annotations

from glasshouse import Explanation, Question

from glasshouse_audits.explain.methods.asking import Counted, by_row


class Saliency:
    """|gradient| (Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2014).

    In units of the score per unit of the encoded input; it adds up to nothing.
    """

    def explain(self, question: Question) -> Explanation:
        from captum.attr import Saliency as Captum

        counted = Counted(question)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        values = by_row(question, lambda x, k: explain[k].attribute(x), held=1)
        details = "Size of the gradient at the row itself, in units of the score per unit of the encoded input."
        return Explanation(values=values, evaluations=counted.evaluations, details=details)


class InputXGradient:
    """Gradient times encoded input (Shrikumar et al., "Not Just a Black Box", 2016).

    A baseline of zero in the encoding is implied, whatever zero means there.
    """

    def explain(self, question: Question) -> Explanation:
        from captum.attr import InputXGradient as Captum

        counted = Counted(question)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        values = by_row(question, lambda x, k: explain[k].attribute(x), held=1)
        details = "Gradient at the row itself times the encoded input."
        return Explanation(values=values, evaluations=counted.evaluations, details=details)
