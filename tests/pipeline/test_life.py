import os

import pytest

from pushlive.pipeline import life, sites


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a site has an account of its own only by root")
def test_what_a_removed_site_built_is_not_left_to_the_next_one_of_its_number(machine):
    context = sites.create(machine, "shop", listen="127.0.0.1:18080")
    built = context.home.cache / "dependencies" / f"key-{context.record.account.uid}"
    downloads = context.home.cache / "builds" / str(context.record.account.uid) / "uv"
    for folder in (built, downloads):
        folder.mkdir(parents=True)
    life.stop(context, remove=True)
    assert not built.exists()
    assert not downloads.exists()
    assert sites.create(machine, "next", listen="127.0.0.1:18080").record.account == context.record.account
