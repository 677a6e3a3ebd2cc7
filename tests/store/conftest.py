from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from drwatch.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "drwatch.db"


@pytest_asyncio.fixture
async def opened(path: Path) -> AsyncIterator[Callable[..., Awaitable[Store]]]:
    stores: list[Store] = []

    async def open_store(at: Path = path, limit: float = 5.0, boot: str = "") -> Store:
        stores.append(await Store.open(at, limit, boot=boot))
        return stores[-1]

    yield open_store
    for store in stores:
        await store.close()
