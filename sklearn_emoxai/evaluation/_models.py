"""The models that are compared unless others are given."""

from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from .._validation import MetadataMixin
from ..network import ConvLSTMClassifier
from ..preprocessing import (
    LandmarkAligner,
    LandmarkMotion,
    NeutralDifference,
    PredictsAsItsEstimator,
    SequenceFlattener,
)
from ..selection import IGLandmarkSelector, memory_of_code

# The landmark counts of the paper's tables.
PAPER_COUNTS = (468, 234, 128, 64, 32, 16)
# F, Q and R. The paper does not say among which values it searched.
NETWORK_GRID = {"n_filters": [20, 40], "lstm_units": [32, 64], "fc_units": [32, 64]}
SVM_GRIDS = {
    "linear": {"svc__C": [1, 10, 100, 1000]},
    "rbf": {"svc__C": [1, 10, 100, 1000], "svc__gamma": [0.3, 1, 3]},
}
INNER_SPLITS = 2
# What "best" averages.
_N_NETWORKS = 3


def paper_models(
    *,
    recipe="paper",
    network_grid="recipe",
    velocities=True,
    n_landmarks_to_select=None,
    strategy="top",
    random_state=None,
    **network,
):
    """The majority class, the SVMs and the two networks, each behind a selection of landmarks.

    Parameters
    ----------
    recipe : {"paper", "best"}, default="paper"
        "paper" has networks as the paper trains them, :meth:`ConvLSTMClassifier.from_paper`. "best" has the default
        :class:`ConvLSTMClassifier`, three networks of it each, and SVMs and networks search whether
        velocities help, too (:class:`LandmarkMotion`): what did best on recordings of people.
    network_grid : "recipe", dict, list of dict, or None, default="recipe"
        Parameters of :class:`ConvLSTMClassifier` to search. "recipe" are two values each of F, Q and R for the
        paper's, as there, and none for "best". None searches nothing for the networks, velocities neither.
    velocities : bool, default=True
        Whether "best" searches velocities. They need sequences of four frames, of which the neutral one is subtracted.
    n_landmarks_to_select : int, float or None, default=None
        As in :class:`IGLandmarkSelector`; None keeps all. :func:`compare` sets it with ``n_landmarks``.
    strategy : str, default="top"
        As in :class:`IGLandmarkSelector`; "top" is the paper's.
    random_state : int or None, default=None
        Seed of the networks; None lets :func:`compare` draw one for each run and split.
    **network : dict
        Other parameters of :class:`ConvLSTMClassifier`, in the place of the recipe's.

    Returns
    -------
    dict of str to classifier
        "majority class", "linear SVM", "RBF SVM", "T-EMO" and "R-EMO", for sequences of landmarks.

    Notes
    -----
    All but the first align the sequences (:class:`LandmarkAligner`), subtract the first frame
    (:class:`NeutralDifference`) and select landmarks by one and the same ranking, that of T-EMO without a search.
    Searches run inside the training part, on two folds that divide no subject, for the largest ROC AUC. The SVMs
    search C, and gamma in units of one over the total variance of their input. The paper's R-EMO takes the
    parameters that were found for T-EMO.

    Examples
    --------
    >>> from sklearn_emoxai.evaluation import paper_models
    >>> models = paper_models(network_grid=None, max_epochs=30)
    >>> list(models)
    ['majority class', 'linear SVM', 'RBF SVM', 'T-EMO', 'R-EMO']
    """
    if recipe not in ("paper", "best"):
        raise ValueError(f'recipe must be "paper" or "best"; got {recipe!r}.')
    if not (network_grid is None or network_grid == "recipe" or isinstance(network_grid, dict | list)):
        raise ValueError(
            f'network_grid must be "recipe", a dict, a list of dict, or None; got {network_grid!r}.'
        )
    best = recipe == "best"
    if best:
        t_emo = ConvLSTMClassifier(random_state=random_state, **({"n_networks": _N_NETWORKS} | network))
    else:
        t_emo = ConvLSTMClassifier.from_paper(random_state=random_state, **network)
    r_emo = clone(t_emo).set_params(randomized_conv=True)
    selector = IGLandmarkSelector(
        t_emo, n_landmarks_to_select=n_landmarks_to_select, strategy=strategy, random_state=random_state
    )
    if network_grid == "recipe":
        network_grid = {} if best else NETWORK_GRID
    motion = best and velocities
    if motion and network_grid is not None:
        t_emo, r_emo = (SearchedNetwork(*_with_motion(network, network_grid)) for network in (t_emo, r_emo))
    elif network_grid:
        t_emo, r_emo = SearchedNetwork(t_emo, network_grid), SearchedNetwork(r_emo, network_grid)
    classifiers = {
        "linear SVM": _svm("linear", network.get("class_weight"), motion=motion),
        "RBF SVM": _svm("rbf", network.get("class_weight"), motion=motion),
        "T-EMO": t_emo,
        "R-EMO": r_emo,
    }
    prepare = [("align", LandmarkAligner()), ("difference", NeutralDifference()), ("select", selector)]
    models = {"majority class": DummyClassifier()}
    for name, classifier in classifiers.items():
        models[name] = clone(Pipeline([*prepare, ("classify", classifier)]))
    return models


def _svm(kernel, class_weight, *, motion):
    svc = SVC(kernel=kernel, gamma=1, class_weight=class_weight)
    if motion:
        flat = make_pipeline(SequenceFlattener(), TotalVarianceScaler(), svc)
        return _search(*_with_motion(flat, SVM_GRIDS[kernel]))
    scaled = make_pipeline(TotalVarianceScaler(), svc)
    return make_pipeline(SequenceFlattener(), _search(scaled, SVM_GRIDS[kernel]))


def _with_motion(classifier, grid):
    """A classifier that may be given velocities, too, and the grid that asks whether it should."""
    choices = {"motion": ["passthrough", LandmarkMotion(order=1)]}
    grids = [
        choices | {f"classify__{name}": values for name, values in each.items()}
        for each in (grid if isinstance(grid, list) else [grid])
    ]
    return Pipeline([("motion", "passthrough"), ("classify", classifier)]), grids


def _search(classifier, grid):
    return GridSearchCV(classifier, grid, cv=StratifiedGroupKFold(INNER_SPLITS), scoring="roc_auc")


class TotalVarianceScaler(TransformerMixin, BaseEstimator):
    """Divide all features by one number, so that their variances add up to one.

    An RBF kernel with gamma = 1 is then SVC's ``gamma="scale"``, and multiples of it can be searched.
    """

    def fit(self, X, y=None):
        """Measure the total variance of X, of shape (n_samples, n_features)."""
        self.scale_ = float(X.var() * X.shape[1]) ** 0.5 or 1.0
        return self

    def transform(self, X):
        """X over the square root of the total variance."""
        check_is_fitted(self)
        return X / self.scale_


class SearchedNetwork(
    MetadataMixin, PredictsAsItsEstimator, MetaEstimatorMixin, ClassifierMixin, BaseEstimator
):
    """A ConvLSTMClassifier whose parameters are searched on one network like it, with a trained convolution.

    So R-EMO reuses what is found for T-EMO. With ``memory``, the search is run once for both.

    Parameters
    ----------
    estimator : ConvLSTMClassifier, or Pipeline that ends in one
    param_grid : dict or list of dict
        As in :class:`~sklearn.model_selection.GridSearchCV`.
    cv : int, default=2
        Stratified folds, which divide no group.
    memory : str, path, joblib.Memory or None, default=None
        Where the parameters that were found are kept.

    Attributes
    ----------
    best_params_ : dict
    estimator_ : ConvLSTMClassifier or Pipeline
        Fitted with them.
    classes_ : ndarray of shape (n_classes,)
    """

    def __init__(self, estimator, param_grid, *, cv=INNER_SPLITS, memory=None):
        self.estimator = estimator
        self.param_grid = param_grid
        self.cv = cv
        self.memory = memory

    def fit(self, X, y, *, emotion=None, groups=None):
        """Search, then fit on all samples; ``emotion`` is ignored."""
        memory, code = memory_of_code(self.memory, self.estimator)
        search = memory.cache(_best_params)
        folds = self.folds(X, y, groups)
        self.best_params_ = search(self.twin(), self.param_grid, X, y, groups, folds, code=code)
        estimator = clone(self.estimator).set_params(**self.best_params_)
        with config_context(enable_metadata_routing=True):
            self.estimator_ = estimator.fit(X, y, groups=groups)
        self.classes_ = self.estimator_.classes_
        return self

    def twin(self):
        """What is searched: one network with a trained convolution, and as many validation samples as in the end."""
        twin = clone(self.estimator)
        network = network_of(twin).set_params(randomized_conv=False, n_networks=1)
        if network.validation_fraction is not None:
            larger = network.validation_fraction * self.cv / (self.cv - 1)
            network.set_params(validation_fraction=min(larger, 0.5))
        return twin

    def folds(self, X, y, groups):
        """Training and validation indices of the search."""
        splitter = StratifiedKFold(self.cv) if groups is None else StratifiedGroupKFold(self.cv)
        return list(splitter.split(X, y, groups))


def _best_params(network, param_grid, X, y, groups, folds, code=None):
    """The best parameters; a memory keeps them by the arguments, and ``code`` is the network's for that alone."""
    search = GridSearchCV(network, param_grid, cv=folds, scoring="roc_auc", refit=False)
    with config_context(enable_metadata_routing=True):
        return search.fit(X, y, **({} if groups is None else {"groups": groups})).best_params_


def network_of(estimator):
    """The network, or that at the end of a Pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator
