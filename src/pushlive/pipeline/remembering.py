"""What a site that has no release yet was supplied with when its image was built: the next build need not find it out.

Values of secrets are not written down. An image holds none, so any that is new will do.
"""

import secrets

import msgspec
from msgspec.structs import replace

from pushlive.model.home import SiteHome
from pushlive.model.release import SuppliedSetting
from pushlive.system.files import write_atomic


def recall(site: SiteHome) -> tuple[SuppliedSetting, ...]:
    """What the last build was supplied with; nothing where there was none, or its note is damaged."""
    try:
        known = msgspec.json.decode(site.supplied.read_bytes(), type=tuple[SuppliedSetting, ...])
    except (FileNotFoundError, msgspec.DecodeError):
        return ()
    return tuple(replace(one, value=secrets.token_urlsafe(50)) if one.secret else one for one in known)


def keep(site: SiteHome, supplied: tuple[SuppliedSetting, ...]) -> None:
    """Note it, without the values of secrets."""
    known = tuple(replace(one, value="") if one.secret else one for one in supplied)
    write_atomic(site.supplied, msgspec.json.encode(known))
