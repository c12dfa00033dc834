#include "chunker/pack.h"

#include <type_traits>

#include "base/hash.h"
#include "chunker/compress.h"
#include "chunker/unpack.h"
#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

struct Owner {
  SeededRandom random{77};
  SecretKey key = SecretKey::generate(random);
  Sealer sealer{key, random};
};

StoredChunk packed(ByteView plain, Compression compression, Sealer* sealer, std::uint64_t offset = 0) {
  PackOrder order;
  order.compression = compression;
  order.file_offset = offset;
  if (sealer != nullptr) order.seal = sealer->next_turn();
  return pack(ChunkDraft::copy_of(plain), std::move(order));
}

Buffer flipped(const Buffer& bytes, std::size_t bit) {
  Buffer copy = Buffer::copy_of(bytes);
  copy.writable()[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  return copy;
}

PlacedExtent moved(PlacedExtent extent, std::uint64_t offset) {
  extent.offset = offset;
  return extent;
}

}  // namespace

TEST_CASE("a raw chunk is its header and its bytes, named by the bytes, and is not copied") {
  SeededRandom random(1);
  ByteVector plain = random_bytes(random, 100000);
  ChunkDraft draft = ChunkDraft::copy_of(plain);
  const std::uint8_t* where = draft.plain().data();
  StoredChunk chunk = pack(std::move(draft), PackOrder());
  EXPECT(chunk.id == sha256(plain));
  EXPECT_EQ(chunk.stored.size(), plain.size() + kHeaderSize);
  EXPECT_EQ(chunk.stored.data() + kHeaderSize, where);
  EXPECT(chunk.sums == block_sums(chunk.stored));
  auto back = unpack(placed(chunk), chunk.stored, nullptr, Trust::nothing);
  REQUIRE(back.ok());
  EXPECT_EQ(back->data(), where);
  EXPECT(equal(*back, plain));
}

TEST_CASE("the name of a chunk does not depend on its compression, and repeated packing gives equal bytes") {
  SeededRandom random(2);
  ByteVector plain = text_bytes(random, 300000);
  StoredChunk raw = packed(plain, Compression::none, nullptr), fast = packed(plain, Compression::lz4, nullptr),
              high = packed(plain, Compression::lz4_high, nullptr);
  EXPECT(raw.id == fast.id);
  EXPECT(raw.id == high.id);
  EXPECT_LT(fast.stored.size(), raw.stored.size());
  EXPECT_LE(high.stored.size(), fast.stored.size());
  EXPECT(equal(packed(plain, Compression::lz4, nullptr).stored, fast.stored));
  for (const StoredChunk& chunk : {raw, fast, high}) {
    auto back = unpack(placed(chunk), chunk.stored, nullptr, Trust::nothing);
    REQUIRE(back.ok());
    EXPECT(equal(*back, plain));
    EXPECT(check_stored(chunk.id, chunk.header.form(), chunk.stored).ok());
  }
}

TEST_CASE("every flipped bit of every stored form is found") {
  Owner sealing;
  ByteVector text = text_bytes(sealing.random, 500), noise = random_bytes(sealing.random, 200);
  for (const ByteVector& plain : {text, noise}) {
    for (Sealer* sealer : {static_cast<Sealer*>(nullptr), &sealing.sealer}) {
      StoredChunk chunk = packed(plain, Compression::lz4, sealer, 4096);
      EXPECT_EQ(chunk.header.compression == Compression::lz4, &plain != &noise && plain.size() == 500);
      for (std::size_t bit = 0; bit < chunk.stored.size() * 8; ++bit) {
        Buffer bad = flipped(chunk.stored, bit);
        CAPTURE(bit);
        REQUIRE(!unpack(placed(chunk), bad, &sealing.key, Trust::nothing).ok());
        REQUIRE(!check_stored(chunk.id, chunk.header.form(), bad).ok());
        REQUIRE(check_blocks(bad, 0, chunk.sums).is(Code::damaged));
        // Sealed bytes prove themselves, whatever the reader trusts.
        if (sealer != nullptr) REQUIRE(!unpack(placed(chunk), bad, &sealing.key, Trust::checksums).ok());
      }
    }
  }
}

TEST_CASE("a sealed chunk opens with its key at its place only") {
  Owner sealing;
  SecretKey other = SecretKey::generate(sealing.random);
  ByteVector plain = text_bytes(sealing.random, 50000);
  for (Compression compression : {Compression::none, Compression::lz4}) {
    StoredChunk chunk = packed(plain, compression, &sealing.sealer, 1000000);
    EXPECT(chunk.id == sha256(chunk.stored));
    EXPECT(check_stored(chunk.id, chunk.header.form(), chunk.stored).ok());
    auto back = unpack(placed(chunk), chunk.stored, &sealing.key, Trust::nothing);
    REQUIRE(back.ok());
    EXPECT(equal(*back, plain));
    EXPECT(unpack(moved(placed(chunk), 1000001), chunk.stored, &sealing.key, Trust::nothing).is(Code::damaged));
    EXPECT(unpack(moved(placed(chunk), 0), chunk.stored, &sealing.key, Trust::checksums).is(Code::damaged));
    EXPECT(unpack(placed(chunk), chunk.stored, &other, Trust::nothing).is(Code::damaged));
    EXPECT(unpack(placed(chunk), chunk.stored, nullptr, Trust::nothing).is(Code::permission_denied));
  }
}

TEST_CASE("equal content sealed twice shares nothing: no name, no ticket, no bytes") {
  Owner sealing;
  Sealer second(sealing.key, sealing.random);
  ByteVector plain(10000, 'a');
  StoredChunk a = packed(plain, Compression::none, &sealing.sealer),
              b = packed(plain, Compression::none, &sealing.sealer), c = packed(plain, Compression::none, &second);
  EXPECT(a.id != b.id);
  EXPECT(a.id != c.id);
  EXPECT(a.header.ticket.salt == b.header.ticket.salt);
  EXPECT(a.header.ticket.number != b.header.ticket.number);
  EXPECT(a.header.ticket.salt != c.header.ticket.salt);
  EXPECT(!equal(a.stored.view().subspan(kHeaderSize), b.stored.view().subspan(kHeaderSize)));
}

TEST_CASE("chunks of all sizes around the blocks come back") {
  Owner sealing;
  for (std::size_t size : {std::size_t(1), std::size_t(2), std::size_t(19), std::size_t(20), std::size_t(21),
                           kChunkCheckBlock - kHeaderSize - 1, kChunkCheckBlock - kHeaderSize, kChunkCheckBlock,
                           kChunkCheckBlock + 1, kChunkSizeMax - 1, kChunkSizeMax}) {
    for (Sealer* sealer : {static_cast<Sealer*>(nullptr), &sealing.sealer}) {
      ByteVector plain = text_bytes(sealing.random, size);
      StoredChunk chunk = packed(plain, Compression::lz4, sealer);
      EXPECT_LE(chunk.stored.size(), kChunkStoredMax);
      auto back = unpack(placed(chunk), chunk.stored, &sealing.key, Trust::nothing);
      REQUIRE(back.ok());
      EXPECT(equal(*back, plain));
    }
  }
}

TEST_CASE("a chunk under another's name is refused") {
  StoredChunk a = packed(as_bytes("one"), Compression::none, nullptr),
              b = packed(as_bytes("two"), Compression::none, nullptr);
  EXPECT(unpack(placed(a), b.stored, nullptr, Trust::nothing).is(Code::damaged));
  EXPECT(check_stored(b.id, b.header.form(), a.stored).is(Code::damaged));
}

TEST_CASE("the header of a chunk has the bytes the format says") {
  ChunkHeader header;
  header.plain_size = 0x00112233;
  header.packed_size = 0x00051234;
  header.compression = Compression::lz4;
  header.sealing = Sealing::aes_256_gcm;
  for (std::size_t i = 0; i < header.ticket.salt.size(); ++i) header.ticket.salt[i] = static_cast<std::uint8_t>(i + 1);
  header.ticket.number = 0x1122334455667788;
  std::array<std::uint8_t, kHeaderSize> bytes{};
  encode_header(header, bytes);
  EXPECT_EQ(to_hex(bytes),
            "565843310101010033221100341205000102030405060708090a0b0c0d0e0f10111213141516171888776655443322110000000000"
            "0000005da91254b29c876e");
  auto back = decode_header(bytes);
  REQUIRE(back.ok());
  EXPECT(*back == header);
}

TEST_CASE("a header with a right checksum and impossible fields is refused") {
  StoredChunk chunk = packed(ByteVector(1000, 1), Compression::lz4, nullptr);
  auto with = [&chunk](std::size_t at, std::uint8_t value) {
    Buffer copy = Buffer::copy_of(chunk.stored.view().first(kHeaderSize));
    copy.writable()[at] = value;
    store_le(copy.writable().data() + 56, xxh3(copy.view().first(56)));
    return decode_header(copy);
  };
  EXPECT(with(4, 1).ok());
  EXPECT(with(4, 2).is(Code::unsupported_version));
  EXPECT(with(0, 0).is(Code::damaged));
  EXPECT(with(5, 2).is(Code::damaged));  // the high level is no form of its own
  EXPECT(with(5, 9).is(Code::damaged));
  EXPECT(with(6, 2).is(Code::damaged));
  EXPECT(with(7, 1).is(Code::damaged));
  EXPECT(with(11, 1).is(Code::damaged));  // larger than any chunk
  EXPECT(with(14, 1).is(Code::damaged));  // packed larger than plain
  EXPECT(with(20, 1).is(Code::damaged));  // a salt without a seal
  chunk = packed(as_bytes("raw"), Compression::lz4, nullptr);
  EXPECT(with(4, 1).ok());
  EXPECT(with(55, 1).is(Code::damaged));  // a sum without compression
  EXPECT(decode_header(chunk.stored.view().first(63)).is(Code::damaged));
  EXPECT(decode_whole(chunk.stored.view().first(chunk.stored.size() - 1), chunk.header.form()).is(Code::damaged));
}

// Every form that equal content may take, and what else an id of one of them can name.
TEST_CASE("no form of a chunk passes for another, though the content or even the id is the same") {
  Owner sealing;
  ByteVector plain = text_bytes(sealing.random, 5000);
  std::vector<StoredChunk> forms;
  for (Sealer* sealer : {static_cast<Sealer*>(nullptr), &sealing.sealer})
    for (Compression compression : {Compression::none, Compression::lz4, Compression::lz4_high})
      forms.push_back(packed(plain, compression, sealer, 4096));
  for (const StoredChunk& sealed : {forms[3], forms[4]}) {
    // The sealed bytes as somebody's plain content: the same id, and sound in itself.
    forms.push_back(packed(sealed.stored, Compression::none, nullptr, 4096));
    REQUIRE(forms.back().id == sealed.id);
    REQUIRE(check_stored(sealed.id, forms.back().header.form(), forms.back().stored).ok());
  }
  for (std::size_t named = 0; named < forms.size(); ++named) {
    for (std::size_t given = 0; given < forms.size(); ++given) {
      const StoredChunk &want = forms[named], &have = forms[given];
      CAPTURE(named);
      CAPTURE(given);
      for (Trust trust : {Trust::nothing, Trust::checksums}) {
        auto back = unpack(placed(want), have.stored, &sealing.key, trust);
        if (named == given) {
          REQUIRE(back.ok());
        } else {
          REQUIRE(back.is(Code::damaged));
        }
      }
      REQUIRE_EQ(check_stored(want.id, want.header.form(), have.stored).ok(), named == given);
    }
  }
}

TEST_CASE("a sealed chunk is checked against its name though its checksums were trusted") {
  Owner sealing;
  // Two versions of the same place in the file, under the same key.
  StoredChunk before = packed(as_bytes("pay 100 to Alice"), Compression::none, &sealing.sealer, 0),
              after = packed(as_bytes("pay 999 to Mario"), Compression::none, &sealing.sealer, 0);
  REQUIRE_EQ(before.stored.size(), after.stored.size());
  EXPECT(unpack(placed(before), before.stored, &sealing.key, Trust::checksums).ok());
  EXPECT(unpack(placed(after), before.stored, &sealing.key, Trust::checksums).is(Code::damaged));
}

TEST_CASE("an extent gives its own part of the chunk and never more than there is") {
  Owner sealing;
  ByteVector plain = text_bytes(sealing.random, 5000);
  for (Sealer* sealer : {static_cast<Sealer*>(nullptr), &sealing.sealer}) {
    for (Compression compression : {Compression::none, Compression::lz4}) {
      StoredChunk chunk = packed(plain, compression, sealer, 70000);
      PlacedExtent part = placed(chunk);
      part.offset += 1000;
      part.extent = part.extent.part(1000, 300);
      auto back = unpack(part, chunk.stored, &sealing.key, Trust::checksums);
      REQUIRE(back.ok());
      EXPECT(equal(*back, ByteView(plain).subspan(1000, 300)));
      part.extent.skip = 4800;
      EXPECT(unpack(part, chunk.stored, &sealing.key, Trust::checksums).is(Code::damaged));
      part.extent.skip = 1;
      part.extent.length = ~std::uint64_t(0);
      EXPECT(unpack(part, chunk.stored, &sealing.key, Trust::checksums).is(Code::damaged));
    }
  }
  PlacedExtent early = placed(packed(plain, Compression::none, &sealing.sealer));
  early.extent = early.extent.part(1000, 300);
  StoredChunk chunk = packed(plain, Compression::none, &sealing.sealer);
  early.extent.chunk = chunk.id;
  EXPECT(unpack(early, chunk.stored, &sealing.key, Trust::checksums).is(Code::damaged));
}

TEST_CASE("a stored form keeps no block of more than twice its size") {
  Owner sealing;
  for (Sealer* sealer : {static_cast<Sealer*>(nullptr), &sealing.sealer}) {
    for (std::size_t size : {std::size_t(1), std::size_t(3000), 300 * kKiB, kMiB}) {
      for (const ByteVector& plain : {ByteVector(size, 'x'), random_bytes(sealing.random, size)}) {
        ChunkDraft draft(kMiB);
        draft.append(plain);
        std::size_t promised = packing_memory(draft, Compression::lz4);
        PackOrder order;
        order.compression = Compression::lz4;
        if (sealer != nullptr) order.seal = sealer->next_turn();
        StoredChunk chunk = pack(std::move(draft), std::move(order));
        EXPECT_LE(chunk.memory, 2 * chunk.stored.size());
        EXPECT_GE(chunk.memory, chunk.stored.size());
        EXPECT_LE(chunk.memory, promised);
        auto back = unpack(placed(chunk), chunk.stored, &sealing.key, Trust::nothing);
        REQUIRE(back.ok());
        EXPECT(equal(*back, plain));
      }
    }
  }
}

TEST_CASE("a turn to seal is used up by its use and by moving it") {
  Owner sealing;
  SealTurn turn = sealing.sealer.next_turn();
  static_assert(!std::is_copy_constructible_v<SealTurn> && !std::is_copy_assignable_v<SealTurn>);
  static_assert(!std::is_copy_constructible_v<PackOrder>);
  EXPECT(turn.usable());
  SealTurn second = std::move(turn);
  EXPECT(!turn.usable());
  ByteVector content(100, 1), tag(kSealTagSize);
  std::array<std::uint8_t, kHeaderSize> encoded{};
  ChunkHeader header;
  header.plain_size = header.packed_size = 100;
  header.sealing = Sealing::aes_256_gcm;
  header.ticket = second.ticket();
  encode_header(header, encoded);
  std::move(second).seal(header, encoded, 0, content, tag);
  EXPECT(!second.usable());
}

static_assert(!std::is_copy_constructible_v<ChunkDraft> && !std::is_copy_assignable_v<ChunkDraft>);

TEST_CASE("a draft that was moved from is empty and has no room, and the other one has all") {
  ByteVector bytes(1000, 'x');
  ChunkDraft first = ChunkDraft::copy_of(bytes), second(10);
  ChunkDraft moved = std::move(first);
  EXPECT_EQ(first.size(), 0);
  EXPECT(first.plain().empty());
  EXPECT(first.room().empty());
  EXPECT_EQ(first.memory(), 0);
  EXPECT(equal(moved.plain(), bytes));
  second = std::move(moved);
  EXPECT_EQ(moved.size(), 0);
  EXPECT(moved.room().empty());
  EXPECT(equal(second.plain(), bytes));
}

TEST_CASE("a small part of a chunk does not keep the whole chunk in memory, a large one is not copied") {
  SeededRandom random(30);
  const StoredChunk chunk = pack(ChunkDraft::copy_of(random_bytes(random, 100000)), PackOrder());
  const ByteView plain = chunk.stored.view().subspan(kHeaderSize);
  for (std::size_t length : {1, 1000, 49999, 50000, 100000}) {
    CAPTURE(length);
    PlacedExtent part = placed(chunk);
    part.extent = part.extent.part(part.extent.length - length, length);
    auto bytes = unpack(part, chunk.stored, nullptr, Trust::nothing);
    REQUIRE(bytes.ok());
    EXPECT(equal(*bytes, plain.last(length)));
    EXPECT_EQ(bytes->data() == plain.last(length).data(), length >= 50000);
  }
}
