"""What a played scenario says for people."""

import pytest

from drwatch.lab.result import Result


@pytest.mark.parametrize(
    ("claimed", "words"), [(0.4878690729965456, "at most 0.5 s"), (2.01, "at most 2.1 s"), (None, "an unknown amount")]
)
def test_the_claim_is_rounded_up_and_never_down(claimed: float | None, words: str) -> None:
    result = Result("primary-killed", "mariadb", "10.11", "pair", 0.0)
    result.rpo = {"claimed_seconds": claimed, "actual_seconds": 0.412, "actual_transactions": 7}
    assert f"claimed: {words}; really lost: 7 transactions, 0.412 s" in result.told().splitlines()
