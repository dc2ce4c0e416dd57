"""The whole story as a user lives it: git, the pushlive command, a browser's requests."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.end_to_end.machine import Machine, Repository, eventually

pytestmark = pytest.mark.xdist_group("story")


def test_a_push_returns_when_the_address_serves_the_revision(site: Repository) -> None:
    site.replace("counter/templates/counter/page.html", "<title>Counter</title>", "<title>Visits</title>")
    site.commit("Another title")
    done = site.push()
    assert done.returncode == 0, done.stderr
    assert "live: " in done.stderr
    assert site.serves(site.head)
    assert site.branch == site.head
    assert "<title>Visits</title>" in site.get()[1]


def test_the_page_has_its_styles(site: Repository) -> None:
    href = site.get()[1].partition('rel="stylesheet" href="')[2].partition('"')[0]
    status, text = site.get(href)
    assert status == 200
    assert "{" in text


def test_the_count_is_exact_among_64_clients(site: Repository) -> None:
    first = json.loads(site.get("/count.json")[1])["count"]
    with ThreadPoolExecutor(64) as clients:
        statuses = list(clients.map(lambda _: site.get()[0], range(640)))
    assert statuses == [200] * 640
    assert json.loads(site.get("/count.json")[1])["count"] == first + 640


def test_a_push_of_ignored_files_is_accepted_and_delivers_nothing(site: Repository) -> None:
    live = site.status["revision"]
    site.write("notes/more.md", "A note.\n")
    site.commit("Only a note")
    done = site.push()
    assert done.returncode == 0, done.stderr
    assert "nothing to deliver: the one changed file matches {k8s,notes}/**" in done.stderr
    assert site.branch == site.head
    assert site.status["revision"] == live


def test_skip_ci_is_accepted_and_delivers_nothing(site: Repository) -> None:
    live = site.status["revision"]
    site.replace("counter/views.py", '"""The pages."""', '"""Pages."""')
    site.commit("Words [skip ci]")
    assert site.push().returncode == 0
    assert site.status["revision"] == live


def test_another_branch_and_a_tag_are_accepted_and_deliver_nothing(site: Repository) -> None:
    live = site.status["revision"]
    site.git("branch", "-f", "feature")
    site.git("tag", "-f", "v0")
    assert site.push("feature").returncode == 0
    assert site.push("v0").returncode == 0
    assert site.push(":feature").returncode == 0
    assert site.status["revision"] == live


def test_the_live_branch_cannot_be_deleted(site: Repository) -> None:
    assert site.push(":master").returncode != 0
    assert site.branch


def test_rollback_serves_the_earlier_revision_without_a_build(site: Repository) -> None:
    first = site.pushed_change("One")
    second = site.pushed_change("Two")
    assert site.serves(second)
    outcome = site.machine.json("rollback", "--site", site.name)
    assert outcome["revision"] == first
    assert "build" not in outcome["timings"]
    assert site.serves(first)
    assert site.branch == first
    site.machine.json("rollback", second[:9], "--site", site.name)
    assert site.serves(second)


def test_a_force_push_goes_live(site: Repository) -> None:
    site.write("counter/extra.py", "X = 0\n")
    site.git("add", "-A")
    site.git("commit", "-q", "--amend", "-m", "Rewritten")
    assert site.push().returncode != 0
    assert site.push("master", "--force").returncode == 0
    assert site.serves(site.head)


def test_status_releases_and_deliveries_tell_the_same(site: Repository) -> None:
    site.pushed_change("Three")
    status = site.status
    assert status["live"]
    assert status["revision"] == site.branch
    assert len(status["replicas"]) == 2
    (live,) = [each for each in site.machine.json("releases", "--site", site.name) if each["live"]]
    assert live["revision"] == status["revision"]
    latest = site.machine.json("deliveries", "--site", site.name)[0]
    assert latest["verdict"] == "live"
    assert {"inspect", "build", "rollout", "verify"} <= latest["timings"].keys()


def test_env_set_reaches_the_site_and_is_never_printed(site: Repository) -> None:
    done = site.machine.pushlive("env", "set", "GREETING=hush-hush-4711", "--site", site.name)
    assert done.returncode == 0, done.stderr
    seen = site.machine.pushlive(
        "run", "--site", site.name, "--", "python", "-c", "import os; print(os.environ['GREETING'])"
    )
    assert seen.stdout.strip() == "hush-hush-4711"
    shown = [
        site.machine.pushlive(*command, "--site", site.name)
        for command in (["env", "list"], ["status"], ["releases"], ["deliveries"], ["logs"])
    ]
    assert not any("hush-hush-4711" in each.stdout + each.stderr for each in (done, *shown))
    assert site.machine.pushlive("env", "unset", "GREETING", "--site", site.name).returncode == 0


def test_run_uses_the_live_release_and_passes_its_exit_code_on(site: Repository) -> None:
    done = site.machine.pushlive("run", "--site", site.name, "--", "python", "manage.py", "check")
    assert done.returncode == 0, done.stderr
    done = site.machine.pushlive("run", "--site", site.name, "--", "sh", "-c", "exit 7")
    assert done.returncode == 7
    done = site.machine.pushlive("run", "--site", site.name, "--", "sh", "-c", "kill -9 $$")
    assert done.returncode == 137


def test_logs_name_the_replica(site: Repository) -> None:
    site.write("counter/extra.py", "X = 0\n")
    site.replace("counter/views.py", "import os", "import os\nprint('hello from the site')")
    site.commit("Say hello")
    site.pushed()
    release = site.status["release"]
    lines = site.machine.pushlive("logs", "--site", site.name).stdout.splitlines()
    assert [line for line in lines if line.startswith(f"{release}-1") and "hello from the site" in line]


def test_plan_changes_nothing_and_says_what_would_happen(site: Repository) -> None:
    before, branch = site.status, site.branch
    site.write("counter/planned.py", "X = 1\n")
    site.commit("A plan")
    plan = site.machine.json("plan", "HEAD", "--site", site.name, cwd=site.path)
    assert plan["delivers"]
    assert "counter/planned.py" in plan["changed"]
    assert site.status["release"] == before["release"]
    assert site.branch == branch
    site.pushed()


def test_deliver_delivers_the_branch_again(site: Repository) -> None:
    outcome = site.machine.json("deliver", "--site", site.name)
    assert outcome["revision"] == site.branch
    assert site.serves(site.branch)


def test_build_makes_the_same_image_again(site: Repository) -> None:
    digests = {site.machine.json("build", "--site", site.name)["image"] for _ in range(2)}
    assert len(digests) == 1


def test_down_leaves_nothing_running_and_start_brings_it_back(site: Repository) -> None:
    live = site.status["revision"]
    assert site.machine.pushlive("down", "--site", site.name).returncode == 0
    assert not processes_of(site.machine)
    assert site.machine.pushlive("start", "--site", site.name).returncode == 0
    assert eventually(lambda: site.serves(live))


def processes_of(machine: Machine) -> list[str]:
    """Command lines that name the machine's folder."""
    found = machine.run("pgrep", "-af", str(machine.home)).stdout.splitlines()
    return [line for line in found if "pgrep" not in line]


def test_old_releases_are_removed_and_what_is_kept_can_be_rolled_back_to(site: Repository) -> None:
    live = site.pushed_change("Kept one")
    last = site.pushed_change("Kept two")
    done = site.machine.json("image", "prune", "--keep", "2", "--site", site.name)
    kept = set(done["kept"])
    assert len(kept) == 2
    folder = site.machine.home / "sites" / site.name
    assert {path.name for path in (folder / "releases").iterdir() if path.name.startswith("v")} == kept
    assert site.machine.json("rollback", "--site", site.name)["revision"] == live
    assert site.machine.json("rollback", last[:10], "--site", site.name)["revision"] == last
    assert site.serves(last)


def test_an_address_that_cannot_be_stops_nothing(site: Repository) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        for port, cause in ((99999, "is not an address and a port"), (taken, f"port {taken} is taken by")):
            done = site.machine.pushlive("start", "--listen", f"127.0.0.1:{port}", "--site", site.name)
            assert done.returncode != 0
            assert cause in done.stderr
    status = site.status
    assert status["url"] == site.url
    assert site.serves(status["revision"])


def test_a_site_can_be_given_another_address(site: Repository) -> None:
    live = site.status["revision"]
    (started,) = site.machine.json("start", "--listen", "127.0.0.1:0", "--site", site.name)
    assert started["url"] != site.url
    site.url = started["url"]
    assert site.serves(live)


def test_a_boot_starts_what_runs_and_not_what_was_taken_down(site: Repository) -> None:
    assert site.name in [each["site"] for each in site.machine.json("start", "--all")]
    site.machine.pushlive("down", "--site", site.name)
    assert site.name not in [each["site"] for each in site.machine.json("start", "--all")]
    site.machine.json("start", "--site", site.name)


def test_a_file_that_missed_the_image_is_found_without_looking_into_anything_that_runs(site: Repository) -> None:
    site.write(".dockerignore", "counter/*.txt\n")
    site.write("counter/words.txt", "one\n")
    site.write("counter/words.py", "ONE = 1\n")
    site.commit("Words")
    before = site.status["release"]
    site.pushed()
    options = ("--site", site.name)
    names = {each["path"] for each in site.machine.json("image", "ls", "counter", *options)["entries"]}
    assert "/app/counter/words.py" in names
    done = site.machine.pushlive("image", "ls", "counter/words.txt", *options)
    assert done.returncode == 2
    assert (
        f"{site.head[:7]} has counter/words.txt, but it stays out of the image by .dockerignore:1: counter/*.txt"
        in done.stderr
    )
    assert site.machine.json("image", "cat", "counter/words.py", *options)["text"] == "ONE = 1\n"
    found = site.machine.json("image", "diff", before, *options)
    assert {each["path"] for each in found["files"]} >= {"/app/counter/words.py", "/app/.dockerignore"}
    assert found["packages"] == []
    sizes = site.machine.json("image", "sizes", *options)
    assert "django" in {each["name"] for each in sizes["packages"]}
