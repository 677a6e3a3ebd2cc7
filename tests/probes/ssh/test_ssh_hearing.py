"""Answers are told from noise, however the bytes arrive."""

from hypothesis import given
from hypothesis import strategies as st

from drwatch.probes.ssh.hearing import BLOCK, LINE, Hearing, Word

TOKEN = b"0f3a9c"
NOISE = st.one_of(
    st.binary(max_size=60), st.text("0f3a9c look done 1\n", max_size=60).map(str.encode), st.just(TOKEN[:-1])
).filter(lambda noise: TOKEN not in noise)
LINES = st.binary(min_size=1, max_size=40).filter(lambda line: b"\n" not in line and TOKEN not in line)
SAID = st.lists(st.tuples(NOISE, st.lists(LINES, max_size=5)), max_size=5)


def say(*lines: bytes) -> bytes:
    """As node.sh does: each line with the token begins a line of its own."""
    return b"\n" + b"\n".join(lines) + b"\n"


def block(number: int, lines: list[bytes]) -> bytes:
    return say(b"%s look %d" % (TOKEN, number), *lines, b"%s done %d" % (TOKEN, number))


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


@given(SAID, st.lists(st.integers(0, 50)))
def test_every_block_is_heard_whole_whatever_stands_between_and_however_it_is_cut(
    said: list[tuple[bytes, list[bytes]]], sizes: list[int]
) -> None:
    stream = b"".join(noise + block(number, lines) for number, (noise, lines) in enumerate(said))
    hearing = Hearing(TOKEN)
    heard = [word for piece in cut(stream, sizes) for word in hearing.hear(piece)]
    assert heard == [Word("look", number, lines=tuple(lines)) for number, (_, lines) in enumerate(said)]


@given(st.lists(st.binary(max_size=200)))
def test_no_bytes_at_all_are_a_fault_of_ours(pieces: list[bytes]) -> None:
    hearing = Hearing(TOKEN)
    for piece in pieces:
        hearing.hear(piece.replace(b"\x00", TOKEN + b" "))


def test_a_job_that_answers_in_the_middle_of_a_block_disturbs_neither() -> None:
    hearing = Hearing(TOKEN)
    heard = hearing.hear(
        say(b"0f3a9c look 1", b"up 1", b"", b"0f3a9c space 2 4096 1 1 1", b"0f3a9c end 2 0", b"cpu 1", b"0f3a9c done 1")
    )
    assert heard == [Word("space", 2, b"4096 1 1 1"), Word("end", 2, b"0"), Word("look", 1, lines=(b"up 1", b"cpu 1"))]


def test_a_block_whose_begin_was_lost_is_none() -> None:
    hearing = Hearing(TOKEN)
    assert hearing.hear(say(b"up 1", b"0f3a9c done 1")) == []
    assert hearing.hear(say(b"0f3a9c look 2", b"0f3a9c done 1")) == []


def test_a_block_without_end_is_a_flood_and_the_next_is_heard() -> None:
    hearing = Hearing(TOKEN)
    heard = hearing.hear(say(b"0f3a9c look 1", *[b"x" * 100] * (BLOCK // 100 + 1)))
    assert heard == [Word("flood", 1)]
    assert hearing.hear(block(2, [b"up 1"])) == [Word("look", 2, lines=(b"up 1",))]


def test_a_line_without_end_costs_no_memory_and_hides_nothing() -> None:
    hearing = Hearing(TOKEN)
    for _ in range(100):
        assert hearing.hear(b"x" * 50_000) == []
        assert len(hearing._rest) <= LINE
    assert hearing.noise == 5_000_000
    assert hearing.hear(block(1, [b"up 1"])) == [Word("look", 1, lines=(b"up 1",))]
    assert hearing.noise == 0
