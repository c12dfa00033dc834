#include "chunker/compress.h"

#include <lz4.h>
#include <lz4hc.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "base/check.h"
#include "base/limits.h"

namespace vortex::chunker {
namespace {

static_assert(kChunkSizeMax <= LZ4_MAX_INPUT_SIZE);

// Below this a whole try costs no more than a look.
constexpr std::size_t kLookFrom = 64 * kKiB;
constexpr std::size_t kPieces = 16, kPieceBytes = 256;
constexpr std::size_t kSampleBytes = kPieces * kPieceBytes;
// Bits a byte. A sample of this size of evenly random bytes comes out at 7.95; text is at 4 to 5.
constexpr double kEntropyHigh = 7.8;
// Repetitions do not show in the entropy of single bytes; they do here.
constexpr std::size_t kTrialBytes = 16 * kKiB;

const char* chars(ByteView bytes) { return reinterpret_cast<const char*>(bytes.data()); }
char* chars(MutableBytes bytes) { return reinterpret_cast<char*>(bytes.data()); }

// count × log2(count) for all counts that a sample can have.
const std::array<float, kSampleBytes + 1>& weights() {
  static const auto table = [] {
    std::array<float, kSampleBytes + 1> made{};
    for (std::size_t i = 2; i < made.size(); ++i)
      made[i] = static_cast<float>(static_cast<double>(i) * std::log2(static_cast<double>(i)));
    return made;
  }();
  return table;
}

double sample_entropy(ByteView plain) {
  std::array<std::uint16_t, 256> histogram{};
  std::size_t stride = (plain.size() - kPieceBytes) / (kPieces - 1);
  for (std::size_t piece = 0; piece < kPieces; ++piece)
    for (std::uint8_t byte : plain.subspan(piece * stride, kPieceBytes)) ++histogram[byte];
  double sum = 0;
  for (std::uint16_t count : histogram) sum += static_cast<double>(weights()[count]);
  return std::log2(static_cast<double>(kSampleBytes)) - sum / static_cast<double>(kSampleBytes);
}

std::size_t compress_high(ByteView plain, MutableBytes out) {
  thread_local auto state = std::make_unique<std::uint64_t[]>((static_cast<std::size_t>(LZ4_sizeofStateHC()) + 7) / 8);
  int size = LZ4_compress_HC_extStateHC(state.get(), chars(plain), chars(out), static_cast<int>(plain.size()),
                                        static_cast<int>(packed_max(plain.size())), LZ4HC_CLEVEL_DEFAULT);
  return static_cast<std::size_t>(size);
}

std::size_t compress_fast(ByteView plain, MutableBytes out) {
  constexpr int kAcceleration = 1;
  int size = LZ4_compress_fast(chars(plain), chars(out), static_cast<int>(plain.size()),
                               static_cast<int>(packed_max(plain.size())), kAcceleration);
  return static_cast<std::size_t>(size);
}

}  // namespace

bool may_shrink(ByteView plain) {
  if (plain.size() < kLookFrom) return true;
  if (sample_entropy(plain) < kEntropyHigh) return true;
  std::array<std::uint8_t, packed_max(kTrialBytes)> scratch;
  return compress_fast(plain.subspan(plain.size() / 2, kTrialBytes), scratch) != 0;
}

std::size_t compress(Compression how, ByteView plain, MutableBytes out) {
  CHECK(plain.size() <= kChunkSizeMax && out.size() >= packed_max(plain.size()));
  if (how == Compression::none || packed_max(plain.size()) == 0 || !may_shrink(plain)) return 0;
  return how == Compression::lz4_high ? compress_high(plain, out) : compress_fast(plain, out);
}

Status decompress(ByteView packed, MutableBytes plain) {
  CHECK(packed.size() <= kChunkSizeMax && plain.size() <= kChunkSizeMax);
  int size =
      LZ4_decompress_safe(chars(packed), chars(plain), static_cast<int>(packed.size()), static_cast<int>(plain.size()));
  if (size < 0 || static_cast<std::size_t>(size) != plain.size())
    return Error(Code::damaged, "compressed content does not unpack to its size");
  return {};
}

}  // namespace vortex::chunker
