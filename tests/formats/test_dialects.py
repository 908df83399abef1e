"""Numbers are made plain where it is clear how they are spelled, and left to be refused where it is not."""

import pytest

from jaxsolve.formats.dialects import plain


@pytest.mark.parametrize(
    ("delimiter", "text", "expected"),
    [
        (",", 'a,b\n"0,5","-1,25"\n"1,234",2\n', "a,b\n0.5,-1.25\n1.234,2\n"),
        (",", 'a,b\n"1,5e-3",2\n', "a,b\n1.5e-3,2\n"),
        (",", 'a,b\n"1,234","23,456"\n', None),  # thousands, perhaps
        (",", 'a,b\n"x, y",1.5\n', None),
        (",", "a,b\n1.5,2\n", None),
        (";", "a;b\n1,5;2\n", "a;b\n1.5;2\n"),
        (";", "a;b\n1.5D-3;2\n", "a;b\n1.5e-3;2\n"),
    ],
    ids=range(7),
)
def test_numbers_are_made_plain_where_their_spelling_is_clear(delimiter, text, expected):
    assert plain(text.encode(), delimiter, [0, 1]).decode() == (text if expected is None else expected)


@pytest.mark.parametrize(("delimiter", "text"), [(",", 'a,b\n"1,5",2.5\n'), (";", "a;b\n1,5;2.5\n")])
def test_two_spellings_in_one_table_are_refused(delimiter, text):
    with pytest.raises(ValueError, match="numbers with decimal commas and with decimal points"):
        plain(text.encode(), delimiter, [0, 1])
