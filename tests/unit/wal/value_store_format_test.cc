#include "base/hash.h"
#include "tests/unit/test.h"
#include "wal/value_store/checkpoint.h"
#include "wal/value_store/format.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {
StoreId golden_store() {
  StoreId store{};
  for (std::size_t i = 0; i < store.size(); ++i) store[i] = static_cast<std::uint8_t>(0xA0 + i);
  return store;
}
RecordHeader golden_header() {
  RecordHeader header;
  header.form = 0x0102;
  header.number = (std::uint64_t(3) << 40) | 5;
  header.id = sha256(as_bytes("golden"));
  header.length = 11;
  header.durable_to = 0x11;
  header.old_segment = 7;
  header.old_offset = 9;
  return header;
}
ByteVector golden_record(std::uint64_t seal) {
  RecordHeader header = golden_header();
  ByteVector bytes(header.prefix_bytes());
  encode_record(header, value_sums(as_bytes("hello chunk")), seal, bytes);
  return bytes;
}
}  // namespace

TEST_CASE("the bytes of a segment header, a record and the store file are those of version 1") {
  SegmentHeader segment;
  segment.number = 42;
  segment.store = golden_store();
  segment.epoch = 3;
  EXPECT_EQ(to_hex(encode_segment_header(segment)),
            "66e705e0c06dea68000056585345474d010000002a000000a0a1a2a3a4a5a6a7a8a9aaabacadaeaf03000000000000000000000000"
            "0000000000000000000000");
  EXPECT_EQ(to_hex(golden_record(segment_seal(golden_store(), 42))),
            "d2303cf60dc2169056585243010002010500000000030000dd56de4137951d9c92681b03416ec15f886b4482a27e3a517d32f08524"
            "4cbe5d0b00000011000000070000000900000038f894aeff3e379a");
  StoreFile file;
  file.store = golden_store();
  file.epoch = 3;
  EXPECT_EQ(sha256(encode_store_file(file)).hex(), "bad1a91d338e5f25d7bcbd49c1ff937e22f79d3c06cb583d0a8b69811cc012eb");
  EXPECT_EQ(segment_name(42), "segment-0000000042");
  EXPECT_EQ(index_name(7), "index.0000000007");
}

TEST_CASE("a record reads back as it was, and only in its own segment") {
  const std::uint64_t seal = segment_seal(golden_store(), 42);
  ByteVector bytes = golden_record(seal);
  auto header = decode_record(bytes, seal);
  REQUIRE(header.has_value());
  EXPECT_EQ(header->form, 0x0102);
  EXPECT_EQ(header->number, golden_header().number);
  EXPECT(header->id == golden_header().id);
  EXPECT_EQ(header->length, 11);
  EXPECT_EQ(header->durable_to, 0x11);
  EXPECT_EQ(header->old_segment, 7);
  EXPECT_EQ(header->old_offset, 9);
  EXPECT(value_sound(bytes, as_bytes("hello chunk")));
  EXPECT(!value_sound(bytes, as_bytes("hello chunl")));
  EXPECT(!decode_record(bytes, segment_seal(golden_store(), 43)).has_value());
  StoreId other = golden_store();
  other[0] ^= 1;
  EXPECT(!decode_record(bytes, segment_seal(other, 42)).has_value());
}

TEST_CASE("any one wrong bit of a record's header is seen and put right, two are seen") {
  const std::uint64_t seal = segment_seal(golden_store(), 42);
  const ByteVector good = golden_record(seal);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    ByteVector bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1u << bit % 8));
    REQUIRE(!decode_record(bad, seal).has_value());
    auto repaired = repair_record(bad, seal);
    REQUIRE(repaired.has_value());
    REQUIRE(*repaired == good);
    bad[(bit / 8 + 13) % bad.size()] ^= 0x10;
    REQUIRE(!decode_record(bad, seal).has_value());
    REQUIRE(!repair_record(bad, seal).has_value());
  }
}

TEST_CASE("a store file of a later version is refused, one with a damaged epoch says so") {
  StoreFile file;
  file.store = golden_store();
  file.epoch = 9;
  ByteVector bytes = encode_store_file(file);
  auto read = decode_store_file(bytes);
  REQUIRE(read.ok());
  EXPECT_EQ(read->epoch, 9);
  EXPECT(!read->slot_damaged);
  ByteVector hurt = bytes;
  hurt[kStoreSectorBytes + 20] ^= 1;
  read = decode_store_file(hurt);
  REQUIRE(read.ok());
  EXPECT(read->slot_damaged);
  EXPECT_EQ(read->epoch, 0);
  hurt = bytes;
  hurt[30] ^= 1;
  EXPECT(decode_store_file(hurt).is(Code::damaged));
  file.version = kStoreVersion + 1;
  EXPECT(decode_store_file(encode_store_file(file)).is(Code::unsupported_version));
}

TEST_CASE("a value of 300 bytes takes at most 400 on disk") { EXPECT_LE(value_record_bytes(300), 400); }
