import pytest

from pushlive.config.quantity import BadQuantityError, size


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("1024", 1024), ("64Mi", 67108864), ("1Ki", 1024), ("2Gi", 2**31), ("5k", 5000), ("1G", 10**9)],
)
def test_a_size_is_a_number_of_bytes(text, number):
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "64MB", "-1", "1.5Mi", "64 Mi", "64Mi\n", "9" * 5000])
def test_refuses_what_is_no_size(text):
    with pytest.raises(BadQuantityError, match="number of bytes"):
        size(text)
