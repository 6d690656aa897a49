"""Laws are fitted as scipy fits them, and what they predict follows from their formulas."""

import numpy as np
import pytest
from planted_effects import designed, law
from scipy.optimize import least_squares

from xling.evaluation.laws import COMMON_PULL, LAWS, PULL, fit, parameters

RATES = (1, 0.9, 1.1, 0.3, 0.6)


@pytest.fixture(scope="module")
def data():
    numbers, _ = designed()
    noise = np.random.default_rng(0).normal(size=len(numbers))
    return numbers, law(RATES)(numbers) + 0.05 * noise


def scipy_s(numbers, outcomes, weights):
    """The same sum of squares, in all five kinds of numbers at once."""
    y = (outcomes - outcomes.mean()) / outcomes.std()

    def residuals(at):
        rates = np.array([1.0, *np.exp(at[3:])])
        predicted = at[0] + at[1] * np.log(np.exp(at[2]) + numbers @ rates)
        mean = at[3:].mean()
        pulls = [*(PULL * (at[3:] - mean)), COMMON_PULL * mean]
        return np.concatenate([np.sqrt(weights) * (y - predicted), pulls])

    start = [-10.0, 1.5, 3.0, *[0.0] * 4]
    low, high = np.array([[-1e3, 1e3], [-1e3, 1e3], [0, 11], *[[-7, 7]] * 4]).T
    return least_squares(residuals, start, bounds=(low, high), xtol=1e-12, ftol=1e-12).x


def test_each_rate_is_fitted_as_scipy_fits_it(data):
    numbers, outcomes = data
    drawn = np.random.default_rng(1).multinomial(len(outcomes), [1 / len(outcomes)] * len(outcomes))
    weights = np.stack([np.ones(len(outcomes)), drawn])
    found = fit("each", numbers, outcomes, 0, weights)
    for row, weight in enumerate(weights):
        expected = scipy_s(numbers, outcomes, weight)
        np.testing.assert_allclose(found.rates[row, 1:], np.exp(expected[3:]), rtol=0.01)
        np.testing.assert_allclose(found.slopes[row, 0] / outcomes.std(), expected[1], rtol=0.01)
    assert found.rates[0, 0] == 1


def test_without_noise_the_truth_is_fitted():
    numbers, _ = designed()
    found = fit("one", numbers, law((1, 0.4, 0.4, 0.4, 0.4))(numbers), 0)
    np.testing.assert_allclose(found.rates[0], [1, 0.4, 0.4, 0.4, 0.4], rtol=0.02)
    np.testing.assert_allclose([found.slopes[0, 0], found.level[0]], [0.6, -2], rtol=0.02)
    np.testing.assert_allclose(found.offset[0], 30, rtol=0.1)
    terms = -3 + np.log(1 + numbers) @ [0.1, 0.2, 0, -0.1, 0.3]
    found = fit("separate", numbers, terms, 0)
    np.testing.assert_allclose(found.slopes[0], [0.1, 0.2, 0, -0.1, 0.3], atol=1e-6)
    assert found.offset[0] == 1 and found.squares[0] < 1e-6


@pytest.mark.parametrize("name", LAWS)
def test_a_weight_of_zero_leaves_a_fine_tuning_out(data, name):
    numbers, outcomes = data
    weights = np.ones((2, len(outcomes)))
    weights[1, 7] = 0
    both = fit(name, numbers, outcomes, 0, weights)
    changed = outcomes.copy()
    changed[7] = outcomes[8]  # within the others' range, so that the pull is about the same
    other = fit(name, numbers, changed, 0, weights[1:])
    np.testing.assert_allclose(both.predict(numbers)[1], other.predict(numbers)[0], atol=2e-3)
    assert not np.allclose(both.predict(numbers)[0], both.predict(numbers)[1], atol=1e-5)


@pytest.mark.parametrize("name", LAWS)
def test_slopes_are_those_of_what_is_predicted(data, name):
    numbers, outcomes = data
    found = fit(name, numbers, outcomes, 0)
    at = np.array([[100.0, 50, 150, 75, 20]])
    for language, gain in enumerate(found.slopes_at(at)[0, 0]):
        step = np.eye(5)[[language]] * 1e-3
        slope = (found.predict(at + step) - found.predict(at - step))[0, 0] / 2e-3
        assert gain == pytest.approx(slope, rel=1e-4, abs=1e-12)


def test_the_outcome_s_units_do_not_matter(data):
    numbers, outcomes = data
    plain, percent = (fit("each", numbers, y, 0) for y in (outcomes, 100 * outcomes + 7))
    np.testing.assert_allclose(plain.rates, percent.rates, rtol=1e-6)
    np.testing.assert_allclose(100 * plain.predict(numbers) + 7, percent.predict(numbers))


def test_nothing_to_fit_is_no_error():
    numbers, _ = designed(12)
    for name in LAWS:
        found = fit(name, numbers, np.full(len(numbers), 0.5), 0)
        np.testing.assert_allclose(found.predict(numbers), 0.5)


def test_rates_of_a_language_that_is_not_trained_on_are_relative_to_their_mean(data):
    numbers, outcomes = data
    found = fit("each", numbers, outcomes, None)
    assert found.rates[0].mean() == pytest.approx(1)
    expected = np.array(RATES) / np.mean(RATES)
    np.testing.assert_allclose(found.rates[0], expected, atol=0.15)
    trained = fit("each", numbers, outcomes, 0)
    np.testing.assert_allclose(found.predict(numbers), trained.predict(numbers), atol=0.02)
    for name in ("own", "one"):
        assert parameters(name, 5, None) == 0
        with pytest.raises(ValueError, match=f"no law '{name}' of a language that is not trained"):
            fit(name, numbers, outcomes, None)
