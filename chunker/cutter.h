// Where one chunk ends and the next begins, found while the bytes stream by.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "chunker/keys.h"
#include "chunker/policy.h"

namespace vortex::chunker {

// What each byte adds to the fingerprint.
using Gear = std::array<std::uint64_t, 256>;

// Keeps a few numbers and no bytes. The cuts depend on the stream alone, not on how it is split into calls.
// Content-defined: FastCDC's gear hash (README) of the 64 bytes before a point decides, from `minimum` on; the
// condition is harder up to a point before the average and easier after it, so that sizes crowd around the average.
class Cutter {
 public:
  // The policy is valid. With the key, sizes of chunks say nothing of the content to who does not have it, though they
  // stand in the clear: a sealed file is cut with its own.
  explicit Cutter(const CutPolicy& policy, const SecretKey* file_key = nullptr);

  // Looks at the next bytes of the stream. When the present chunk ends among them: how many belong to it, and the
  // rest must be given again. Nothing: all of them belong to it and it goes on.
  std::optional<std::size_t> scan(ByteView next);

  // Bytes of the present chunk seen so far.
  std::size_t pending() const { return pending_; }
  // No chunk is larger.
  std::size_t chunk_max() const { return end_; }

 private:
  // The bytes up to position `until` of the chunk, as far as `next` has them; returns how many it used, or
  // nothing when all bytes are used up before.
  bool advance(ByteView next, std::size_t& used, std::size_t until);
  bool search(ByteView next, std::size_t& used, std::size_t until, std::uint64_t mask);

  bool by_content_;
  std::unique_ptr<const Gear> keyed_gear_;
  const Gear* gear_;
  // Positions in the chunk: hashing begins, judging begins, the condition gets easier, the chunk ends.
  std::size_t hash_from_ = 0, judge_from_ = 0, ease_from_ = 0, end_ = 0;
  std::uint64_t hard_mask_ = 0, easy_mask_ = 0;
  std::size_t pending_ = 0;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace vortex::chunker
