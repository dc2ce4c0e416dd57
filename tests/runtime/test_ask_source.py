import pytest

from pushlive_runtime.ask_source import Source


@pytest.mark.parametrize(
    ("text", "line", "flows"),
    [
        ("SECRET_KEY = read()", 1, ("SECRET_KEY",)),
        ("SECRET_KEY = (\n    read()\n)", 2, ("SECRET_KEY",)),
        ("SECRET_KEY: str = read()", 1, ("SECRET_KEY",)),
        ("DEBUG, SECRET_KEY = read()", 1, ("DEBUG", "SECRET_KEY")),
        ("DATABASES = {'default': {\n    'NAME': read(),\n}}", 2, ("DATABASES",)),
        ("DATABASES['default'] = read()", 1, ("DATABASES",)),
        ("ALLOWED_HOSTS.append(read())", 1, ("ALLOWED_HOSTS",)),
        ("ALLOWED_HOSTS += read()", 1, ("ALLOWED_HOSTS",)),
        ("hosts = read()\nALLOWED_HOSTS = hosts.split()", 1, ("ALLOWED_HOSTS",)),
        ("a = read()\nb = a\nALLOWED_HOSTS = b", 1, ("ALLOWED_HOSTS",)),
        ("if read():\n    DEBUG = False\nelse:\n    CACHES = {}", 1, ("CACHES", "DEBUG")),
        ("on = read()\nif on:\n    ALLOWED_HOSTS.append('x')", 1, ("ALLOWED_HOSTS",)),
        ("if x:\n    other = read()", 2, ()),
        ("DEBUG = read()\nif DEBUG:\n    CACHES = {}", 1, ("DEBUG",)),
        ("print(read())", 1, ()),
    ],
)
def test_follows_a_value_to_the_settings_it_reaches(text, line, flows):
    assert Source(text).flows(line) == flows
