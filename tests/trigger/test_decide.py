import subprocess
import sys

import pytest

from pushlive.config.schema import TriggerSection
from pushlive.model.errors import SettingsError
from pushlive.model.source import ZERO, Push
from pushlive.trigger.decide import Outcome, decide

OLD, NEW = "1" * 40, "2" * 40
MASTER = TriggerSection(branch="master", ignore=("{k8s,notes}/**",))


def push(ref="refs/heads/master", old=OLD, new=NEW):
    return Push(old, new, ref)


def decision(pushed, *triggers, changed=("app.py",), message="Fix it", default_branch="master"):
    return decide(pushed, changed=changed, message=message, triggers=triggers, default_branch=default_branch)


def test_without_triggers_the_default_branch_delivers():
    found = decision(push())
    assert (found.outcome, found.delivers) == (Outcome.DELIVER, True)


def test_without_triggers_another_branch_is_unmatched():
    found = decision(push("refs/heads/feature/x"))
    assert found.outcome is Outcome.UNMATCHED
    assert found.reason == "branch feature/x is not master, and pushlive.toml has no [[trigger]] for it"


def test_without_triggers_a_tag_is_unmatched():
    assert decision(push("refs/tags/master")).outcome is Outcome.UNMATCHED


def test_a_ref_that_is_no_branch_and_no_tag_is_unmatched():
    found = decision(push("refs/notes/commits"), TriggerSection(branch="**", tag="**"))
    assert found.outcome is Outcome.UNMATCHED
    assert found.reason == "refs/notes/commits is neither a branch nor a tag"


def test_a_change_outside_of_the_ignored_delivers_and_is_named():
    found = decision(push(), MASTER, changed=["notes/a.md", "proj/settings.py"])
    assert found.outcome is Outcome.DELIVER
    assert found.reason == "1 of 2 changed files counts: proj/settings.py"


def test_only_ignored_changes_are_ignored():
    found = decision(push(), MASTER, changed=["notes/a.md", "k8s/b.yaml", "notes/c/d"])
    assert found.outcome is Outcome.IGNORED
    assert found.reason == "all 3 changed files match {k8s,notes}/**"


def test_the_reason_speaks_of_one_file_as_one():
    assert decision(push(), MASTER, changed=["notes/a"]).reason == "the one changed file matches {k8s,notes}/**"


def test_a_push_that_changes_no_file_is_ignored_when_there_is_a_filter():
    assert decision(push(), MASTER, changed=[]).reason == "no file changed"


def test_a_push_that_changes_no_file_delivers_when_there_is_no_filter():
    assert decision(push(), TriggerSection(branch="master"), changed=[]).delivers


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        (["src/a.py"], Outcome.DELIVER),
        (["docs/a.md"], Outcome.IGNORED),
        (["src/x/notes.md"], Outcome.IGNORED),
        (["src/x/notes.md", "src/a.py"], Outcome.DELIVER),
    ],
)
def test_include_counts_what_ignore_left(changed, outcome):
    trigger = TriggerSection(branch="master", include=("src/**",), ignore=("**/*.md",))
    assert decision(push(), trigger, changed=changed).outcome is outcome


def test_the_reason_tells_what_no_include_matched():
    trigger = TriggerSection(branch="master", include=("src/**",), ignore=("**/*.md",))
    found = decision(push(), trigger, changed=["docs/a.md", "setup.cfg"])
    assert found.reason == "none of 2 changed files matches src/**, 1 ignored"


def test_a_new_branch_counts_every_file_as_changed():
    found = decision(push(old=ZERO), MASTER, changed=None)
    assert found.delivers
    assert found.reason == "branch master is new, so every file counts as changed"


@pytest.mark.parametrize("message", ["Notes [skip ci]", "[ci skip] Notes", "Notes\n\n[Skip CI]\n"])
def test_the_tips_message_skips(message):
    assert decision(push(), MASTER, message=message).outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("pattern", "branch", "applies"),
    [
        ("master", "master", True),
        ("master", "master2", False),
        ("release-*", "release-1.2", True),
        ("*", "feature/x", False),
        ("**", "feature/x", True),
        ("{main,master}", "main", True),
        ("v[0-9]", "v3", True),
    ],
)
def test_a_branch_is_a_glob_pattern_whose_star_stops_at_a_slash(pattern, branch, applies):
    found = decision(push(f"refs/heads/{branch}"), TriggerSection(branch=pattern))
    assert found.delivers is applies


def test_a_tag_trigger_is_for_tags_alone():
    trigger = TriggerSection(tag="v*")
    assert decision(push("refs/tags/v1.0", old=ZERO), trigger, changed=None).delivers
    assert decision(push("refs/heads/v1.0"), trigger).outcome is Outcome.UNMATCHED


def test_a_trigger_that_names_no_ref_is_for_the_default_branch():
    trigger = TriggerSection(ignore=("docs/**",))
    assert decision(push("refs/heads/main"), trigger, default_branch="main").delivers
    assert decision(push("refs/heads/other"), trigger, default_branch="main").outcome is Outcome.UNMATCHED


def test_one_trigger_of_several_is_enough():
    triggers = TriggerSection(branch="master", include=("docs/**",)), TriggerSection(branch="ma*")
    assert decision(push(), *triggers).reason == "branch master has a trigger for every push"


def test_a_run_trigger_runs_its_command_and_delivers_nothing():
    found = decision(push(), TriggerSection(branch="master", run=("echo", "hello")))
    assert (found.outcome, found.commands) == (Outcome.RUN, (("echo", "hello"),))


def test_run_triggers_that_apply_are_collected_beside_a_delivery():
    first = TriggerSection(branch="master", run=("echo", "1"))
    unfit = TriggerSection(branch="master", include=("docs/**",), run=("echo", "2"))
    last = TriggerSection(branch="master", run=("echo", "3"))
    found = decision(push(), first, TriggerSection(branch="master"), unfit, last)
    assert found.delivers
    assert found.commands == (("echo", "1"), ("echo", "3"))


@pytest.mark.parametrize(
    ("trigger", "path"),
    [
        (TriggerSection(branch="master", ignore=("ok", "{k8s")), "trigger[0].ignore[1]"),
        (TriggerSection(tag="v[0-9"), "trigger[0].tag"),
        (TriggerSection(branch="other", include=("a}",)), "trigger[0].include[0]"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_an_error_even_when_this_push_does_not_need_it(trigger, path):
    with pytest.raises(SettingsError) as caught:
        decision(push(), trigger)
    assert caught.value.cause.startswith(f"{path}: ")
    assert caught.value.remedy


def test_needs_no_glob_library_for_a_site_without_patterns():
    code = (
        "import sys; from pushlive.trigger.decide import decide; from pushlive.model.source import Push\n"
        "from pushlive.config.schema import TriggerSection\n"
        "decide(Push('1'*40, '2'*40, 'refs/heads/master'), changed=['a'], message='',"
        " triggers=[TriggerSection(branch='master', ignore=['README.md'])], default_branch='master')\n"
        "print('wcmatch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
