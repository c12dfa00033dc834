#include "wal/format.h"

#include "tests/unit/test.h"
#include "wal/group.h"
#include "wal/scan.h"

using namespace vortex;
using namespace vortex::wal;

namespace {
// A group with one record and an owner table, whose bytes must never change.
ByteVector sample() {
  Group group(kGroupBytesMin);
  group.start(0x1122334455667788, Lsn(3, 0), true);
  RecordHeader record;
  record.kind = 0x0102;
  record.flags = kFlagLastOfBatch;
  record.owner = 0xA1A2A3A4A5A6A7A8;
  record.sequence = 9;
  group.add(record, as_bytes("he"), as_bytes("llo"));
  OwnerState state;
  state.owner = 0xA1A2A3A4A5A6A7A8;
  state.sequence = 9;
  state.truncated = Lsn(2, 4096);
  group.add_owner_table(std::vector<OwnerState>(1, state));
  GroupHeader header;
  header.sequence = 17;
  header.previous = 0x99;
  header.synced = 16;
  header.oldest = 2;
  return to_vector(group.seal(header));
}
}  // namespace

TEST_CASE("a group has exactly these bytes") {
  ByteVector bytes = sample();
  REQUIRE_EQ(bytes.size(), 4096u);
  EXPECT_EQ(
      to_hex(ByteView(bytes).first(kGroupHeaderBytes)),
      "5657414c0100010088776655443322111100000000000000990000000000000010000000000000009be1d322fceb05780000000000000000"
      "0300000002000000780000000200000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
      "0000000000000000c5951a59e7d763e4");
  EXPECT_EQ(to_hex(ByteView(bytes).subspan(128, 48)),
            "0500000002010101a8a7a6a5a4a3a2a10900000000000000fddc625c55e8559500000000c84dc75168656c6c6f000000");
  EXPECT_EQ(to_hex(ByteView(bytes).subspan(176, 72)),
            "2000000000000401000000000000000000000000000000004044419c262bd33b00000000ee55e174"
            "0100000000000000a8a7a6a5a4a3a2a109000000000000000010000002000000");
  EXPECT(all_zero(ByteView(bytes).subspan(248)));
}

TEST_CASE("a group is read as it was written, and any flipped bit is noticed") {
  ByteVector bytes = sample();
  GroupHeader header;
  REQUIRE(decode_group_header(bytes, header) == HeaderState::valid);
  EXPECT_EQ(header.sequence, 17u);
  EXPECT_EQ(header.lsn().to_string(), "3:0");
  Body body;
  read_group(header, bytes, body);
  REQUIRE(body.intact);
  REQUIRE_EQ(body.pieces.size(), 2u);
  EXPECT_EQ(as_text(body.pieces[0].payload), "hello");
  auto table = decode_owner_table(body.pieces[1].payload);
  REQUIRE(table.has_value());
  EXPECT_EQ(table->at(0).truncated.to_string(), "2:4096");
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
    if (decode_group_header(bytes, header) == HeaderState::valid) {
      read_group(header, bytes, body);
      REQUIRE((!body.intact || !body.padding_clean));
      REQUIRE(bit >= kGroupHeaderBytes * 8);
    }
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
  }
}

TEST_CASE("a record counts only in its own log and at its own place") {
  ByteVector bytes(kRecordHeaderBytes);
  RecordHeader header;
  header.owner = 3;
  header.sequence = 1;
  encode_record_header(header, 55, Lsn(4, 128), bytes);
  EXPECT(decode_record_header(bytes, 55, Lsn(4, 128)).has_value());
  EXPECT(!decode_record_header(bytes, 56, Lsn(4, 128)).has_value());
  EXPECT(!decode_record_header(bytes, 55, Lsn(5, 128)).has_value());
  EXPECT(!decode_record_header(bytes, 55, Lsn(4, 136)).has_value());
}
