"""HPACK: what RFC 7541's Appendix C shows, what our encoder enters into its table, and updates of the table's size."""

import hpack
import pytest

from xproto.errors import MalformedError
from xproto.kernel.hpack import Decoder, Encoder

INDEX, LITERAL, NEVER = range(3)

FIRST = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")]
SECOND = [*FIRST, (b"cache-control", b"no-cache")]
THIRD = [
    (b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/index.html"), (b":authority", b"www.example.com"),
    (b"custom-key", b"custom-value"),
]  # fmt: skip
REQUESTS = [FIRST, SECOND, THIRD]
REQUEST_TABLE = [(b"custom-key", b"custom-value"), (b"cache-control", b"no-cache"), (b":authority", b"www.example.com")]

DATE, LATER = b"Mon, 21 Oct 2013 20:13:21 GMT", b"Mon, 21 Oct 2013 20:13:22 GMT"
SITE = (b"location", b"https://www.example.com")
COOKIE = (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1")
RESPONSES = [
    [(b":status", b"302"), (b"cache-control", b"private"), (b"date", DATE), SITE],
    [(b":status", b"307"), (b"cache-control", b"private"), (b"date", DATE), SITE],
    [(b":status", b"200"), (b"cache-control", b"private"), (b"date", LATER), SITE, (b"content-encoding", b"gzip"), COOKIE],
]
RESPONSE_TABLE = [COOKIE, (b"content-encoding", b"gzip"), (b"date", LATER)]

PLAIN_REQUESTS = [
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
]
CODED_REQUESTS = [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
]
PLAIN_RESPONSES = [
    (
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
        "6e1768747470733a2f2f7777772e6578616d706c652e636f6d"
    ),
    "4803333037c1c0bf",
    (
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f"
        "3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31"
    ),
]
CODED_RESPONSES = [
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    "4883640effc1c0bf",
    (
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960"
        "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007"
    ),
]


def pairs(fields):
    return [(name, value) for name, value, _ in fields]


@pytest.mark.parametrize(
    ("block", "field", "table"),
    [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", (b"custom-key", b"custom-header", False), 1),
        ("040c2f73616d706c652f70617468", (b":path", b"/sample/path", False), 0),
        ("100870617373776f726406736563726574", (b"password", b"secret", True), 0),
        ("82", (b":method", b"GET", False), 0),
    ],
)
def test_appendix_c2_one_field(block, field, table):
    decoder = Decoder()
    assert decoder.decode_bytes(bytes.fromhex(block)) == [field]
    assert decoder.table() == [field[:2]][:table]


@pytest.mark.parametrize("blocks", [PLAIN_REQUESTS, CODED_REQUESTS])
def test_appendix_c3_and_c4_requests(blocks):
    decoder = Decoder()
    assert [pairs(decoder.decode_bytes(bytes.fromhex(block))) for block in blocks] == REQUESTS
    assert decoder.table() == REQUEST_TABLE


@pytest.mark.parametrize("blocks", [PLAIN_RESPONSES, CODED_RESPONSES])
def test_appendix_c5_and_c6_responses_evict_each_other(blocks):
    decoder = Decoder()
    decoder.allow_size(256)
    to_256 = "3fe101"
    blocks = [to_256 + blocks[0], *blocks[1:]]
    assert [pairs(decoder.decode_bytes(bytes.fromhex(block))) for block in blocks] == RESPONSES
    assert decoder.table() == RESPONSE_TABLE


def test_we_write_requests_as_appendix_c4_does():
    encoder = Encoder()
    assert [encoder.encode_fields(fields).hex() for fields in REQUESTS] == CODED_REQUESTS
    assert encoder.table() == REQUEST_TABLE


def test_one_byte_is_cut_or_added():
    whole = bytes.fromhex(CODED_RESPONSES[0])
    for size in range(1, len(whole)):
        try:
            found = Decoder().decode_bytes(whole[:size])
        except MalformedError:
            continue
        assert pairs(found) == RESPONSES[0][: len(found)], "cut between two fields"
        assert len(found) < 4
    assert pairs(Decoder().decode_bytes(whole + b"\x82")) == [*RESPONSES[0], (b":method", b"GET")]


# -- what we write ------------------------------------------------------------------------------------------------------


def size_of(encoder, *fields, how=INDEX):
    return len(encoder.encode_fields(fields, how))


def read_back(block, decoder=None):
    return [(*field, not field.indexable) for field in (decoder or hpack.Decoder()).decode(block, raw=True)]


def test_names_are_written_in_lower_case_and_found_in_any():
    encoder, decoder = Encoder(), hpack.Decoder()
    first = encoder.encode_fields([(b"X-Custom@[`{Z", b"Value")])
    assert read_back(first, decoder) == [(b"x-custom@[`{z", b"Value", False)]
    second = encoder.encode_fields([(b"x-cUSTOM@[`{z", b"Value"), (b":METHOD", b"GET"), (b":method", b"get")])
    assert second[:2] == b"\xbe\x82"
    assert read_back(second, decoder)[2] == (b":method", b"get", False)


def test_a_long_name_is_lowered_too():
    for size in (255, 256, 257, 70_000):
        name = (b"Ab-Z9@[" * (size // 7 + 1))[:size]
        block = Encoder().encode_fields([(name, b"v")])
        assert read_back(block, hpack.Decoder(2**20)) == [(name.lower(), b"v", False)]


def test_bytes_above_ascii_keep_their_case():
    name = bytes(range(256)).replace(b"A", b"")
    assert read_back(Encoder().encode_fields([(name, name)])) == [(name.lower(), name, False)]


def test_a_literal_does_not_enter_but_is_found():
    encoder = Encoder()
    field = (b"x-one", b"1")
    assert size_of(encoder, field, how=LITERAL) > 1
    assert encoder.table() == []
    assert size_of(encoder, field) > 1
    assert size_of(encoder, field, how=LITERAL) == 1


def test_never_is_never_an_index():
    encoder, decoder = Encoder(), hpack.Decoder()
    field = (b"x-one", b"1")
    read_back(encoder.encode_fields([field]), decoder)
    assert read_back(encoder.encode_fields([field], NEVER), decoder) == [(*field, True)]
    assert read_back(encoder.encode_fields([(*field, True), (b":method", b"GET", True)]), decoder)[1] == (
        b":method", b"GET", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "never"),
    [
        ((b"authorization", b"Bearer " + b"a" * 100), True),
        ((b"proxy-authorization", b"Basic eDp5"), True),
        ((b"Cookie", b"a=0123456789abcdefg"), True),
        ((b"cookie", b"a=0123456789abcdefgh"), False),
        ((b"x-authorization", b"a"), False),
    ],
)
def test_secrets_never_enter(field, never):
    for how in (INDEX, LITERAL):
        encoder = Encoder()
        for _ in range(3):
            block = encoder.encode_fields([field], how)
        assert read_back(Encoder().encode_fields([field], how))[0][2] is never
        assert len(encoder.table()) == (how == INDEX and not never)
        assert (len(block) == 1) is (how == INDEX and not never)


def test_what_changes_each_time_takes_half_of_the_table_at_most():
    encoder, decoder = Encoder(), hpack.Decoder()
    lasting = [(b"user-agent", b"a client of ours"), (b"x-tenant", b"north")]
    for number in range(500):
        fields = [*lasting, (b"x-request-id", b"%032x" % (number * 0x9E3779B97F4A7C15)), (b":path", b"/orders/%d" % number)]
        block = encoder.encode_fields(fields)
        assert pairs(read_back(block, decoder)) == fields
    assert encoder.table()[-2:] == lasting[::-1], "nothing pushed them out"
    assert decoder.header_table._current_size <= 2048


def test_a_path_that_comes_again_enters():
    encoder = Encoder()
    encoder.encode_fields([(b"filler-%d" % number, b"%0100d" % number) for number in range(14)])
    paths = [(b":path", b"/echo.Service/Method%d" % number) for number in range(8)]
    sizes = [[size_of(encoder, path) for path in paths] for _ in range(3)]
    assert min(sizes[0]) > 1
    assert sizes[2] == [1] * 8
    assert sorted(encoder.table()[:8]) == paths


def test_a_value_that_is_used_makes_way_for_the_next():
    encoder = Encoder()
    for second in range(50):
        block = [encoder.encode_fields([(b"date", b"Mon, 21 Oct 2013 20:13:%02d GMT" % second)]) for _ in range(2)]
        assert len(block[1]) == 1, "each enters at once, as the last was used"


def test_a_new_entry_is_not_taken_for_the_old_one_in_its_place():
    encoder = Encoder()
    for number in range(200):
        encoder.encode_fields([(b"n%d" % number, b"")] * 2)
    encoder.encode_fields([(b"x-id", b"1")])
    encoder.encode_fields([(b"x-id", b"2")])
    assert encoder.table()[:2] == [(b"x-id", b"1"), (b"n199", b"")], "the first was of no use yet"


def test_an_entry_of_most_of_the_table_does_not_enter():
    encoder = Encoder()
    assert size_of(encoder, (b"a", b"v" * (3072 - 33))) > 100
    assert len(encoder.table()) == 1
    size_of(encoder, (b"b", b"v" * (3072 - 32)))
    assert len(encoder.table()) == 1


def test_evicted_entries_are_not_found():
    encoder, decoder = Encoder(), hpack.Decoder()
    fields = [(b"name-%d" % number, b"%0100d" % number) for number in range(100)]
    for field in [*fields, fields[0], fields[99], fields[70]]:
        assert pairs(read_back(encoder.encode_fields([field]), decoder)) == [field]
        assert encoder.table() == list(decoder.header_table.dynamic_entries)
    assert 20 < len(encoder.table()) < 40


def test_what_entered_is_found_again():
    encoder = Encoder()
    fields = [(b"n%d" % number, b"") for number in range(110)]
    encoder.encode_fields(fields)
    assert len(encoder.table()) == 110
    assert len(encoder.encode_fields(fields)) == 65 + 2 * 45, "by one byte up to the index 126"


def test_an_empty_name_or_value():
    encoder, decoder = Encoder(), hpack.Decoder()
    for _ in range(2):
        for field in [(b"", b""), (b"", b"v"), (b"n", b"")]:
            assert pairs(read_back(encoder.encode_fields([field]), decoder)) == [field]


# -- table size updates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "updates"),
    [
        ([], ""),
        ([4096], ""),
        ([65_536], ""),
        ([2**40], ""),
        ([0], "20"),
        ([-1], "20"),
        ([30], "3e"),
        ([31], "3f00"),
        ([1337], "3f9a0a"),
        ([0, 4096], "203fe11f"),
        ([100, 0, 50, 60], "203f1d"),
        ([100, 4096, 65_536], "3f453fe11f"),
        ([2**40, 100], "3f45"),
    ],
)
def test_updates_say_the_smallest_and_the_last_size(allowed, updates):
    encoder = Encoder()
    encoder.encode_fields([(b"x", b"1")])
    for size in allowed:
        encoder.allow_size(size)
    assert encoder.encode_fields([]).hex() == updates
    assert encoder.encode_fields([]) == b"", "once"


def test_a_table_of_nothing_and_back():
    encoder, decoder = Encoder(), Decoder()
    field = (b"x-one", b"1")
    for size, left in [(4096, 1), (0, 0), (33, 0), (4096, 1), (38, 1), (37, 0), (38, 0), (4096, 1)]:
        encoder.allow_size(size)
        decoder.allow_size(size)
        assert pairs(decoder.decode_bytes(encoder.encode_fields([field, field]))) == [field, field]
        assert encoder.table() == decoder.table()
        assert len(decoder.table()) == left


def test_a_reduction_evicts_what_is_too_much():
    encoder, decoder = Encoder(), Decoder()
    fields = [(b"name-%d" % number, b"%0100d" % number) for number in range(20)]
    decoder.decode_bytes(encoder.encode_fields(fields))
    for size in (1000, 500, 139, 138):
        encoder.allow_size(size)
        decoder.allow_size(size)
        decoder.decode_bytes(encoder.encode_fields([]))
        assert encoder.table() == decoder.table() == list(reversed(fields))[: size // 139]
