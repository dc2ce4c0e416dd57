import pytest

from pushlive.model.errors import PushliveError, StateError, UsageError
from pushlive.model.events import silent
from pushlive.pipeline import sites
from pushlive.pipeline.life import start
from pushlive.pipeline.setup import up


@pytest.mark.usefixtures("context")
def test_a_second_repository_of_a_name_is_told_how_to_have_another(machine, work):
    work.commit({"a": "1"})
    folder = work.path.rename(machine.path.parent / "shop")
    with pytest.raises(UsageError) as caught:
        up(machine, folder, name=None, listen=None, report=silent)
    assert "`pushlive up --name OTHER`" in caught.value.remedy


@pytest.mark.usefixtures("context")
def test_a_site_that_is_set_up_is_not_moved_by_up(machine, work):
    with pytest.raises(UsageError) as caught:
        up(machine, work.path, name="shop", listen="127.0.0.1:18081", report=silent)
    assert "`pushlive start --site shop --listen 127.0.0.1:18081`" in caught.value.remedy


def test_up_says_that_its_own_site_is_damaged_and_minds_no_other(machine, context, work):
    work.commit({"a": "1"})
    context.site.record.write_text("{")
    with pytest.raises(StateError, match="damaged"):
        up(machine, work.path.rename(machine.path.parent / "shop"), name=None, listen=None, report=silent)
    other = sites.create(machine, "blog", listen="127.0.0.1:18081", origin=machine.path.parent / "shop")
    other.site.repository.joinpath("config").unlink()
    with pytest.raises(PushliveError):  # no page can be made of it
        up(machine, machine.path.parent / "shop", name=None, listen=None, report=silent)
    assert other.site.repository.joinpath("config").exists()


def test_an_upgrade_reaches_a_site_by_up_and_by_start(machine, context, work):
    config = context.site.repository / "config"
    new = config.read_text()

    def brought_up() -> None:
        with pytest.raises(PushliveError):  # there is no commit
            up(machine, work.path, name="shop", listen=None, report=silent)

    for way in (brought_up, lambda: start(context)):
        config.write_text("[core]\n\tbare = true\n")
        way()
        assert config.read_text() == new
