// Where bytes come from and where they go: files, pipes, memory.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/task.h"

namespace vortex::node {

// What a source gives at a time: bytes, or a stretch of zeros that it need not give. Neither: the end.
struct Piece {
  std::size_t bytes = 0;
  std::uint64_t hole = 0;
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `room`, which stays until it returns.
  virtual Task<Result<Piece>> read(MutableBytes room) = 0;
};

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // In order of the offsets, without gaps but for holes.
  virtual Task<Status> write(std::uint64_t offset, Buffer bytes) = 0;
  virtual Task<Status> hole(std::uint64_t offset, std::uint64_t length) = 0;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(ByteView bytes) : rest_(bytes) {}
  Task<Result<Piece>> read(MutableBytes room) override;

 private:
  ByteView rest_;
};

class MemorySink final : public ByteSink {
 public:
  Task<Status> write(std::uint64_t offset, Buffer bytes) override;
  Task<Status> hole(std::uint64_t offset, std::uint64_t length) override;
  ByteVector take() { return std::move(bytes_); }

 private:
  ByteVector bytes_;
};

}  // namespace vortex::node
