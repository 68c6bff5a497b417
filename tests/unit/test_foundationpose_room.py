"""How many poses are worked on at once after memory ran out."""

from estimators.foundationpose.room import Room


def batches_until_it_grows(room: Room) -> int:
    before, count = room.most, 0
    while room.most == before:
        room.went_well(room.most)
        count += 1
        assert count < 10_000
    return count


def test_it_halves_and_grows_back_to_the_whole() -> None:
    room = Room(252)
    assert [room.shrink() and room.most for _ in range(3)] == [126, 63, 31]
    sizes = [room.most]
    while room.most < 252:
        batches_until_it_grows(room)
        sizes.append(room.most)
    assert sizes == [31, 62, 124, 248, 252]


def test_batches_that_are_smaller_than_allowed_say_nothing() -> None:
    room = Room(64)
    room.shrink()
    for _ in range(10_000):
        room.went_well(31)
    assert room.most == 32


def test_a_device_that_stays_full_is_asked_less_and_less_often() -> None:
    room = Room(64)
    room.shrink()
    waited: list[int] = []
    for _ in range(9):
        waited.append(batches_until_it_grows(room))
        assert room.most == 64
        room.shrink()
        assert room.most == 32
    assert waited == [50 * patience for patience in (1, 2, 4, 8, 16, 32, 64, 64, 64)]
    batches_until_it_grows(room)
    room.went_well(64)  # now it fits: as patient as at first
    room.shrink()
    assert batches_until_it_grows(room) == 50


def test_where_not_even_one_fits_all_are_tried_next() -> None:
    room = Room(4)
    assert [room.shrink() for _ in range(3)] == [True, True, False]
    assert room.most == 4
