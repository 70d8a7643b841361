"""What the tests of every set of rules ask: the value, and that its threshold decides."""

from dataclasses import fields, replace

import numpy as np

from jaxlm.data.filters.rules import Rule, RuleSet, failures, measure


def value(config: RuleSet, name: str, text: str) -> float:
    """The value of one rule."""
    return measure([text], [rule_of(config, name)])[name][0].as_py()


def rule_of(config: RuleSet, name: str) -> Rule:
    """A rule by its name."""
    return {rule.name: rule for rule in config.rules()}[name]


def check(config: RuleSet, name: str, text: str, expected: float, **thresholds: float) -> None:
    """Asserts a hand-computed value, and that each threshold decides at exactly that value.

    Args:
      config: The set.
      name: The rule.
      text: A document.
      expected: Its value.
      **thresholds: Settings of the rule, each with a step to the side on which the text fails.
    """
    values = measure([text], [rule_of(config, name)])
    np.testing.assert_allclose(values[name].to_numpy(), [expected], rtol=1e-6)
    assert thresholds
    for setting, step in thresholds.items():
        assert setting in {field.name for field in fields(config)}
        for offset, fails in ((0.0, False), (step, True)):
            rule = _with_one_bound(config, name, setting, expected + offset)
            assert failures(values, [rule])[name].tolist() == [fails]


def _with_one_bound(config: RuleSet, name: str, setting: str, number: float) -> Rule:
    """The rule with the bound that a setting moves, and without the other."""

    def at(number: float) -> Rule:
        was = getattr(config, setting)
        moved = (number,) * len(was) if isinstance(was, tuple) else number
        return rule_of(replace(config, **{setting: moved}), name)

    rule, other = at(number), at(number + 1)
    assert (rule.least == other.least) != (rule.most == other.most)
    return replace(rule, most=np.inf) if rule.most == other.most else replace(rule, least=-np.inf)
