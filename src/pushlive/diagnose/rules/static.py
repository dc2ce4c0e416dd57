"""Static files that cannot be collected or found."""

from pushlive.diagnose.rule import Decide, Exceptional

RULES: tuple[Decide, ...] = (
    Exceptional(
        "static-root",
        ("ImproperlyConfigured",),
        r"without having set the STATIC_ROOT setting",
        "STATIC_ROOT is not set, so collectstatic has nowhere to put the files",
        'Add to the settings: STATIC_ROOT = BASE_DIR / "staticfiles"',
    ),
    Exceptional(
        "static-reference",
        ("ValueError",),
        r"The file '(?P<file>[^']+)' could not be found with <",
        "a style sheet or script refers to {file}, which does not exist",
        "Commit the file or take the reference out; or, in the storage, set manifest_strict = False.",
    ),
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
