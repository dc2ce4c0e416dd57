import sys

import pytest

from pushlive.model.errors import MachineError
from pushlive.system.feed import feed


def python(code):
    return [sys.executable, "-c", code]


def test_a_program_reads_all_that_is_written():
    count = python("import sys; print(len(sys.stdin.buffer.read()))")
    done = feed(count, lambda sink: sink.writelines([b"x" * 65536] * 100))
    assert (done.code, done.output) == (0, "6553600\n")


def test_a_program_that_stops_reading_is_told_by_its_code():
    done = feed(python("import sys; sys.exit('no, thanks')"), lambda sink: sink.write(b"x" * 10**6))
    assert (done.code, done.output) == (1, "no, thanks\n")


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(MachineError, match="is not installed"):
        feed(["/nowhere/at-all"], lambda sink: sink.write(b""))


def test_what_fails_while_writing_is_not_hidden():
    def write(sink):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        feed(python("import sys; sys.stdin.read()"), write)
