"""From raw embeddings to the space that everything is compared in: centred unit vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ledger.fingerprint import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ledger.vectors.shards import Name

    Floats = npt.NDArray[np.float32]

# A centred vector shorter than this is rounding error: the document is the average one.
VANISHING = 1e-6
CENTRE_SAMPLE = 512


def unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Rows scaled to length 1, in float64; rows shorter than VANISHING become zero."""
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    scaled: npt.NDArray[np.float64] = np.zeros_like(wide)
    np.divide(wide, lengths, out=scaled, where=lengths > VANISHING)
    return scaled


def centre_sample(names: Sequence[Name]) -> npt.NDArray[np.intp]:
    """Which documents the centre is the mean of: those with the lowest digests of their names.

    A sample of CENTRE_SAMPLE removes the common direction as well as all of them do (of 7,797
    texts 43 are in nobody's top 20 instead of 40; uncentred 288). And it stays the same when a
    document comes or goes, unless that one is in it, so that all other rankings stay the same
    too; the mean of all would move with every document, and reorder nearly every page.
    """
    digests = [digest_bytes("\n".join(name).encode("utf-8", "surrogatepass")) for name in names]
    return np.sort(np.argsort(digests, kind="stable")[:CENTRE_SAMPLE])


class Space:
    """How raw embeddings (k, d) are made comparable, learnt from a sample of them.

    Text embeddings share a large common direction, so that a few documents are near to
    everything (hubs). Subtracting the mean of unit vectors and scaling again removes it.
    Words and themes go through the same map. A vector that vanishes, as that of a corpus of
    one does, is zero: equally far from everything.
    """

    def __init__(self, sample: Floats, *, centre: bool) -> None:
        width = sample.shape[1]
        self.mean = unit(sample).mean(axis=0) if centre else np.zeros(width)

    def project(self, vectors: Floats) -> Floats:
        """(k, d) raw embeddings -> (k, d) float32 unit vectors, or zero."""
        return np.ascontiguousarray(unit(unit(vectors) - self.mean), dtype=np.float32)


def nearest_theme(documents: Floats, themes: Floats) -> npt.NDArray[np.int16]:
    """(n, d) and (t, d) unit vectors -> (n,) index of the theme nearest to each document."""
    nearest: npt.NDArray[np.int16] = (documents @ themes.T).argmax(axis=1).astype(np.int16)
    return nearest
