// Shards of chunks, some of them lost and some lying: planning a read, assembling it, making a lost shard again.
//
// The input is a sequence of small numbers that say which code, how much content, what is lost, what is read, and what
// is wrong with the shards that are there.
#include <array>
#include <bit>

#include "base/check.h"
#include "chunker/shard.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

class Numbers {
 public:
  explicit Numbers(ByteView input) : rest_(input) {}
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t number = 0;
    for (std::uint64_t span = 1; span < bound && !rest_.empty(); span *= 256) {
      number = number * 256 + rest_[0];
      rest_ = rest_.subspan(1);
    }
    return number % bound;
  }

 private:
  ByteView rest_;
};

StoredChunk make_chunk(Numbers& numbers) {
  ByteVector plain(1 + numbers.below(300'000));
  std::uint64_t state = numbers.below(256);
  for (std::uint8_t& byte : plain) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
  return pack(ChunkDraft::copy_of(plain), PackOrder());
}

ByteView piece_of(const std::vector<Shard>& shards, const ShardPiece& piece) {
  return shards[static_cast<std::size_t>(piece.shard)].data.view().subspan(piece.offset, piece.length);
}

// Any range, as it stands in the chunk; a plan that asks for what is lost or not there is a defect.
void read_range(Numbers& numbers, const ErasureCode& code, const std::vector<Shard>& shards, ByteView stored) {
  const int count = code.policy().shards();
  ShardSet available = (ShardSet(1) << count) - 1;
  const std::uint64_t losses = numbers.below(kParityShardsMax + 2);
  for (std::uint64_t i = 0; i < losses; ++i)
    available &= ~(ShardSet(1) << numbers.below(static_cast<std::uint64_t>(count)));
  const std::size_t offset = numbers.below(stored.size() + 1), length = numbers.below(stored.size() - offset + 1);
  auto read = ShardRead::plan(code.policy(), stored.size(), offset, length, available);
  if (!read.ok()) {
    CHECK(read.is(Code::damaged) && std::popcount(available) < code.policy().data);
    return;
  }
  std::vector<ByteView> bytes;
  for (const ShardPiece& piece : read->pieces()) {
    CHECK((available >> piece.shard & 1) != 0);
    bytes.push_back(piece_of(shards, piece));
    const std::size_t index = static_cast<std::size_t>(piece.shard);
    const ShardHead head = *decode_shard_head(shards[index].head);
    CHECK(check_blocks(bytes.back(), piece.offset / kChunkCheckBlock, head.sums).ok());
  }
  auto back = read->assemble(code, bytes);
  CHECK(back.ok() && equal(*back, stored.subspan(offset, length)));
  if (bytes.empty()) return;
  ByteView& wrong = bytes[numbers.below(bytes.size())];
  wrong = wrong.first(numbers.below(wrong.size()));
  CHECK(read->assemble(code, bytes).is(Code::damaged));
}

// From shards of two chunks, true ones and others; what comes out is the true one or an error.
void rebuild(Numbers& numbers, const ErasureCode& code, const StoredChunk& chunk,
             const std::array<std::vector<Shard>, 2>& shards) {
  const auto count = static_cast<std::uint64_t>(code.policy().shards());
  std::vector<ShardSource> sources;
  std::vector<ByteVector> changed(2 * count);
  ShardSet sound = 0;
  const std::size_t wanted = numbers.below(count);
  for (std::uint64_t i = 0, most = numbers.below(2 * count + 1); i < most; ++i) {
    const std::uint64_t what = numbers.below(16), index = numbers.below(count);
    const Shard& shard = shards[what == 0 ? 1 : 0][index];
    ShardSource source;
    source.head = *decode_shard_head(shard.head);
    source.data = shard.data;
    bool good = what != 0 || shards[0][index].head == shard.head;
    if (what == 1 && !source.data.empty()) {
      changed[i] = to_vector(source.data);
      changed[i][numbers.below(changed[i].size())] ^= 1;
      source.data = changed[i];
      good = false;
    }
    if (what == 2) {
      source.head.index = static_cast<std::uint8_t>(numbers.below(count));
      good = source.head.index == index;
      // Where the sizes fit, too, it is the checksum of the head that keeps such a lie out.
      if (!good && check_shard(source.head, source.data).ok()) continue;
    }
    if (what == 3) source.head.chunk_stored_size += 1, good = false;
    if (what == 4 && !source.data.empty()) source.data = source.data.first(source.data.size() - 1), good = false;
    if (good && index != wanted) sound |= ShardSet(1) << index;
    sources.push_back(source);
  }
  const bool enough = std::popcount(sound) >= code.policy().data;
  auto made = rebuild_shard(code, chunk.id, chunk.stored.size(), sources, static_cast<int>(wanted));
  CHECK(made.ok() == enough);
  if (made.ok()) CHECK(made->head == shards[0][wanted].head && equal(made->data, shards[0][wanted].data));
  // No source is of this form.
  CHECK(rebuild_shard(code, chunk.id, chunk.stored.size() + 2, sources, static_cast<int>(wanted)).is(Code::damaged));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Numbers numbers(ByteView(data, size));
  CodePolicy policy;
  policy.data = static_cast<std::uint8_t>(1 + numbers.below(kDataShardsMax));
  policy.parity = static_cast<std::uint8_t>(1 + numbers.below(kParityShardsMax));
  const ErasureCode code(policy);
  const StoredChunk chunk = make_chunk(numbers), other = make_chunk(numbers);
  const std::array<std::vector<Shard>, 2> shards{make_shards(code, chunk), make_shards(code, other)};
  read_range(numbers, code, shards[0], chunk.stored);
  rebuild(numbers, code, chunk, shards);
  return 0;
}
