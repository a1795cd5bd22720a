"""The ConvLSTM network of Di Luzio, Rosato and Panella, as a torch module."""

from numbers import Integral

import torch
from torch import nn


class ConvLSTM(nn.Module):
    """Time-distributed convolution, one LSTM layer and two dense layers.

    Each frame is a one-channel image of shape (n_coords, n_landmarks).

    Parameters
    ----------
    n_landmarks : int
        Landmarks per frame, L.
    n_coords : int, default=2
        Coordinates per landmark.
    n_filters : int, default=40
        Filters of the convolution, F.
    kernel_size : int or tuple of two ints, default=3
        Size along (coordinates, landmarks).
    padding : {"same", "valid"} or tuple of two of these, default="same"
        Along (coordinates, landmarks): "same" pads with zeros so that the output is as long as the
        input, the odd zero after it; "valid" pads nothing. A kernel of two coordinates with "valid"
        on the first axis joins the coordinates and halves the LSTM's input.
    lstm_units : int, default=58
        Units of the LSTM layer, Q.
    fc_units : int, default=63
        Neurons of the first dense layer, R.
    dropout : float, default=0.3
        Share of the last hidden state that is dropped in training.
    n_classes : int, default=2
        Neurons of the second dense layer.
    randomized_conv : bool, default=False
        If True the convolution keeps the weights that it was drawn with (R-EMO); if False it is
        trained like the rest (T-EMO).

    Notes
    -----
    For a frame x_t the layers compute, with the paper's symbols,

    - C_t = ReLU(conv((x_t − mean) / scale)), of shape (F, H, W),
    - B_t = batch normalisation of C_t over each of the F channels,
    - h_P = the last hidden state of an LSTM over the flattened B_1 … B_P, of Q units,
    - FC2(ReLU(FC1(dropout(h_P)))), of R and then n_classes neurons.

    The buffers ``mean``, of shape (n_coords, n_landmarks), and ``scale`` are 0 and 1 unless they are set;
    they are ours. Without them all landmarks of a face lie far from zero in every sample alike, Adam moves
    all weights of a gate the same way, and the gates saturate.

    Weights are drawn as Keras draws them, whose layers the paper's names are: Glorot uniform, orthogonal
    for the recurrent weights, zero biases but for ones at the forget gate.

    The output is logits: a softmax over the last axis turns them into the paper's probabilities.
    The paper names FC1's activation only as non-linear, and gives neither kernel size, padding nor
    dropout; ReLU and the defaults are ours.

    References
    ----------
    Di Luzio, Rosato, Panella, "An Explainable Fast Deep Neural Network for Emotion Recognition",
    arXiv:2407.14865.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emoxai import ConvLSTM
    >>> ConvLSTM(468)(torch.zeros(5, 10, 2, 468)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        n_landmarks,
        *,
        n_coords=2,
        n_filters=40,
        kernel_size=3,
        padding="same",
        lstm_units=58,
        fc_units=63,
        dropout=0.3,
        n_classes=2,
        randomized_conv=False,
    ):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_coords, n_landmarks))
        self.register_buffer("scale", torch.ones(()))
        kernel_size = _checked_kernel(kernel_size)
        self.pad = nn.ZeroPad2d(_zeros_around(kernel_size, padding))
        self.conv = nn.Conv2d(1, n_filters, kernel_size)
        self.conv.requires_grad_(not randomized_conv)
        self.norm = nn.BatchNorm2d(n_filters)
        self.lstm = nn.LSTM(self._n_features(n_coords, n_landmarks), lstm_units, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(lstm_units, fc_units)
        self.fc2 = nn.Linear(fc_units, n_classes)
        self._initialize()

    def _initialize(self):
        """Draw the weights."""
        for layer in (self.conv, self.fc1, self.fc2):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        # torch scales the input weights by the number of units alone; with thousands of inputs that
        # saturates every gate from the start.
        nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        forget = slice(self.lstm.hidden_size, 2 * self.lstm.hidden_size)
        nn.init.ones_(self.lstm.bias_ih_l0[forget])

    def _n_features(self, n_coords, n_landmarks):
        """Units per frame after the convolution, F × H × W."""
        frame = self.pad(torch.zeros(1, 1, n_coords, n_landmarks))
        if any(size > length for size, length in zip(self.conv.kernel_size, frame.shape[2:])):
            raise ValueError(
                f"kernel_size must be at most the padded frame's {tuple(frame.shape[2:])} along (coordinates, "
                f'landmarks); got {self.conv.kernel_size}. padding="same" makes room for any.'
            )
        with torch.no_grad():
            return self.conv(frame).numel()

    def standardize(self, X):
        """Frames as the convolution sees them, (X − mean) / scale.

        Parameters
        ----------
        X : torch.Tensor of shape (n_samples, n_frames, n_coords, n_landmarks)

        Returns
        -------
        torch.Tensor of shape (n_samples, n_frames, n_coords, n_landmarks)
        """
        return (X - self.mean) / self.scale

    def forward(self, X):
        """Logits of each sequence.

        Parameters
        ----------
        X : torch.Tensor of shape (n_samples, n_frames, n_coords, n_landmarks)

        Returns
        -------
        torch.Tensor of shape (n_samples, n_classes)
        """
        frames = self.standardize(X).flatten(0, 1).unsqueeze(1)
        features = self.norm(torch.relu(self.conv(self.pad(frames))))
        hidden = last_hidden_state(self.lstm, features.reshape(*X.shape[:2], -1))
        return self.fc2(torch.relu(self.fc1(self.dropout(hidden))))


def last_hidden_state(lstm, X=None, *, gates=None):
    """Last hidden state of a one-layer LSTM; the same as ``lstm(X)[1][0][-1]``.

    The inputs of all frames are projected in one product, which on CPUs is several times faster than
    :class:`torch.nn.LSTM` for inputs as wide as a feature map, and on GPUs can be differentiated in
    evaluation mode, which cuDNN refuses.

    Parameters
    ----------
    lstm : torch.nn.LSTM
        With ``batch_first``; its weights are used.
    X : torch.Tensor of shape (n_samples, n_frames, n_features), optional
    gates : torch.Tensor of shape (n_samples, n_frames, 4 * lstm_units), optional
        The projected inputs with both biases, in place of X.

    Returns
    -------
    torch.Tensor of shape (n_samples, lstm_units)
    """
    if gates is None:
        gates = nn.functional.linear(X, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)
    h = c = gates.new_zeros(len(gates), lstm.hidden_size)
    for gate in gates.unbind(1):
        i, f, g, o = torch.addmm(gate, h, lstm.weight_hh_l0.t()).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h


def _zeros_around(kernel_size, padding):
    """Zeros (left, right, top, bottom) that :class:`torch.nn.ZeroPad2d` adds around a frame."""
    zeros, modes = [], _pair(padding)
    if len(modes) != 2 or not all(mode in ("same", "valid") for mode in modes):
        raise ValueError(f'padding must be "same", "valid" or a pair of these; got {padding!r}.')
    for size, mode in reversed(list(zip(kernel_size, modes))):
        total = size - 1 if mode == "same" else 0
        zeros += [total // 2, total - total // 2]
    return tuple(zeros)


def _checked_kernel(kernel_size):
    """The kernel's size along (coordinates, landmarks)."""
    pair = _pair(kernel_size)
    if len(pair) != 2 or not all(isinstance(size, Integral) and size >= 1 for size in pair):
        raise ValueError(f"kernel_size must be a positive int or a pair of them; got {kernel_size!r}.")
    return tuple(int(size) for size in pair)


def _pair(value):
    """One value for (coordinates, landmarks) as two."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)
