#include "chunker/erasure.h"

#include <isa-l/erasure_code.h>

#include <bit>

#include "chunker/shard.h"
#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

CodePolicy code(int data, int parity) {
  return CodePolicy{static_cast<std::uint8_t>(data), static_cast<std::uint8_t>(parity)};
}

StoredChunk chunk_of(ByteView plain) { return pack(ChunkDraft::copy_of(plain), PackOrder()); }

// Multiplication in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1, bit by bit.
std::uint8_t times(std::uint8_t a, std::uint8_t b) {
  unsigned product = 0;
  for (int bit = 0; bit < 8; ++bit)
    if ((b >> bit & 1) != 0) product ^= static_cast<unsigned>(a) << bit;
  for (int bit = 15; bit >= 8; --bit)
    if ((product >> bit & 1) != 0) product ^= 0x11Du << (bit - 8);
  return static_cast<std::uint8_t>(product);
}
std::uint8_t inverse(std::uint8_t a) {
  for (int b = 1; b < 256; ++b)
    if (times(a, static_cast<std::uint8_t>(b)) == 1) return static_cast<std::uint8_t>(b);
  return 0;
}

ByteVector plain_encode(int k, int row, const std::vector<Shard>& shards, std::size_t size) {
  ByteVector parity(size, 0);
  for (int i = 0; i < k; ++i) {
    std::uint8_t factor = inverse(static_cast<std::uint8_t>(row ^ i));
    ByteView data = shards[static_cast<std::size_t>(i)].data;
    for (std::size_t at = 0; at < data.size(); ++at) parity[at] ^= times(factor, data[at]);
  }
  return parity;
}

ShardSource source_of(const Shard& shard) {
  ShardSource source;
  source.head = *decode_shard_head(shard.head);
  source.data = shard.data;
  return source;
}

// Reads the whole stored form from the shards in `available`.
Result<Buffer> read_back(const ErasureCode& coder, const std::vector<Shard>& shards, std::size_t size,
                         std::size_t offset, std::size_t length, ShardSet available) {
  ASSIGN_OR_RETURN(ShardRead read, ShardRead::plan(coder.policy(), size, offset, length, available));
  std::vector<ByteView> bytes;
  for (const ShardPiece& piece : read.pieces()) {
    CHECK((available >> piece.shard & 1) != 0);
    const Shard& shard = shards[static_cast<std::size_t>(piece.shard)];
    ByteView view = shard.data.view().subspan(piece.offset, piece.length);
    ASSIGN_OR_RETURN(ShardHead head, decode_shard_head(shard.head));
    RETURN_IF_ERROR(check_blocks(view, piece.offset / kChunkCheckBlock, head.sums));
    bytes.push_back(view);
  }
  return read.assemble(coder, bytes);
}

}  // namespace

TEST_CASE("parity is what the definition of the code says, computed bit by bit, and what ISA-L's reference says") {
  SeededRandom random(1);
  for (auto [k, m] : {std::pair(1, 1), std::pair(2, 1), std::pair(4, 2), std::pair(10, 4), std::pair(32, 16)}) {
    ErasureCode coder(code(k, m));
    for (std::size_t size : {std::size_t(1), std::size_t(777), std::size_t(5000), std::size_t(70001)}) {
      StoredChunk chunk = chunk_of(random_bytes(random, size));
      std::vector<Shard> shards = make_shards(coder, chunk);
      std::size_t full = coder.shard_size(chunk.stored.size());
      for (int i = k; i < k + m; ++i)
        EXPECT(equal(shards[static_cast<std::size_t>(i)].data, plain_encode(k, i, shards, full)));

      auto rows = static_cast<std::size_t>(k + m), columns = static_cast<std::size_t>(k);
      std::vector<unsigned char> matrix(rows * columns), tables(32 * columns * static_cast<std::size_t>(m));
      gf_gen_cauchy1_matrix(matrix.data(), k + m, k);
      ec_init_tables(k, m, matrix.data() + columns * columns, tables.data());
      std::vector<ByteVector> data, parity(static_cast<std::size_t>(m), ByteVector(full));
      std::vector<unsigned char*> in, out;
      for (std::size_t i = 0; i < columns; ++i) {
        data.push_back(to_vector(shards[i].data));
        data.back().resize(full, 0);
      }
      for (ByteVector& each : data) in.push_back(each.data());
      for (ByteVector& each : parity) out.push_back(each.data());
      ec_encode_data_base(static_cast<int>(full), k, m, tables.data(), in.data(), out.data());
      for (std::size_t i = 0; i < parity.size(); ++i) EXPECT(equal(shards[columns + i].data, parity[i]));
    }
  }
}

TEST_CASE("the data shards are the chunk itself, without a copy and without padding") {
  SeededRandom random(2);
  ErasureCode coder(code(4, 2));
  StoredChunk chunk = chunk_of(random_bytes(random, 100000));
  std::vector<Shard> shards = make_shards(coder, chunk);
  REQUIRE_EQ(shards.size(), 6);
  const std::uint8_t* at = chunk.stored.data();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(shards[i].data.data(), at);
    at += shards[i].data.size();
  }
  EXPECT_EQ(at, chunk.stored.data() + chunk.stored.size());
}

TEST_CASE("any m lost shards of every k + m up to 10 + 4 leave the chunk whole, and m + 1 are a clear error") {
  SeededRandom random(3);
  for (int k = 1; k <= 10; ++k) {
    for (int m = 1; m <= 4; ++m) {
      ErasureCode coder(code(k, m));
      // Sizes with a ragged and with an empty last shard.
      for (std::size_t plain : {std::size_t(1 + random.below(500)), std::size_t(3000 + random.below(3000))}) {
        StoredChunk chunk = chunk_of(random_bytes(random, plain));
        std::vector<Shard> shards = make_shards(coder, chunk);
        const std::size_t size = chunk.stored.size();
        const ShardSet all = (ShardSet(1) << (k + m)) - 1;
        for (ShardSet lost = 0; lost <= all; ++lost) {
          int count = std::popcount(lost);
          if (count > m + 1) continue;
          auto back = read_back(coder, shards, size, 0, size, all & ~lost);
          if (count > m) {
            bool needed = (lost & ((ShardSet(1) << k) - 1)) != 0;
            // Losing more than m always hits a data shard; an empty one is not missed.
            REQUIRE(needed);
            if (back.ok()) {
              REQUIRE(equal(*back, chunk.stored));
              for (int i = 0; i < k; ++i)
                REQUIRE(((lost >> i & 1) == 0 || shards[static_cast<std::size_t>(i)].data.empty()));
              continue;
            }
            REQUIRE(back.is(Code::damaged));
            std::string numbers = std::to_string(k) + " are needed and only " + std::to_string(k - 1);
            bool named = back.error().to_string().find(numbers) != std::string::npos;
            REQUIRE(named);
            continue;
          }
          REQUIRE(back.ok());
          REQUIRE(equal(*back, chunk.stored));
        }
      }
    }
  }
}

TEST_CASE("a lost shard is rebuilt byte for byte, head and all, from any k others") {
  SeededRandom random(4);
  for (auto [k, m] : {std::pair(1, 2), std::pair(4, 2), std::pair(6, 3), std::pair(10, 4)}) {
    ErasureCode coder(code(k, m));
    StoredChunk chunk = chunk_of(random_bytes(random, 1000 + random.below(300000)));
    std::vector<Shard> shards = make_shards(coder, chunk);
    for (int wanted = 0; wanted < k + m; ++wanted) {
      std::vector<ShardSource> sources;
      for (int i = k + m - 1; i >= 0; --i)
        if (i != wanted) sources.push_back(source_of(shards[static_cast<std::size_t>(i)]));
      for (std::size_t i = 0; i + 1 < sources.size(); ++i)
        std::swap(sources[i], sources[i + random.below(sources.size() - i)]);
      auto rebuilt = rebuild_shard(coder, chunk.id, chunk.stored.size(), sources, wanted);
      REQUIRE(rebuilt.ok());
      EXPECT(equal(rebuilt->data, shards[static_cast<std::size_t>(wanted)].data));
      EXPECT(rebuilt->head == shards[static_cast<std::size_t>(wanted)].head);
      sources.resize(static_cast<std::size_t>(k) - 1);
      EXPECT(rebuild_shard(coder, chunk.id, chunk.stored.size(), sources, wanted).is(Code::damaged));
    }
  }
}

TEST_CASE("rebuilding uses no source that is damaged, doubled, another chunk's or of another form") {
  SeededRandom random(14);
  ErasureCode coder(code(4, 2));
  StoredChunk chunk = chunk_of(random_bytes(random, 200000)), other = chunk_of(random_bytes(random, 200000));
  std::vector<Shard> shards = make_shards(coder, chunk), strange = make_shards(coder, other);
  constexpr int kWanted = 1;
  auto rebuilt_from = [&](const std::vector<ShardSource>& sources) {
    return rebuild_shard(coder, chunk.id, chunk.stored.size(), sources, kWanted);
  };
  std::vector<ShardSource> good;
  for (std::size_t i : {5, 4, 3, 2, 0}) good.push_back(source_of(shards[i]));

  // One of five may be bad, whatever is bad about it; of four none may.
  ByteVector flipped = to_vector(shards[4].data);
  flipped[100] ^= 8;
  ShardSource damaged_source = good[1], foreign = source_of(strange[4]), formed = good[1], doubled = good[0],
              wanted = source_of(shards[kWanted]);
  damaged_source.data = flipped;
  formed.head.chunk_form ^= 1;
  for (const ShardSource& bad : {damaged_source, foreign, formed, doubled, wanted}) {
    std::vector<ShardSource> sources = good;
    sources[1] = bad;
    auto rebuilt = rebuilt_from(sources);
    REQUIRE(rebuilt.ok());
    EXPECT(equal(rebuilt->data, shards[kWanted].data));
    EXPECT(rebuilt->head == shards[kWanted].head);
    sources.pop_back();
    EXPECT(rebuilt_from(sources).is(Code::damaged));
  }
  // Enough of another stored form are not the one that is wanted.
  EXPECT(rebuild_shard(coder, chunk.id, chunk.stored.size() - 1, good, kWanted).is(Code::damaged));
  std::vector<ShardSource> mixed;
  StoredChunk text = pack(ChunkDraft::copy_of(ByteVector(200000, 'x')), PackOrder());
  PackOrder smaller;
  smaller.compression = Compression::lz4;
  StoredChunk packed = pack(ChunkDraft::copy_of(ByteVector(200000, 'x')), std::move(smaller));
  REQUIRE(text.id == packed.id);
  std::vector<Shard> raw_shards = make_shards(coder, text), packed_shards = make_shards(coder, packed);
  for (std::size_t i : {2, 3, 4, 5}) mixed.push_back(source_of(raw_shards[i]));
  for (std::size_t i : {2, 3, 4, 5}) mixed.push_back(source_of(packed_shards[i]));
  for (const auto& [form, all] : {std::pair(&text, &raw_shards), std::pair(&packed, &packed_shards)}) {
    auto rebuilt = rebuild_shard(coder, text.id, form->stored.size(), mixed, kWanted);
    REQUIRE(rebuilt.ok());
    EXPECT(rebuilt->head == (*all)[kWanted].head);
  }
  // The odd one may also come first.
  std::swap(formed, good[0]);
  EXPECT(rebuilt_from(good).ok());
}

TEST_CASE("shards tell which stored form they are of, though name and size are the same") {
  SeededRandom random(15);
  ErasureCode coder(code(4, 2));
  StoredChunk a = chunk_of(random_bytes(random, 1000)), b = a;
  b.stored = Buffer::copy_of(a.stored);
  b.stored.writable()[kHeaderSize - 8] ^= 1;
  auto head = [&](const StoredChunk& chunk, std::size_t index) {
    return *decode_shard_head(make_shards(coder, chunk)[index].head);
  };
  EXPECT(same_chunk(head(a, 0), head(a, 5)));
  EXPECT(!same_chunk(head(a, 0), head(b, 0)));
}

TEST_CASE("a range is read from the shards that hold it, and from k when one of them is lost") {
  SeededRandom random(5);
  ErasureCode coder(code(4, 2));
  StoredChunk chunk = chunk_of(random_bytes(random, 4 * kMiB));
  std::vector<Shard> shards = make_shards(coder, chunk);
  const std::size_t size = chunk.stored.size(), full = coder.shard_size(size);
  auto read = ShardRead::plan(coder.policy(), size, full + 100000, 5000, 0x3F);
  REQUIRE(read.ok());
  EXPECT(read->pieces() == std::vector<ShardPiece>{{1, kChunkCheckBlock, kChunkCheckBlock}});
  auto around = ShardRead::plan(coder.policy(), size, 2 * full - 10, 20, 0x3F);
  REQUIRE(around.ok());
  EXPECT_EQ(around->pieces().size(), 2);
  auto degraded = ShardRead::plan(coder.policy(), size, full + 100000, 5000, 0x3D);
  REQUIRE(degraded.ok());
  REQUIRE_EQ(degraded->pieces().size(), 4);
  for (const ShardPiece& piece : degraded->pieces()) EXPECT_EQ(piece.length, kChunkCheckBlock);
  EXPECT(ShardRead::plan(coder.policy(), size, 0, size, 0x15 & ~ShardSet(1)).is(Code::damaged));
  EXPECT(ShardRead::plan(coder.policy(), size, size, 0, 0)->pieces().empty());

  for (int round = 0; round < 400; ++round) {
    std::size_t offset = random.below(size),
                length = 1 + random.below(round % 2 == 0 ? size - offset : std::min<std::size_t>(1000, size - offset));
    ShardSet available = 0x3F;
    for (int i = 0; i < 2; ++i) available &= ~(ShardSet(1) << random.below(6));
    auto back = read_back(coder, shards, size, offset, length, available);
    REQUIRE(back.ok());
    REQUIRE(equal(*back, chunk.stored.view().subspan(offset, length)));
  }
}

TEST_CASE("every flipped bit of a shard is found, in its head and in its data") {
  SeededRandom random(6);
  ErasureCode coder(code(3, 2));
  StoredChunk chunk = chunk_of(random_bytes(random, 600));
  for (const Shard& shard : make_shards(coder, chunk)) {
    auto head = decode_shard_head(shard.head);
    REQUIRE(head.ok());
    EXPECT(check_shard(*head, shard.data).ok());
    for (std::size_t bit = 0; bit < shard.head.size() * 8; ++bit) {
      ByteVector bad = shard.head;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      REQUIRE(!decode_shard_head(bad).ok());
    }
    for (std::size_t bit = 0; bit < shard.data.size() * 8; ++bit) {
      ByteVector bad = to_vector(shard.data);
      bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      REQUIRE(check_shard(*head, bad).is(Code::damaged));
    }
    EXPECT(check_shard(*head, shard.data.view().subspan(1)).is(Code::damaged));
    EXPECT(decode_shard_head(ByteView(shard.head).first(shard.head.size() - 1)).is(Code::damaged));
  }
}

TEST_CASE("the head of a shard has the bytes the format says") {
  ShardHead head;
  head.code = code(4, 2);
  head.index = 5;
  for (std::size_t i = 0; i < 32; ++i) head.chunk.bytes[i] = static_cast<std::uint8_t>(0xA0 + i);
  head.chunk_stored_size = 4 * 65536 + 64;
  head.chunk_form = 0x44332211;
  head.sums = {0x1111111111111111, 0x2222222222222222};
  ByteVector bytes = encode_shard_head(head);
  EXPECT_EQ(to_hex(bytes),
            "5658533101040205a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf40000400112233441111111111"
            "11111122222222222222229f589991b433ba47");
  auto back = decode_shard_head(bytes);
  REQUIRE(back.ok());
  EXPECT(*back == head);
}
