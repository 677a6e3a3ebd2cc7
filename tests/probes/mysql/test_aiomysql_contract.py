"""The private names of aiomysql on which the rung, the hang-up and the goodbye rest.

aiomysql promises none of them: an upgrade that moves one must fail here and not at three in the morning.
"""

import inspect

import pytest
from aiomysql import connection as vendor

from drwatch.probes.mysql.wire import Address, Wire


def test_the_connections_steps_can_be_taken_one_by_one() -> None:
    assert list(inspect.signature(vendor.Connection._get_server_information).parameters) == ["self"]
    assert list(inspect.signature(vendor.Connection._request_authentication).parameters) == ["self"]
    assert list(inspect.signature(vendor.Connection._process_auth).parameters) == ["self", "plugin_name", "auth_packet"]
    assert list(inspect.signature(vendor.Connection._read_bytes).parameters) == ["self", "num_bytes"]
    assert inspect.iscoroutinefunction(vendor._open_connection)


def test_the_reader_is_an_asyncio_reader_whose_methods_can_be_replaced_on_the_instance() -> None:
    assert "__slots__" not in vars(vendor._StreamReader)
    for name in ("feed_eof", "set_exception", "at_eof"):
        assert callable(getattr(vendor._StreamReader, name))


@pytest.mark.parametrize(
    "name", ["_reader", "_writer", "_password", "_ssl_context", "_secure", "_server_auth_plugin", "_result", "_host"]
)
async def test_a_connection_has_the_attribute(name: str) -> None:
    wire = Wire(Address("127.0.0.1", 3306, "drwatch", "x"))
    assert hasattr(wire, name)


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("_request_authentication", ["self._ssl_context and self.server_capabilities & CLIENT.SSL", "self._password"]),
        ("_read_packet", ["self._read_bytes(", "self._next_seq_id"]),
        ("_read_query_result", ["self._result"]),
    ],
)
def test_the_vendors_steps_still_go_by_the_names_that_ours_set(method: str, names: list[str]) -> None:
    source = inspect.getsource(getattr(vendor.Connection, method))
    for name in names:
        assert name in source
