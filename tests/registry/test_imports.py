"""What a command that speaks to no registry does not pay for."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["pushlive.cli.app", "pushlive.registry.reference", "pushlive.pipeline.delivery"])
def test_the_client_is_loaded_when_it_is_used(module):
    code = f"import sys, {module}; print('urllib3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
