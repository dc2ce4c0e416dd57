import io
import json
import os
import sys
from pathlib import Path

import pytest

from pushlive import pipeline
from pushlive.cli import images, options
from pushlive.model.errors import MachineError, StateError, UsageError
from pushlive.pipeline import sites
from pushlive.rollout.local import places
from tests.history.conftest import FULL


def make(home: Path, *names: str) -> None:
    for name in names:
        sites.create(pipeline.home(), name, listen="127.0.0.1:18080")


def test_without_a_site_the_way_to_one_is_shown(pushlive):
    code, _, err = pushlive("status")
    assert code == 2
    assert "`pushlive up` in a repository makes one" in err


def test_of_several_sites_one_must_be_named(pushlive, home):
    make(home, "shop", "blog")
    code, _, err = pushlive("status")
    assert code == 2
    assert "blog, shop" in err
    assert "--site NAME" in err


def test_a_site_is_named_by_option_variable_or_folder(pushlive, home, monkeypatch):
    make(home, "shop", "blog")
    assert pushlive("status", "--site", "shop")[1].startswith("shop at ")
    monkeypatch.setenv("PUSHLIVE_SITE", "blog")
    assert pushlive("status")[1].startswith("blog at ")
    monkeypatch.delenv("PUSHLIVE_SITE")
    folder = home.parent / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert pushlive("status")[1].startswith("shop at ")


@pytest.mark.parametrize("command", ["status", "releases", "logs"])
def test_a_damaged_site_hides_no_other(pushlive, home, monkeypatch, command):
    make(home, "shop", "blog", "wiki")
    damaged = home / "sites" / "blog" / "site.json"
    damaged.write_text("{")
    code, _, err = pushlive(command)
    assert code == 2
    assert "blog, shop, wiki" in err
    assert f"blog cannot be opened: site.json is damaged: Input data was truncated ({damaged})" in err
    assert "--site NAME" in err
    assert f"move {damaged.parent} away" in err

    code, _, err = pushlive(command, "--site", "blog")
    assert code == StateError.exit_code
    assert str(damaged) in err

    for name, ends in (("shop", 0), ("blog", StateError.exit_code)):
        folder = home.parent / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert pushlive(command)[0] == ends


def test_beside_a_damaged_site_another_one_is_made(pushlive, home):
    made = [json.loads(pushlive("create", name, "--listen", "127.0.0.1:0", "--json")[1]) for name in ("shop", "blog")]
    (home / "sites" / "blog" / "site.json").write_text("{")
    code, out, err = pushlive("create", "wiki", "--listen", "127.0.0.1:0", "--json")
    assert code == 0, err
    assert json.loads(out)["url"] != made[0]["url"]


def test_a_site_that_is_not_there_is_named_with_those_that_are(pushlive, home):
    make(home, "shop")
    code, _, err = pushlive("status", "--site", "shpo")
    assert code == 2
    assert "there is no site called 'shpo' here" in err
    assert "Sites here: shop" in err


def test_create_prints_both_remotes(pushlive, home):
    code, out, _ = pushlive("create", "shop", "--listen", "127.0.0.1:18080")
    repository = home / "sites" / "shop" / "repo.git"
    assert code == 0
    assert f"git remote add live {repository}\n" in out
    assert "git remote add live ssh://" in out
    assert (repository / "hooks" / "pre-receive").is_file()


@pytest.mark.parametrize("name", ["Shop", "a/b", "..", "", "a" * 41, "-a"])
def test_create_refuses_what_is_no_name(pushlive, home, name):
    code, _, err = pushlive("create", "--", name)
    assert code == 2
    assert "cannot be the name of a site" in err
    assert not (home / "sites" / name / "site.json").exists()


def test_a_site_without_a_delivery_shows_that(pushlive, home):
    make(home, "shop")
    assert "live: nothing yet" in pushlive("status")[1]
    assert pushlive("deliveries")[1] == "There was no delivery yet.\n"
    assert pushlive("releases")[1] == "There is no release yet.\n"
    assert pushlive("env", "list")[1] == "No value is set.\n"
    assert json.loads(pushlive("status", "--json")[1])["live"] is False
    assert json.loads(pushlive("deliveries", "--json")[1]) == []
    assert json.loads(pushlive("releases", "--json")[1]) == []
    assert pushlive("run", "--", "true")[0] == 2
    assert pushlive("rollback")[0] == 2
    assert pushlive("start")[1] == "There is nothing to start: no site has had a live release.\n"


def test_a_site_that_was_taken_down_is_not_live(pushlive, home):
    make(home, "shop")
    context = pipeline.open_site(pipeline.home(), "shop")
    with context.history as history:
        live = history.add_release(FULL).name
        history.went_live(live)
    places.live_file(context.site).write_text(json.dumps({"release": live, "generation": 1, "stopped": True}))
    assert f"taken down: aaaaaaa ({live})" in pushlive("status")[1]
    found = json.loads(pushlive("status", "--json")[1])
    assert (found["live"], found["stopped"], found["release"]) == (False, True, live)


def test_one_site_that_cannot_start_does_not_keep_the_others_down(pushlive, home, monkeypatch):
    make(home, "blog", "shop")

    def start(context: pipeline.Context) -> bool:
        if context.site.name == "blog":
            raise MachineError("port 80 is taken", remedy="Stop what has it.")
        return True

    monkeypatch.setattr(pipeline, "start", start)
    code, out, err = pushlive("start", "--all")
    assert code == MachineError.exit_code
    assert out.startswith("shop runs at ")
    assert err.startswith("blog does not start:\n !  port 80 is taken\n")
    code, out, _ = pushlive("start", "--all", "--json")
    assert code == MachineError.exit_code
    assert [each["site"] for each in json.loads(out)] == ["shop", "blog"]
    assert pushlive("start", "--site", "blog")[0] == MachineError.exit_code


def test_one_site_that_cannot_be_read_does_not_keep_the_others_down(pushlive, home, monkeypatch):
    make(home, "blog", "shop")
    (home / "sites" / "blog" / "site.json").write_text("{")
    monkeypatch.setattr(pipeline, "start", lambda _: True)
    code, out, err = pushlive("start", "--all")
    assert code == StateError.exit_code
    assert out.startswith("shop runs at ")
    assert err.startswith("blog does not start:\n ! ")


def test_a_site_that_was_taken_down_stays_so_at_boot_and_is_named(pushlive, home):
    make(home, "shop")
    live = {"release": "v1", "generation": 1, "stopped": True}
    (home / "sites" / "shop" / "run" / "live.json").write_text(json.dumps(live))
    code, out, err = pushlive("start", "--all")
    assert (code, err) == (0, "")
    assert out == "shop was taken down and stays so; `pushlive start --site shop` starts it.\n"
    assert json.loads(pushlive("start", "--all", "--json")[1]) == []


def test_values_are_kept_for_the_first_delivery_and_never_shown(pushlive, home):
    make(home, "shop")
    code, out, err = pushlive("env", "set", "TOKEN=hush-4711", "NAME=x")
    assert (code, out, err) == (0, "NAME, TOKEN set, for the first delivery.\n", "")
    _, out, _ = pushlive("env", "list")
    assert "TOKEN  set" in out
    assert "hush-4711" not in out
    assert pushlive("env", "unset", "NAME")[1] == "NAME unset, for the first delivery.\n"
    code, _, err = pushlive("env", "unset", "NAME")
    assert code == 2
    assert "no value is set for NAME" in err


@pytest.mark.parametrize("pair", ["1X=a", "A-B=a", "=a", "É=a", "PUSHLIVE_SITE=a"])
def test_what_is_no_variable_s_name_is_refused(pushlive, home, pair):
    make(home, "shop")
    assert pushlive("env", "set", pair)[0] == 2


def test_down_asks_before_it_removes_data(pushlive, home, monkeypatch):
    make(home, "shop")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    code, out, err = pushlive("down", "--remove")
    assert (code, out) == (130, "")
    assert "all its data" in err
    assert (home / "sites" / "shop").is_dir()
    assert pushlive("down", "--remove", "--yes")[:2] == (0, "shop is removed.\n")
    assert not (home / "sites" / "shop").exists()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away, which only root may")
def test_sites_of_another_user_are_not_looked_after_by_root(pushlive, home):
    make(home, "shop")
    os.chown(home / "sites", 65534, 65534)
    for words in (("status",), ("start",), ("create", "blog")):
        code, _, err = pushlive(*words)
        assert code == MachineError.exit_code
        assert "belongs to another user" in err
        assert "Run the command as nobody." in err


def test_a_site_s_name_is_completed(home):
    make(home, "shop", "sheep", "blog")
    assert options._names_of_sites(None, None, "sh") == ["sheep", "shop"]


def test_a_target_with_a_registry_is_completed(home):
    assert options.names_of_targets(None, None, "") == []
    site_file = Path("pushlive.toml")
    site_file.write_text('[target.staging]\nregistry = "ghcr.io/me"\n[target.spare]\n[target.main]\nregistry = "a"\n')
    assert options.names_of_targets(None, None, "s") == ["staging"]
    site_file.write_text("no TOML")
    assert options.names_of_targets(None, None, "") == []


def test_an_image_goes_to_one_place(pushlive, home):
    make(home, "shop")
    code, _, err = pushlive("build", "--push", "ghcr.io/me/site", "--to", "production", "--site", "shop")
    assert code == UsageError.exit_code
    assert "--push and --to exclude each other" in err


@pytest.mark.parametrize("option", ["--push", "--to", "--base", "--platform", "--sign-key"])
def test_an_option_that_is_empty_is_no_option_that_was_left_out(pushlive, home, option):
    make(home, "shop")
    code, _, err = pushlive("build", option, "", "--site", "shop")
    assert code == UsageError.exit_code
    assert "it is empty; is a variable not set?" in err


def test_an_image_is_pushed_to_a_name_and_not_to_a_content(pushlive, home):
    make(home, "shop")
    code, _, err = pushlive("build", "--push", f"ghcr.io/me/site@sha256:{'a' * 64}", "--site", "shop")
    assert code == UsageError.exit_code
    assert "names a content" in err


def test_a_platform_that_is_named_twice_is_meant_once():
    made = images._target(None, None, None, "linux/amd64, linux/amd64", insecure=False, attest=True, sign=None, key="")
    assert [str(each) for each in made.platforms] == ["linux/amd64"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_code(pushlive, shell):
    code, out, _ = pushlive("completion", shell)
    assert code == 0
    assert "_PUSHLIVE_COMPLETE" in out
