"""The scorecard: each measure by hand or by its reference, and what is told apart by the whole."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import ConvLSTMClassifier, SequenceFlattener, judge_explanations, pair_attributions
from sklearn_emoxai.evaluation._scorecard import MEASURES, gini, localisation, max_sensitivity

PLANTED = np.isin(np.arange(12), [3, 7])
GROUPS = np.r_[np.zeros(26), np.arange(4) + 1]  # one subject shows nearly all, the others one class each


@pytest.fixture(scope="module")
def case():
    """A network that has learnt two planted landmarks, one of another seed, and sequences that it has not seen."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 4, 2, 12)).astype(np.float32), np.arange(90) % 2
    X[:, :, :, PLANTED] += 1.5 * y[:, None, None, None]
    networks = [
        ConvLSTMClassifier(
            n_filters=4, lstm_units=6, fc_units=5, lr=1e-2, max_epochs=40, random_state=seed
        ).fit(X[:60], y[:60])
        for seed in (0, 1)
    ]
    return *networks, X[60:], y[60:], X[:6:2]


def judged(case, **options):
    network, _, X, y, baselines = case
    defaults = {"baselines": baselines, "neutral": 0, "n_steps": 10, "random_state": 0}
    return judge_explanations(network, X, y, **defaults | options)


def test_good_explanations_beat_a_shuffled_one_by_every_measure_but_sparseness(case):
    other, baselines = case[1], case[4]
    order = np.random.default_rng(1).permutation(12)

    def shuffled(module, X):
        return pair_attributions(module, X, baselines, n_steps=10).mean(axis=1)[..., order]

    table = judged(
        case,
        explanations={"ours": "integrated_gradients", "shuffled": shuffled},
        truth=PLANTED,
        other_models=[other],
    )
    better = table[table["better"] != ""].drop(
        index=["max_sensitivity", "completeness_error", "untrained_correlation", "seed_correlation"]
    )
    sign = np.where(better["better"] == "higher", 1, -1)
    assert (sign * (better["ours"] - better["shuffled"]) > 0).all()
    # What no order of landmarks changes.
    for measure in ("sparseness", "max_sensitivity", "seed_correlation"):
        assert table.loc[measure, "ours"] == pytest.approx(table.loc[measure, "shuffled"], rel=0.05)
    assert table.loc["seed_correlation", "ours"] > table.loc["untrained_correlation", "ours"]
    assert set(MEASURES) - set(table.index) == {"retraining"}


def test_complete_explanations_have_no_completeness_error(case):
    table = judged(case, explanations=["deep_lift", "gradient_x_input"])
    assert (
        table.loc["completeness_error", "deep_lift"]
        < 1e-4
        < table.loc["completeness_error", "gradient_x_input"]
    )


def test_retraining_finds_the_planted_landmarks(case):
    table = judged(
        case,
        explanations=["integrated_gradients"],
        retrain=make_pipeline(SequenceFlattener(), SVC()),
        groups=np.arange(30) // 5,
        n_landmarks=2,
    )
    assert table.loc["retraining", "integrated_gradients"] > 0.1


def test_infidelity_is_captums(case):
    from captum.metrics import infidelity

    network, _, X, y, baselines = case
    attributions = pair_attributions(network, X, baselines[:1], n_steps=10)[:, 0]
    ours = judge_explanations(
        network, X, y, baselines=baselines[:1], explanations={"given": attributions}, n_perturbations=6,
        neutral=0, random_state=0,
    )  # fmt: skip
    # The sets that ours draws, from the generator that it makes of the seed.
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    random_state = np.random.RandomState(seed)
    chance = random_state.uniform(size=(6, len(X), 1))
    sets = iter(random_state.uniform(size=(6, len(X), 12)) < chance)

    def perturb(inputs):
        members = torch.as_tensor(next(sets))[:, None, None].expand_as(inputs)
        return members.float(), torch.where(members, torch.as_tensor(baselines[:1]), inputs)

    found = infidelity(
        lambda x: torch.softmax(network.module_(x), 1)[:, 1],
        perturb, torch.as_tensor(X), torch.as_tensor(attributions), n_perturb_samples=6, max_examples_per_batch=len(X),
    )  # fmt: skip
    assert ours.loc["infidelity", "given"] == pytest.approx(found.mean().item(), rel=1e-3)


def test_localisation_by_hand():
    values = np.array([[4.0, 3.0, 2.0, 1.0]])
    found = localisation(values, np.array([[True, False, True, False]]))
    assert found["relevance_mass"] == [0.6]
    assert found["relevance_rank"] == [0.5]
    assert found["precision_area"] == [(1 + 1 / 2 + 2 / 3 + 2 / 4) / 4]
    assert found["recall_area"] == [(1 / 2 + 1 / 2 + 1 + 1) / 4]


def test_gini_by_hand():
    # Of four values with one alone: 1 − 1/4; of equal ones 0; of 1, 3: (−1·1 + 1·3) / (2·4).
    assert gini(np.array([[0, 0, 0, 5.0]])) == [0.75]
    assert gini(np.ones((1, 7))) == [0]
    assert gini(np.array([[3.0, 1.0]])) == [0.25]


def quantus():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("quantus", exc_type=ImportError)


@pytest.mark.filterwarnings("ignore")
def test_numbers_are_those_of_quantus_where_definitions_agree(case):
    q = quantus()
    network, _, X, y, baselines = case
    size = np.abs(pair_attributions(network, X, baselines[:1], n_steps=10)[:, 0]).sum(axis=(1, 2))
    truth = np.tile(PLANTED, (len(X), 1))
    common = {"abs": False, "normalise": False, "disable_warnings": True, "display_progressbar": False}
    images = {
        "model": network.module_.eval(), "x_batch": np.zeros((len(X), 1, 1, 12), np.float32), "y_batch": y,
        "a_batch": size[:, None, None], "s_batch": truth[:, None, None], "device": "cpu", "channel_first": True,
    }  # fmt: skip
    np.testing.assert_allclose(q.Sparseness(**common)(**images), gini(size), rtol=1e-4)
    found = localisation(size, truth)
    np.testing.assert_allclose(
        q.RelevanceMassAccuracy(**common)(**images), found["relevance_mass"], rtol=1e-5
    )
    np.testing.assert_allclose(
        q.RelevanceRankAccuracy(**common)(**images), found["relevance_rank"], rtol=1e-5
    )

    moves = [np.random.default_rng(i).uniform(-0.1, 0.1, X.shape).astype(np.float32) for i in range(3)]

    def explain(inputs):
        return pair_attributions(network, inputs.reshape(X.shape), baselines[:1], n_steps=10)[:, 0]

    a = explain(X)
    draws = iter(moves)
    metric = q.MaxSensitivity(
        nr_samples=3,
        perturb_func=lambda arr, indices, **_: arr + next(draws).reshape(arr.shape),
        return_nan_when_prediction_changes=False,
        **common,
    )
    theirs = metric(
        model=network.module_, x_batch=X, y_batch=y, a_batch=a.copy(), device="cpu", batch_size=len(X),
        channel_first=True,
        explain_func=lambda model, inputs, targets, **_: explain(inputs),
    )  # fmt: skip
    np.testing.assert_allclose(theirs, max_sensitivity(a, (explain(X + move) for move in moves)), rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"explanations": {}}, ValueError, "explanations must hold at least one"),
        ({"explanations": {"mine": np.ones((3, 4))}}, ValueError, "must be finite and of the shape of X"),
        ({"explanations": {"mine": object()}}, TypeError, "must be a name, a function or an array; got object"),
        ({"explanations": ["lime"]}, ValueError, "attribution must be one of"),
        ({"explanations": "lime"}, ValueError, "attribution must be one of .*; got 'lime'"),
        ({"explanations": {"better": "gradient_x_input"}}, ValueError, "names of the other columns; got 'better'"),
        ({"target": 2}, ValueError, "target must be one of the model's classes 0 to 1; got 2"),
        ({"baselines": np.ones((1, 9, 2, 12))}, ValueError, "baselines must have shape"),
        ({"retrain": SVC(), "groups": GROUPS > 0, "n_landmarks": 2}, ValueError, "groups must hold subjects .* got 2"),
        ({"retrain": SVC(), "groups": GROUPS, "n_landmarks": 2}, ValueError, "subjects with both classes"),
        ({"truth": np.ones(12)}, ValueError, r"truth must be a mask of shape \(12,\)"),
        ({"truth": np.zeros(12, bool)}, ValueError, "truth must name at least one landmark"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused(case, options, error, message):
    with pytest.raises(error, match=message):
        judged(case, **options)
