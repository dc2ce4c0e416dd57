import pytest

from pushlive.config.quantity import BadQuantityError, cores, size


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("1024", 1024), ("64Mi", 67108864), ("1Ki", 1024), ("2Gi", 2**31), ("5k", 5000), ("1G", 10**9)],
)
def test_a_size_is_a_number_of_bytes(text, number):
    assert size(text) == number


@pytest.mark.parametrize(("text", "number"), [("250m", 0.25), ("1", 1.0), ("0.5", 0.5), ("1500m", 1.5)])
def test_a_cpu_is_a_number_of_cores(text, number):
    assert cores(text) == number


@pytest.mark.parametrize("text", ["", "64MB", "-1", "1.5Mi", "64 Mi", "64Mi\n"])
def test_refuses_what_is_no_size(text):
    with pytest.raises(BadQuantityError, match="number of bytes"):
        size(text)


@pytest.mark.parametrize("text", ["", "m", "1c", "250m\n"])
def test_refuses_what_is_no_cpu(text):
    with pytest.raises(BadQuantityError, match="number of cores"):
        cores(text)
