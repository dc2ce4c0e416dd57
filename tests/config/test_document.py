import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from pushlive.config import document
from pushlive.config.schema import Section

DOCUMENTS = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", [document.REFERENCE, document.SCHEMA])
def test_the_committed_document_is_what_the_schema_makes(name):
    committed = (DOCUMENTS / name).read_text(encoding="utf-8")
    assert committed == document.files()[name], "run: python -m pushlive.config.document docs/reference"


def test_every_key_of_every_section_is_explained():
    texts = document._texts()
    for section in Section.__subclasses__():
        keys = set(section.__struct_fields__)
        assert section.__name__ == "SiteFile" or keys == set(texts[section.__name__]), section


def test_the_schema_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(document.json_schema())


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("", True),
        ('[site]\nname = "shop"\n[run]\nreplicas = 3\nautoscale = {max = 4}\n[[trigger]]\nbranch = "main"\n', True),
        ('[cache]\nmemory = "64Mi"\n[target.production]\nengine = "local"\n', True),
        ('[site]\nname = "My Site"\n', False),
        ("[run]\nreplica = 3\n", False),
        ('[target.production]\nengine = "k8s"\n', False),
        ('[data]\npaths = ["../x"]\n', False),
        ("server = 1\n", False),
    ],
)
def test_the_schema_agrees_with_the_reader(text, valid):
    validator = jsonschema.Draft202012Validator(document.json_schema())
    assert validator.is_valid(tomllib.loads(text)) is valid


def test_a_text_of_several_lines_is_one_in_the_table():
    rows = [line for line in document.reference().splitlines() if line.startswith("| `")]
    assert [row for row in rows if re.search(r"\S {2,}\w", row)] == []


def test_main_writes_both_documents(tmp_path):
    document.main(tmp_path)
    assert json.loads((tmp_path / document.SCHEMA).read_text())["title"] == "pushlive.toml"
    assert (tmp_path / document.REFERENCE).read_text().startswith("# pushlive.toml")
