"""Several answers made one: means and votes of members worked out by hand."""

import numpy as np
import pytest

from course_utils.probes.ensembles import by_mean, by_vote

both = pytest.mark.parametrize("decide", [by_mean, by_vote], ids=lambda f: f.__name__)


def test_the_mean_by_hand():
    """Means 0.4, 0.35, 0.25 and 0.2, 0.3, 0.5."""
    found = by_mean([[[0.6, 0.3, 0.1], [0.1, 0.5, 0.4]], [[0.2, 0.4, 0.4], [0.3, 0.1, 0.6]]])
    assert found.tolist() == [0, 2]


def test_a_majority_beats_the_mean():
    """Two of three put class 1 first, hardly; the third is nearly sure of class 0."""
    answers = [[[0.45, 0.55]], [[0.45, 0.55]], [[0.99, 0.01]]]
    assert by_vote(answers).tolist() == [1]
    assert by_mean(answers).tolist() == [0]


def test_most_votes_need_not_be_more_than_half():
    """Votes 2, 1, 1 for classes 0, 1, 2: class 2 has the largest mean."""
    answers = [[[0.4, 0.3, 0.3]], [[0.4, 0.2, 0.4 - 1e-6]], [[0.0, 0.9, 0.1]], [[0.0, 0.0, 1.0]]]
    assert np.mean(answers, axis=0).argmax() == 2
    assert by_vote(answers).tolist() == [0]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[0.6, 0.4, 0.0], [0.2, 0.8, 0.0]], 1),
        ([[0.8, 0.2, 0.0], [0.4, 0.6, 0.0]], 0),
        ([[0.8, 0.2, 0.0], [0.2, 0.8, 0.0]], 0),  # votes and means alike: the first class
        ([[0.4, 0.35, 0.25], [0.1, 0.5, 0.4], [0.25, 0.35, 0.4]], 1),  # one vote each
        # class 2 has the largest mean and one vote; of 0 and 1 with two each, 1 has the larger mean
        ([[0.4, 0.25, 0.35], [0.4, 0.25, 0.35], [0.2, 0.42, 0.38], [0.2, 0.42, 0.38], [0.0, 0.0, 1.0]], 1),
    ],
)  # fmt: skip
def test_among_as_many_votes_the_larger_mean_wins(answers, expected):
    assert by_vote(np.array(answers)[:, None]).tolist() == [expected]


@both
def test_one_member_answers_for_itself(decide):
    answers = np.random.default_rng(0).dirichlet(np.ones(7), 50)
    np.testing.assert_array_equal(decide(answers[None]), answers.argmax(axis=1))


@both
def test_members_that_agree_are_followed_and_their_order_does_not_count(decide):
    rng = np.random.default_rng(1)
    answers = rng.dirichlet(np.ones(7), (5, 60))
    found = decide(answers)
    assert found.shape == (60,) and np.issubdtype(found.dtype, np.integer)
    np.testing.assert_array_equal(decide(answers[rng.permutation(5)]), found)
    agreed = (answers.argmax(axis=2) == answers[0].argmax(axis=1)).all(axis=0)
    np.testing.assert_array_equal(decide(np.repeat(answers[:1], 5, axis=0)), answers[0].argmax(axis=1))
    np.testing.assert_array_equal(by_vote(answers)[agreed], answers[0].argmax(axis=1)[agreed])
    assert not np.array_equal(found, answers[0].argmax(axis=1)), "these members have to disagree"


def test_the_vote_is_a_count_one_picture_at_a_time():
    answers = np.random.default_rng(2).dirichlet(np.ones(4), (6, 200))
    expected = []
    for one in answers.transpose(1, 0, 2):
        votes = [sum(member.argmax() == c for member in one) for c in range(4)]
        expected.append(max(range(4), key=lambda c: (votes[c], one[:, c].mean())))
    np.testing.assert_array_equal(by_vote(answers), expected)
    counts = [np.sort(np.bincount(one.argmax(axis=1), minlength=4)) for one in answers.transpose(1, 0, 2)]
    assert 20 < sum(count[-1] == count[-2] for count in counts) < 180, "some have to be ties, and some not"


@both
@pytest.mark.parametrize("shape", [(), (3,), (5, 3), (2, 5, 3, 1), (0, 5, 3), (2, 0, 3), (2, 5, 0)], ids=str)
def test_another_shape_is_refused_and_named(decide, shape):
    with pytest.raises(ValueError) as raised:
        decide(np.zeros(shape))
    assert f"probabilities {shape}: expected (members, pictures, classes)" == str(raised.value)
