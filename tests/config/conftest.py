from pathlib import Path

import pytest
from config_machine import PAIR, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def pair() -> str:
    """A good configuration, to be spoiled by ``str.replace``."""
    return PAIR
