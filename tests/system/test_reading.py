import sys
import time
from pathlib import Path

import pytest

from pushlive.model.errors import MachineError
from pushlive.system import process


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_output_is_exact_bytes_and_the_end_is_told():
    code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1]); sys.exit('why')"
    with process.reading(_python(code), stdin=b"\0\xff\r\n" * 100_000) as reading:
        assert reading.output.read() == b"\n\r\xff\0" * 100_000
        done = reading.end()
    assert (done.code, done.ok, done.errors.strip()) == (1, False, "why")


def test_much_on_standard_error_blocks_nothing():
    code = "import sys; sys.stderr.write('x' * 1_000_000); print('done')"
    with process.reading(_python(code)) as reading:
        assert reading.output.read() == b"done\n"
        assert len(reading.end().errors) == 1_000_000


def test_left_early_the_program_and_what_it_started_are_killed(tmp_path):
    mark = f"open('{tmp_path}/%d' % os.getpid(), 'w')"
    code = f"import os, time; os.fork(); {mark}; os.write(1, b'up\\n'); time.sleep(600)"
    with process.reading(_python(code)) as reading:
        assert reading.output.readline() == b"up\n"
        assert reading.output.readline() == b"up\n"
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    while any(map(_runs, pids)):
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_program_that_is_not_there_is_said():
    with pytest.raises(MachineError, match="not installed"), process.reading(("no-such-program",)):
        pass
