"""Laws of how much a test language gains from each training language's data, fitted many at a time.

An outcome y of a test language (minus its mean loss, or its accuracy) over fine-tunings that had
n_b examples of each training language b:

- `alike`: y = α + β log(n₀ + Σ n_b). Whose data it is does not matter.
- `own`: y = α + β log(n₀ + n_a). Only the test language's own data a counts.
- `one`: y = α + β log(n₀ + n_a + τ Σ n_b). All other languages are worth the same.
- `separate`: y = α + Σ β_b log(n₀ + n_b). Languages' data do not stand in for one another.
- `each`: y = α + β log(n₀ + n_a + Σ τ_b n_b). An example of b is worth τ_b of an own one.

A rate τ_b is not negative; log τ_b is pulled towards the mean of all log τ, which itself is hardly
pulled towards 0: `PULL`. n₀ lies between 1 and a hundred times the most examples there were.

A test language that is not trained on has no own data that the others could be measured by: only
the rates' ratios can be known (a common factor is part of α and n₀). They are given relative to the
training languages' mean, so that Σ τ_b is the number of languages. `own` does not exist then, and
`one` is `alike`.

The least squares are variable projections (Kaufman 1975: α and β are solved for, a Levenberg–
Marquardt step is made in log n₀ and log τ), for all weightings of the fine-tunings at once: a
thousand resamples take as long as a hundred calls of scipy's solver, which the tests compare.
"""

import dataclasses
from functools import cached_property

import numpy as np

LAWS = ("nothing", "alike", "own", "one", "separate", "each")
"""Simpler ones first; `nothing` is the mean."""

PULL = 0.1
"""Weight of a rate's deviation, in log τ, as a residual in standard deviations of the outcome."""

COMMON_PULL = 0.05
"""Of the mean of log τ, likewise: just enough that rates of nothing do not drift away."""

SMALLEST_RATE, LARGEST_RATE = 1e-3, 1e3

STEPS = 60
"""Most steps of the least squares."""

CONVERGED = 1e-7
"""Relative decrease of the sum of squares at which a fit is left as it is."""

STARTS = [(start, rate) for start in (1.0, 20.0, 400.0) for rate in (1.0, 0.05)]
"""n₀ and τ from which the first fit sets out; the resamples set out from where the best arrived."""

FURTHER = 100
"""Examples of which it is told what they would bring."""

GRID = 16
"""Values of n₀ tried for separate terms."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """A law fitted to R weightings of the fine-tunings.

    Attributes:
        law: its name.
        level: (R,) α.
        slopes: (R, languages) β, one column each for separate terms; else (R, 1).
        offset: (R,) n₀.
        rates: (R, languages) τ; 1 for the test language itself, 0 for data without effect.
        squares: (R,) the weighted sum of squared residuals.
    """

    law: str
    level: np.ndarray
    slopes: np.ndarray
    offset: np.ndarray
    rates: np.ndarray
    squares: np.ndarray

    def predict(self, counts: np.ndarray) -> np.ndarray:
        """Return (R, points) outcomes of (points, languages) numbers of examples."""
        return (
            self.level[:, None] + (np.log(self._amounts(counts)) @ self.slopes[:, :, None])[..., 0]
        )

    def slopes_at(self, counts: np.ndarray) -> np.ndarray:
        """Return (R, points, languages) derivatives of the outcome by the numbers of examples."""
        slopes = self.slopes[:, None, :] / self._amounts(counts)
        return slopes if self.law == "separate" else slopes * self.rates[:, None, :]

    def _amounts(self, counts: np.ndarray) -> np.ndarray:
        """Return (R, points, terms) what the logarithm is taken of."""
        counts = np.asarray(counts, dtype=float)
        if self.law == "separate":
            return self.offset[:, None, None] + counts
        return self.offset[:, None, None] + (counts @ self.rates.T).T[:, :, None]


def and_further(at: np.ndarray) -> np.ndarray:
    """Return numbers of examples, and in a row each those with `FURTHER` more of one language.

    Where there are few, or none as yet, a hundred times the derivative would promise far too much.

    Args:
        at: (languages,).

    Returns:
        (1 + languages, languages)
    """
    return at + FURTHER * np.concatenate([np.zeros((1, len(at))), np.eye(len(at))])


def beyond_first(outcomes: np.ndarray) -> np.ndarray:
    """Return (R, points - 1) by how much outcomes are better than at the first of the points.

    What differs by rounding alone is the same.
    """
    return np.round(outcomes[:, 1:] - outcomes[:, :1], 12)


def parameters(law: str, languages: int, own: int | None) -> int:
    """Return how many numbers a law is made of; 0 if it does not exist (see the module).

    Args:
        languages: number of those trained on.
        own: the test language among them; None if it is not trained on.
    """
    if own is None and law in ("own", "one"):
        return 0
    numbers = {"nothing": 1, "alike": 3, "own": 3, "one": 4, "separate": languages + 2}
    return numbers.get(law, languages + 2)


def fit(
    law: str,
    counts: np.ndarray,
    outcomes: np.ndarray,
    own: int | None,
    weights: np.ndarray | None = None,
    without: int | None = None,
) -> Fit:
    """Fit a law by least squares.

    Args:
        counts: (fits, languages) examples of each training language.
        outcomes: (fits,)
        own: the test language among the training languages; None if it is not trained on.
        weights: (R, fits) of the fine-tunings in each of R fits; None for a single one of all.
        without: a language whose data is taken to have no effect (`each`; `one`: the own one).

    Raises:
        ValueError: the law does not exist for the language.
    """
    fits, languages = counts.shape
    if not parameters(law, languages, own):
        raise ValueError(f"There is no law {law!r} of a language that is not trained on.")
    counts = counts.astype(float)
    weights = np.ones((1, fits)) if weights is None else weights.astype(float)
    center, scale = outcomes.mean(), outcomes.std() or 1.0
    y = (outcomes - center) / scale
    if law == "nothing":
        level = weights @ y / weights.sum(1)
        squares = (weights * (y - level[:, None]) ** 2).sum(1)
        zero = np.zeros((len(weights), 1))
        unscaled = Fit(
            law, level, zero, zero[:, 0] + 1, np.zeros((len(weights), languages)), squares
        )
    elif law == "separate":
        unscaled = _separate(counts, y, weights)
    else:
        unscaled = _effective(law, counts, y, own, weights, without)
    return dataclasses.replace(
        unscaled,
        level=unscaled.level * scale + center,
        slopes=unscaled.slopes * scale,
        squares=unscaled.squares * scale**2,
    )


def _separate(counts: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Fit:
    """Solve the linear least squares at each n₀ of a grid and keep the best."""
    largest = 100 * counts.max() + 1
    squares = np.full(len(weights), np.inf)
    solved, offset = np.zeros((len(weights), 1 + counts.shape[1])), np.ones(len(weights))
    for tried in np.geomspace(1, largest, GRID):
        terms = np.concatenate([np.ones((len(y), 1)), np.log(tried + counts)], axis=1)
        weighted = weights[:, :, None] * terms
        normal = np.swapaxes(weighted, 1, 2) @ terms
        ridge = 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(terms.shape[1])
        here = np.linalg.solve(normal + ridge, weighted.swapaxes(1, 2) @ y[:, None])[..., 0]
        left = (weights * (y - here @ terms.T) ** 2).sum(1)
        better = left < squares
        squares[better], solved[better], offset[better] = left[better], here[better], tried
    rates = np.ones((len(weights), counts.shape[1]))
    return Fit("separate", solved[:, 0], solved[:, 1:], offset, rates, squares)


def _effective(
    law: str,
    counts: np.ndarray,
    y: np.ndarray,
    own: int | None,
    weights: np.ndarray,
    without: int | None,
) -> Fit:
    """Fit a law of one effective number of examples."""
    languages = counts.shape[1]
    others = np.array([language != own for language in range(languages)])
    free = np.zeros((0, languages))  # each row: the languages that share a rate
    fixed = np.ones(languages)
    if law == "own":
        fixed = (~others).astype(float)
    elif law == "one":
        free, fixed = others[None].astype(float), (~others).astype(float)
    elif law == "each":
        free, fixed = np.eye(languages)[others], (~others).astype(float)
    if without is not None:
        left_in = np.arange(languages) != without
        free, fixed = free * left_in, fixed * left_in
    problem = _Problem(counts @ fixed, counts @ free.T, y, _pull(len(free)))
    starts = np.array([[np.log(n0), *[np.log(rate)] * len(free)] for n0, rate in STARTS])
    first, cost, *_ = problem.solve(starts, np.ones((len(starts), len(y))))
    begin = np.repeat(first[[np.argmin(cost)]], len(weights), axis=0)
    found, _, level, slope, squares = problem.solve(begin, weights)
    rates = fixed + np.exp(found[:, 1:]) @ free
    offset = np.exp(found[:, 0])
    if own is None and law == "each":  # relative to the languages' mean
        mean = rates.mean(1)
        rates, offset, level = rates / mean[:, None], offset / mean, level + slope * np.log(mean)
    return Fit(law, level, slope[:, None], offset, rates, squares)


def _pull(rates: int) -> np.ndarray:
    """Return the quadratic form of log n₀ and log τ that is added to the sum of squares."""
    pull = np.zeros((1 + rates, 1 + rates))
    if rates:
        mean = np.full((rates, rates), 1 / rates)
        pull[1:, 1:] = PULL**2 * (np.eye(rates) - mean) + COMMON_PULL**2 * mean / rates
    return pull


@dataclasses.dataclass(frozen=True)
class _Problem:
    """y = α + β log(n₀ + fixed + Σ τ free), in standard deviations of the outcome.

    Attributes:
        fixed: (fits,) examples that count as they are.
        free: (fits, rates) examples that share a rate.
        y: (fits,)
        pull: (1 + rates, 1 + rates)
    """

    fixed: np.ndarray
    free: np.ndarray
    y: np.ndarray
    pull: np.ndarray

    def solve(self, begin: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """Minimise; returns (R, 1 + rates) log n₀ and log τ, cost, α, β and squares, each (R,)."""
        most = 100 * (self.fixed + self.free.sum(1)).max() + 1
        rates = self.free.shape[1]
        low = np.log([1.0, *[SMALLEST_RATE] * rates])
        high = np.log([most, *[LARGEST_RATE] * rates])
        here, damping = np.clip(begin, low, high), np.full(len(begin), 1e-2)
        state = self._evaluate(here, weights)
        active = np.arange(len(here))
        for _ in range(STEPS):
            cost, downhill, curvature = (part[active] for part in (state[0], state[4], state[5]))
            w, at = weights[active], here[active]
            gradient = at @ self.pull - downhill
            curvature = curvature + self.pull
            diagonal = np.einsum("rii->ri", curvature)
            # A bound that the step would cross is a wall: nothing moves along it.
            walled = ((at <= low) & (gradient > 0)) | ((at >= high) & (gradient < 0))
            inside = ~walled[:, :, None] & ~walled[:, None, :]
            damped = np.where(inside, curvature, 0.0)
            extra = damping[active][:, None] * (diagonal + 1e-6) + walled
            damped[:, np.arange(1 + rates), np.arange(1 + rates)] += extra + 1e-12
            step = np.linalg.solve(damped, np.where(walled, 0.0, gradient)[:, :, None])[..., 0]
            tried = np.clip(at - np.clip(step, -2, 2), low, high)
            after = self._evaluate(tried, w)
            better = after[0] < cost
            chosen = active[better]
            here[chosen] = tried[better]
            for old, new in zip(state, after, strict=True):
                old[chosen] = new[better]
            damping[active] = np.clip(damping[active] * np.where(better, 0.2, 8.0), 1e-9, 1e9)
            decrease = (cost - after[0]) / (cost + 1e-12)
            done = (better & (decrease < CONVERGED)) | (~better & (damping[active] > 1e6))
            active = active[~done]
            if not len(active):
                break
        cost, level, slope, squares = state[:4]
        return here, cost, level, slope, squares

    def _evaluate(self, at: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
        """Solve for α and β; also minus half the gradient of the squares, and their curvature.

        The slopes of the outcomes, projected off α and β, are not made: only their products are.
        """
        scales = np.exp(at)
        amount = self.fixed + scales @ self._terms.T
        z = np.log(amount)
        total = w.sum(1, keepdims=True)
        mean_z, mean_y = (w * z).sum(1, keepdims=True) / total, (w @ self.y)[:, None] / total
        centered = z - mean_z
        spread = (w * centered**2).sum(1, keepdims=True) + 1e-12
        slope = (w * centered * (self.y - mean_y)).sum(1, keepdims=True) / spread
        residuals = self.y - mean_y - slope * centered
        squares = (w * residuals**2).sum(1)
        cost = squares + np.einsum("ri,ij,rj->r", at, self.pull, at)
        steep = slope / amount
        downhill = scales * ((w * steep * residuals) @ self._terms)
        products = ((w * steep**2) @ self._products).reshape(len(at), *self.pull.shape)
        curvature = products * scales[:, :, None] * scales[:, None, :]
        for off, length in ((np.ones_like(z), total), (centered, spread)):
            along = scales * ((w * steep * off) @ self._terms)
            curvature -= along[:, :, None] * (along / length)[:, None, :]
        level = (mean_y - slope * mean_z)[:, 0]
        return cost, level, slope[:, 0], squares, downhill, curvature

    @cached_property
    def _terms(self) -> np.ndarray:
        """What n₀ and the rates are multiplied by: (fits, 1 + rates)."""
        return np.concatenate([np.ones((len(self.y), 1)), self.free], axis=1)

    @cached_property
    def _products(self) -> np.ndarray:
        """The products of two terms each: (fits, (1 + rates)²)."""
        return (self._terms[:, :, None] * self._terms[:, None, :]).reshape(len(self.y), -1)
