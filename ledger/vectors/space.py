"""From raw embeddings to the space that everything is compared in: centred unit vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

# A centred vector shorter than this is rounding error: the document is the average one.
VANISHING = 1e-6


def unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Rows scaled to length 1, in float64; rows shorter than VANISHING become zero."""
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    scaled: npt.NDArray[np.float64] = np.zeros_like(wide)
    np.divide(wide, lengths, out=scaled, where=lengths > VANISHING)
    return scaled


class Space:
    """How raw embeddings (k, d) are made comparable, learnt from those of the documents.

    Text embeddings share a large common direction, so that a few documents are near to
    everything (hubs). Subtracting the mean of the documents' unit vectors and scaling again
    removes it. Words and themes go through the same map. A vector that vanishes, as that of
    a corpus of one does, is zero: equally far from everything.
    """

    def __init__(self, documents: Floats, *, centre: bool) -> None:
        width = documents.shape[1]
        self.mean = unit(documents).mean(axis=0) if centre else np.zeros(width)

    def place(self, vectors: Floats) -> Floats:
        """(k, d) raw embeddings -> (k, d) float32 unit vectors, or zero."""
        return np.ascontiguousarray(unit(unit(vectors) - self.mean), dtype=np.float32)


def nearest_theme(documents: Floats, themes: Floats) -> npt.NDArray[np.int16]:
    """(n, d) and (t, d) unit vectors -> (n,) index of the theme nearest to each document."""
    nearest: npt.NDArray[np.int16] = (documents @ themes.T).argmax(axis=1).astype(np.int16)
    return nearest
