from collections.abc import Iterator

import pytest

from drwatch.lab.binaries import Binaries, find
from drwatch.lab.pair import Pair
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.server import Flavour


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return find()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=[Flavour.MARIADB, Flavour.MYSQL_57, Flavour.MYSQL_97], ids=str)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A living pair; a test that breaks it mends it. `make matrix` does that to every flavour."""
    with Pair(request.param) as pair:
        yield pair
