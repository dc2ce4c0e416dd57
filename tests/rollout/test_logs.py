"""Logs: cut down in time, read from all replicas at once."""

import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path

from pushlive.rollout.local import logs


def test_a_long_log_is_set_aside_and_its_writer_goes_on_in_the_same_file(tmp_path):
    log = tmp_path / "v1-1.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 10)
        logs.rotate(tmp_path, limit=20)
        writer.write(b"new\n")

    assert log.read_text() == "new\n"
    assert (tmp_path / "v1-1.log.1").read_text() == "old\n" * 10


def test_no_more_than_the_kept_number_of_logs_is_set_aside(tmp_path):
    log = tmp_path / "v1-1.log"
    for number in range(6):
        log.write_text(f"{number}" * 30)
        logs.rotate(tmp_path, limit=20)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "v1-1.log",
        "v1-1.log.1",
        "v1-1.log.2",
        "v1-1.log.3",
    ]
    assert (tmp_path / "v1-1.log.1").read_text().startswith("5")


def test_a_short_log_is_left_alone(tmp_path):
    (tmp_path / "v1-1.log").write_text("short\n")

    logs.rotate(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["v1-1.log"]


def test_the_last_lines_of_a_file_larger_than_a_block(tmp_path):
    log = tmp_path / "v1-1.log"
    log.write_text("".join(f"line {number}\n" for number in range(50_000)))

    assert logs.tail(log, 2) == ["line 49998", "line 49999"]
    assert len(logs.tail(log, 20_000)) == 20_000
    assert logs.tail(log, 0) == []


def test_a_line_without_its_end_counts_as_a_line(tmp_path):
    (tmp_path / "v1-1.log").write_text("one\ntwo")

    assert logs.tail(tmp_path / "v1-1.log", 2) == ["one", "two"]


def test_bytes_that_are_no_text_do_not_stop_the_reader(tmp_path):
    (tmp_path / "v1-1.log").write_bytes(b"\xff\xfe\n")

    assert logs.tail(tmp_path / "v1-1.log", 1) == ["\ufffd\ufffd"]


def test_a_file_that_is_not_there_has_no_lines(tmp_path):
    assert logs.tail(tmp_path / "v1-1.log", 5) == []
    assert list(logs.read(tmp_path, lambda: ["v1-1"], lines=5, follow=False)) == []


def test_following_hears_new_lines_new_replicas_and_what_comes_after_a_rotation(tmp_path):
    first, second = tmp_path / "v1-1.log", tmp_path / "v2-1.log"
    first.write_text("a\nb\nc\n")
    stream = logs.read(tmp_path, lambda: sorted(log.stem for log in tmp_path.glob("*.log")), lines=2, follow=True)
    assert list(islice(stream, 2)) == ["v1-1 | b", "v1-1 | c"]

    def write():
        with first.open("a") as writer:
            writer.write("d\nhal")
            writer.flush()
            second.write_text("x\n")
            writer.write("f\n")

    threading.Timer(0.1, write).start()
    assert sorted(islice(stream, 3)) == ["v1-1 | d", "v1-1 | half", "v2-1 | x"]

    logs.rotate(tmp_path, limit=3)
    with first.open("a") as writer:
        writer.write("g\n")
    assert next(stream) == "v1-1 | g"


def test_a_last_line_without_its_end_is_shown_when_nothing_follows(tmp_path):
    (tmp_path / "v1-1.log").write_text("one\ntwo\nthree")

    assert list(logs.read(tmp_path, lambda: ["v1-1"], lines=2, follow=False)) == ["v1-1 | two", "v1-1 | three"]


def test_a_replica_that_comes_later_joins_with_all_it_has_printed_since(tmp_path):
    names = ["v1-1"]
    (tmp_path / "v1-1.log").write_text("a\n")
    (tmp_path / "v2-1.log").write_text("of an earlier life\n")
    stream = logs.read(tmp_path, lambda: names, lines=1, follow=True)
    assert next(stream) == "v1-1 | a"

    names += ["v2-1", "v3-1"]
    (tmp_path / "v3-1.log").write_text("x\ny\n")
    with (tmp_path / "v2-1.log").open("a") as writer:
        writer.write("b\nc\n")

    assert list(islice(stream, 4)) == ["v2-1 | b", "v2-1 | c", "v3-1 | x", "v3-1 | y"]


def test_what_came_before_a_byte_is_left_out_until_the_file_is_cut_down(tmp_path):
    log = tmp_path / "v1-1.log"
    log.write_text("old\nnew\n")
    assert logs.tail(log, 5, since=4) == ["new"]

    log.write_text("cut\n")
    assert logs.tail(log, 5, since=8) == ["cut"]


def test_one_endless_line_is_not_read_whole(tmp_path):
    (tmp_path / "v1-1.log").write_text("x" * 3_000_000)

    assert len(logs.tail(tmp_path / "v1-1.log", 1)[0]) <= 1024 * 1024


def test_a_line_that_has_no_room_on_the_disk_is_lost_and_nobody_dies_of_it():
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", "from pushlive.rollout.local import logs; logs.say('x' * 100); print('on')"],
            stderr=full,
            stdout=subprocess.PIPE,
            check=False,
        )

    assert ended.stdout == b"on\n"
