import pytest

from pushlive.config.load import load


@pytest.fixture
def tree(tmp_path):
    """Write files below a folder of their own: tree({"manage.py": "…"}) returns the folder."""
    top = tmp_path / "tree"
    top.mkdir()

    def write(files):
        for name, text in files.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return top

    return write


@pytest.fixture
def site(tree):
    """The site that such files make."""
    return lambda files: load(tree(files))
