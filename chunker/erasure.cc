#include "chunker/erasure.h"

#include <isa-l/erasure_code.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/limits.h"

namespace vortex::chunker {
namespace {

constexpr std::size_t kShardAlignment = 64;
constexpr std::size_t kTableBytes = 32;
// Only when data shards are empty do whole columns of zeros take part, and then shards are this short at most.
constexpr std::size_t kZerosMax = kShardAlignment * (kDataShardsMax + 1);
alignas(64) constexpr std::array<std::uint8_t, kZerosMax> kZeros{};

using Inputs = std::array<const std::uint8_t*, kDataShardsMax>;
using Outputs = std::array<std::uint8_t*, kParityShardsMax>;

// ISA-L takes what it only reads without const.
void multiply(std::size_t size, int inputs, int outputs, const std::uint8_t* tables, const Inputs& in,
              const Outputs& out) {
  Inputs from = in;
  Outputs to = out;
  ec_encode_data(static_cast<int>(size), inputs, outputs, const_cast<unsigned char*>(tables),
                 const_cast<unsigned char**>(from.data()), to.data());
}

// Shards that end early count as filled up with zeros: the columns are coded in ranges within which each input is
// either there or all zeros, so that no byte is copied. An output that ends early gets no more ranges.
void multiply_ragged(std::span<const ByteView> in, std::span<const MutableBytes> out, const std::uint8_t* tables) {
  std::size_t end = 0;
  for (MutableBytes to : out) end = std::max(end, to.size());
  std::size_t begin = 0;
  while (begin < end) {
    std::size_t stop = end;
    for (ByteView from : in)
      if (from.size() > begin) stop = std::min(stop, from.size());
    for (MutableBytes to : out)
      if (to.size() > begin) stop = std::min(stop, to.size());
    Inputs inputs{};
    Outputs outputs{};
    // An output that has ended writes to a place nobody reads.
    std::array<std::uint8_t, kZerosMax> nowhere;
    for (std::size_t i = 0; i < in.size(); ++i) {
      bool there = in[i].size() > begin;
      CHECK(there || stop - begin <= kZerosMax);
      inputs[i] = there ? in[i].data() + begin : kZeros.data();
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      bool there = out[i].size() > begin;
      CHECK(there || stop - begin <= kZerosMax);
      outputs[i] = there ? out[i].data() + begin : nowhere.data();
    }
    multiply(stop - begin, static_cast<int>(in.size()), static_cast<int>(out.size()), tables, inputs, outputs);
    begin = stop;
  }
}

}  // namespace

std::size_t shard_data_size(CodePolicy code, std::size_t data_size) {
  std::size_t share = (data_size + code.data - 1) / code.data;
  return (share + kShardAlignment - 1) / kShardAlignment * kShardAlignment;
}

std::size_t shard_data_size(CodePolicy code, std::size_t data_size, int index) {
  CHECK(index >= 0 && index < code.shards());
  std::size_t full = shard_data_size(code, data_size);
  if (index >= code.data) return full;
  std::size_t begin = std::min(full * static_cast<std::size_t>(index), data_size);
  return std::min(full, data_size - begin);
}

ErasureCode::ErasureCode(CodePolicy policy) : policy_(policy) {
  CHECK(policy.coded() && validate(policy).ok());
  auto k = static_cast<std::size_t>(policy.data), m = static_cast<std::size_t>(policy.parity);
  matrix_.resize((k + m) * k);
  gf_gen_cauchy1_matrix(matrix_.data(), policy.shards(), policy.data);
  tables_.resize(kTableBytes * k * m);
  ec_init_tables(policy.data, policy.parity, matrix_.data() + k * k, tables_.data());
}

void ErasureCode::encode(ByteView data, std::span<const MutableBytes> parity) const {
  std::size_t full = shard_size(data.size());
  CHECK(parity.size() == policy_.parity && data.size() <= kChunkStoredMax);
  for (MutableBytes out : parity) CHECK(out.size() == full);
  std::array<ByteView, kDataShardsMax> shards;
  for (int i = 0; i < policy_.data; ++i) {
    std::size_t begin = std::min(full * static_cast<std::size_t>(i), data.size());
    shards[static_cast<std::size_t>(i)] = data.subspan(begin, shard_size(data.size(), i));
  }
  multiply_ragged(std::span(shards).first(policy_.data), parity, tables_.data());
}

std::vector<std::uint8_t> ErasureCode::coefficients(std::span<const int> source_indexes,
                                                    std::span<const int> wanted) const {
  std::size_t k = policy_.data;
  auto row_of = [this, k](int index) { return matrix_.data() + static_cast<std::size_t>(index) * k; };
  std::vector<std::uint8_t> rows, inverse(k * k), result(wanted.size() * k);
  for (int index : source_indexes) rows.insert(rows.end(), row_of(index), row_of(index) + k);
  CHECK_MSG(gf_invert_matrix(rows.data(), inverse.data(), policy_.data) == 0, "every k rows are independent");
  // A wanted shard is its row of the matrix times the data, and the data is the inverse times the sources.
  for (std::size_t w = 0; w < wanted.size(); ++w)
    for (std::size_t i = 0; i < k; ++i)
      for (std::size_t j = 0; j < k; ++j) result[w * k + i] ^= gf_mul(row_of(wanted[w])[j], inverse[j * k + i]);
  return result;
}

void ErasureCode::reconstruct(std::span<const int> source_indexes, std::span<const ByteView> sources,
                              std::span<const int> wanted, std::span<const MutableBytes> outs) const {
  CHECK(source_indexes.size() == policy_.data && sources.size() == policy_.data);
  CHECK(wanted.size() == outs.size() && wanted.size() <= policy_.parity);
  ShardSet seen = 0;
  auto once = [this, &seen](int index) {
    CHECK(index >= 0 && index < policy_.shards() && (seen >> index & 1) == 0);
    seen |= ShardSet(1) << index;
  };
  for (int index : source_indexes) once(index);
  for (int index : wanted) once(index);
  for (MutableBytes out : outs) CHECK(out.size() <= kChunkStoredMax);
  if (wanted.empty()) return;
  std::vector<std::uint8_t> rows = coefficients(source_indexes, wanted);
  std::vector<std::uint8_t> tables(kTableBytes * rows.size());
  ec_init_tables(policy_.data, static_cast<int>(wanted.size()), rows.data(), tables.data());
  multiply_ragged(sources, outs, tables.data());
}

}  // namespace vortex::chunker
