"""Sum-product messages between rows and columns of a table of odds, one by one, until they stay as they are."""

import math

import numpy as np


def matched(odds):
    """Bethe's posterior of every pair where all of the smaller side are matched, and his sum over all matchings."""
    odds = np.asarray(odds, float)
    if odds.shape[0] > odds.shape[1]:
        posterior, total = matched(odds.T)
        return posterior.T, total
    few, many = odds.shape
    left = float(many > few)  # a column may stay alone
    log = lambda value: math.log(value) if value > 1e-300 else math.log(1e-300)
    by_rows, by_columns = np.zeros(odds.shape), np.zeros(odds.shape)  # logarithms
    posterior = np.zeros(odds.shape)
    for _ in range(2000):
        before = posterior
        for i, j in np.ndindex(few, many):
            others = left + sum(odds[k, j] * math.exp(by_rows[k, j]) for k in range(few) if k != i)
            by_columns[i, j] = -log(others)
        for i, j in np.ndindex(few, many):
            others = sum(odds[i, k] * math.exp(by_columns[i, k]) for k in range(many) if k != j)
            by_rows[i, j] = (by_rows[i, j] - log(others)) / 2
        posterior = 1 / (1 + np.exp(-(np.log(odds) + by_rows + by_columns)))
        if np.abs(posterior - before).max() < 1e-11:
            break
    plogp = lambda p: p * math.log(p) if p > 1e-300 else 0.0
    free = 0.0
    for i, j in np.ndindex(few, many):
        free += posterior[i, j] * math.log(odds[i, j]) - plogp(posterior[i, j]) + plogp(1 - posterior[i, j])
    if left:
        free -= sum(plogp(max(0.0, 1 - column.sum())) for column in posterior.T)
    return posterior, math.exp(free)
