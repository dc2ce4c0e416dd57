"""Static files that cannot be collected or found."""

import re

from pushlive.diagnose.rule import Decide, Exceptional
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis


def missing_reference(symptoms: Symptoms) -> Diagnosis | None:
    """A style sheet or script names a file that was not collected; Django says in which one before it raises."""
    for raised in symptoms.raised("ValueError"):
        if found := re.search(r"The file '([^']+)' could not be found with <", raised.words):
            said = re.search(r"Post-processing '([^']+)' failed", symptoms.text)
            return symptoms.found(
                "static-reference",
                f"{said[1] if said else 'a style sheet or script'} refers to {found[1]}, which does not exist",
                remedy="Commit the file or take the reference out; or, in the storage, set manifest_strict = False.",
                evidence=(said[0] if said else f"The file '{found[1]}' could not be found",),
                where=said[1] if said else None,
            )
    return None


RULES: tuple[Decide, ...] = (
    Exceptional(
        "static-root",
        ("ImproperlyConfigured",),
        r"without having set the STATIC_ROOT setting",
        "STATIC_ROOT is not set, so collectstatic has nowhere to put the files",
        'Add to the settings: STATIC_ROOT = BASE_DIR / "staticfiles"',
    ),
    missing_reference,
    Exceptional(
        "static-manifest",
        ("ValueError",),
        r"Missing staticfiles manifest entry for '(?P<file>[^']+)'",
        "a page names the static file {file}, which was not collected",
        "Correct the name, commit the file, or have [build] commands make it; if the repository carries a built "
        "manifest of its own, say [build] static = false.",
    ),
    Exceptional(
        "compress-offline",
        ("OfflineGenerationError",),
        r"(?P<words>[^\n]+)",
        "django-compressor is set to offline, and its manifest was not made",
        'Make it in the build: [build] commands = ["python manage.py compress"].',
    ),
    Exceptional(
        "front-end-build",
        ("WebpackLoaderBadStatsError", "DjangoViteAssetNotFoundError", "DjangoViteManifestError"),
        r"(?P<words>[^\n]+)",
        "the front end was not built",
        'Build it: [build] commands = ["npm ci", "npm run build"].',
    ),
)
