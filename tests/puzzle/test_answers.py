"""Assemblys, permutations, hashes, answers and the exported network."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxsolve.errors import AnswerError, OutputError
from jaxsolve.files import write_new
from jaxsolve.puzzle import Assembly, padded, read_answer, sha256_of, write_network
from tests import reference


@pytest.fixture
def given():
    return reference.random_puzzle(1, n=3)


def test_partners_are_those_of_each_position_for_one_assembly_and_for_many():
    ins, outs = (np.random.default_rng(k).permuted(np.tile(np.arange(5), (2, 3, 1)), axis=-1) for k in (1, 2))
    partner = Assembly(ins, outs).partner
    for b in np.ndindex(2, 3):
        np.testing.assert_array_equal(partner[b][ins[b]], outs[b])
        np.testing.assert_array_equal(Assembly(ins[b], outs[b]).partner, partner[b])


def test_assembly_and_permutation_are_inverses(given):
    puzzle, answer = given
    permutation = puzzle.permutation(answer)
    assert permutation[::2][:-1] == puzzle.in_ids[answer[0]].tolist()
    assert permutation[1::2] == puzzle.out_ids[answer[1]].tolist()
    assert permutation[-1] == puzzle.last_id
    for half, expected in zip(puzzle.assembly(permutation), answer, strict=True):
        np.testing.assert_array_equal(half, expected)


def test_the_hash_is_that_of_the_joined_ids():
    assert sha256_of([3, 10, 2]) == hashlib.sha256(b"3,10,2").hexdigest()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p[:-1], "6 piece ids; this puzzle has 7"),
        (lambda p: [99, *p[1:]], "piece 99, which this puzzle does not have"),
        (lambda p: [p[2], *p[1:]], "more than once"),
        (lambda p: [p[-1], *p[1:-1], p[0]], "the readout is piece"),
        (lambda p: [p[1], p[0], *p[2:]], "which its shape does not fit"),
    ],
)
def test_wrong_answers_are_named(given, change, why):
    puzzle, answer = given
    with pytest.raises(AnswerError, match=why):
        puzzle.assembly(change(puzzle.permutation(answer)))


@pytest.mark.parametrize(
    "text",
    [
        "3,1,2",
        " 3, 1,\n2 ",
        "3 1 2",
        json.dumps([3, 1, 2]),
        json.dumps({"permutation": [3, 1, 2]}),
        "\ufeff3,1,2",
        "Solved: all of it.\nanswer  3,1,2\nsha256  abc\n",
    ],
)
def test_answers_are_read_from_files(tmp_path, text):
    (tmp_path / "a").write_text(text)
    assert read_answer(str(tmp_path / "a")) == [3, 1, 2]


def test_answers_are_read_from_the_command_line():
    assert read_answer("3,1,2") == read_answer("[3, 1, 2]") == [3, 1, 2]


@pytest.mark.parametrize(
    "text", ["", "hello", "{}", '{"permutation": "3,1"}', "[3, 1.5]", "[true]", "[[1]]", "12345678901234,2"]
)
def test_what_is_no_answer_is_named(tmp_path, text):
    (tmp_path / "a").write_text(text)
    with pytest.raises(AnswerError, match=str(tmp_path / "a")):
        read_answer(str(tmp_path / "a"))
    with pytest.raises(AnswerError, match="no readable answer"):
        read_answer(str(tmp_path))


def test_the_exported_network_has_torch_names_and_the_pieces_in_order(given, tmp_path):
    puzzle, answer = given
    permutation = puzzle.permutation(answer)
    path = tmp_path / "deep" / "net.safetensors"
    write_network(puzzle, permutation, path)
    tensors = load_file(path)
    assert set(tensors) == {f"blocks.{t}.{half}.{part}" for t in range(3) for half in ("inp", "out") for part in ("weight", "bias")} | {"last.weight", "last.bias"}  # fmt: skip
    h = puzzle.x
    for t in range(3):
        hidden = np.maximum(h @ tensors[f"blocks.{t}.inp.weight"].T + tensors[f"blocks.{t}.inp.bias"], 0)
        h = h + hidden @ tensors[f"blocks.{t}.out.weight"].T + tensors[f"blocks.{t}.out.bias"]
    np.testing.assert_allclose(
        (h @ tensors["last.weight"].T + tensors["last.bias"])[:, 0], puzzle.y, rtol=1e-5, atol=1e-5
    )
    with pytest.raises(OutputError, match="exists already"):
        write_network(puzzle, permutation, path)


@pytest.mark.parametrize("spare", [0, 2])
def test_an_exported_network_has_the_blocks_that_run_and_no_others(given, tmp_path, spare):
    puzzle, answer = given
    permutation = puzzle.permutation(answer)
    write_network(puzzle, permutation, tmp_path / "whole.safetensors")
    write_network(padded(puzzle, spare), permutation[2:], tmp_path / "part.safetensors")
    whole, part = load_file(tmp_path / "whole.safetensors"), load_file(tmp_path / "part.safetensors")
    assert len(part) == len(whole) - 4
    for name, tensor in part.items():
        first, t, *rest = name.split(".")
        of_whole = name if first == "last" else ".".join([first, str(int(t) + 1), *rest])
        np.testing.assert_array_equal(tensor, whole[of_whole])


def test_half_a_file_is_not_left_behind(tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    def opened(path, mode):
        path.touch(exist_ok=False)
        return Full()

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(OutputError, match=r"cannot be written .No space left"):
        write_new(tmp_path / "x", b"data")
    assert not (tmp_path / "x").exists()
