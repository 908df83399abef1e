"""A recipe refuses what cannot be made, in one line that names the option."""

import json

import pytest

from jaxsolve.errors import UsageError
from jaxsolve.generation import Recipe


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": 0}, "--blocks is 0; expected 1 to"),
        ({"batch": 0}, "--batch is 0; expected 1 to"),
        ({"widths": (3, 0)}, "--widths is 3,0; expected numbers from 1"),
        ({"widths": (3, 4), "hidden": 3}, "--hidden is 3 beside --widths"),
        ({"outputs": 0}, "--outputs is 0; expected 1 to"),
        ({"biases": "some"}, "--biases: no biases 'some'; choose one of all, outer, none"),
        ({"activation": "0*relu"}, "expected a number before the star"),
        ({"activation": "relu/relu"}, "has a layer before the blocks; say its --inputs"),
        ({"activation": "sine"}, "no activation 'sine'; choose one of relu, gelu"),
        ({"initial": "ones"}, "--initial: no initial 'ones'; choose one of pytorch"),
        ({"optimiser": "magic"}, "--optimiser: no optimiser 'magic'; choose one of adam"),
        ({"data": "nothing.csv"}, "--data: no kind and no CSV file 'nothing.csv'; choose one of votes"),
        ({"target": "price"}, "--target 'price' is a column of a CSV file; --data votes is drawn"),
        ({"train_rows": 1}, "--train-rows is 1; expected at least 2"),
        ({"train_rows": 10, "table_rows": 11}, "--table-rows is 11, of 10 trained on"),
        ({"learning_rate": 0.0}, "--learning-rate is 0.0; expected a number above 0"),
        ({"learning_rate": float("nan")}, "--learning-rate is nan"),
        ({"weight_decay": -1.0}, "--weight-decay is -1.0; expected 0 or more"),
        ({"noise": float("inf")}, "--noise is inf"),
        ({"decimals": -1}, "--decimals is -1; expected 0 to"),
        ({"epochs": ()}, "--epochs is ''; expected rising numbers"),
        ({"epochs": (5, 5)}, "--epochs is '5,5'; expected rising numbers"),
        ({"epochs": (-1, 5)}, "--epochs is '-1,5'; expected numbers from 0"),
        ({"blocks": 4, "missing_ins": 4}, "--missing-ins is 4; expected 0 to 3"),
        ({"missing_outs": -1}, "--missing-outs is -1"),
        ({"blocks": 4, "decoy_outs": 5}, "--decoy-outs is 5; expected 0 to 4"),
        ({"seed": -1}, "--seed is -1"),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(UsageError) as error:
        Recipe(**changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_recipes_are_json_and_say_nothing_of_folders(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    assert json.loads(json.dumps(Recipe().as_json()))["epochs"] == [20]
    assert Recipe(data=str(tmp_path / "rows.csv")).as_json()["data"] == "rows.csv"
