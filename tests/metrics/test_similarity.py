"""How alike maps are: by hand, and by the slow sums of the papers."""

import numpy as np
import pytest

from xai_widgets.metrics.similarity import CLIP, agreement, overlap, spread, structural_similarity

RNG = np.random.default_rng(1)


def gaussian() -> np.ndarray:
    across = np.arange(-5, 6)
    line = np.exp(-(across**2) / (2 * 1.5**2))
    window = np.outer(line, line)
    return window / window.sum()


def slow_ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Wang et al. 2004, equation 13 at every pixel whose whole window lies in the picture."""
    window, c1, c2 = gaussian(), (0.01 * 2) ** 2, (0.03 * 2) ** 2
    found = []
    for y in range(5, one.shape[0] - 5):
        for x in range(5, one.shape[1] - 5):
            a, b = (m[y - 5 : y + 6, x - 5 : x + 6] for m in (one, other))
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
            cov = (window * (a - ma) * (b - mb)).sum()
            found.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(found))


def test_structural_similarity_is_that_of_the_paper() -> None:
    maps = [RNG.normal(size=(19, 23)).astype(np.float32) for _ in range(2)]
    maps[1] += 0.7 * maps[0]
    found = structural_similarity([*maps, np.ones((19, 23), np.float32)])
    cut = [np.clip(m / np.percentile(np.abs(m), CLIP), -1, 1).astype(np.float64) for m in maps]
    assert found[0, 1] == found[1, 0] == pytest.approx(slow_ssim(*cut), abs=1e-6)
    assert found[0, 0] == pytest.approx(1)
    assert np.isnan(found[2]).all()


def test_structural_similarity_does_not_depend_on_units() -> None:
    one, other = RNG.normal(size=(2, 20, 20))
    found = structural_similarity([one, other])[0, 1]
    assert structural_similarity([1000 * one, other])[0, 1] == pytest.approx(found)


def test_overlap_counts_common_pixels() -> None:
    one = np.arange(20.0).reshape(4, 5)  # the strongest 4: 16 to 19
    other = one.copy()
    other[0, 0], other[0, 1] = -50, -60  # sizes count: these two and 18, 19
    found = overlap([one, other, np.zeros((4, 5))], share=0.2)
    assert found[0, 1] == 0.5
    assert found[0, 0] == 1
    assert np.isnan(found[0, 2]) and np.isnan(found[2, 2])


def test_random_orders_have_their_share_in_common() -> None:
    one, other = RNG.normal(size=(2, 200, 200))
    assert overlap([one, other])[0, 1] == pytest.approx(0.1, abs=0.02)


def test_maps_of_two_sizes_meet_at_the_smaller() -> None:
    small = RNG.normal(size=(12, 12))
    large = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)
    found = agreement([large, small])
    assert found.size == (12, 12)
    np.testing.assert_allclose(found.spread, 0, atol=1e-12)
    for name in ("rank", "ssim", "top"):
        assert found.mean(name) == pytest.approx(1)


def test_agreement_of_one_map_has_no_mean() -> None:
    one = RNG.normal(size=(12, 12))
    assert agreement([one]).mean("rank") is None
    np.testing.assert_array_equal(agreement([one]).spread, spread([one]))
