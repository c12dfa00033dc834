// Bytes between the loop of a client and a thread that reads or writes a stream.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/event.h"
#include "node/files/inode.h"
#include "node/store/stream.h"

namespace vortex::node {

// A part of a file: bytes, or so many zeros.
struct Stretch {
  Buffer bytes;
  std::uint64_t hole = 0;
};

// Fetched before it is asked for, up to a bound.
class ReadAhead final : public ByteSink {
 public:
  explicit ReadAhead(Loop& loop) : changed_(loop) {}

  Task<Status> write(std::uint64_t offset, Buffer bytes) override;
  Task<Status> hole(std::uint64_t offset, std::uint64_t length) override;
  // Nothing more comes.
  void end(Status status);
  // Nobody takes any more: what is written fails.
  void abandon();
  // All that is there, or the first that comes. Empty: the end.
  Task<Result<std::vector<Stretch>>> take();

 private:
  Task<Status> push(Stretch stretch);

  Event changed_;
  std::vector<Stretch> ready_;
  std::size_t bytes_ = 0;  // in ready_
  std::optional<Status> ended_;
  bool abandoned_ = false;
};

// Written before it is stored, up to a bound.
class WriteBehind final : public ByteSource {
 public:
  explicit WriteBehind(Loop& loop) : changed_(loop) {}

  Task<Result<Piece>> read(MutableBytes room) override;
  // Returns when there is room for more; with the store's error once it has failed.
  Task<Status> push(ByteVector bytes);
  // Nothing more comes; what became of the store.
  Task<Result<Inode>> finish();
  // The store is to fail.
  void abandon();
  void settle(Result<Inode> outcome);

 private:
  Event changed_;
  std::deque<ByteVector> queue_;
  std::size_t at_ = 0;     // in the first of the queue
  std::size_t bytes_ = 0;  // in the queue
  bool ended_ = false, abandoned_ = false;
  std::optional<Result<Inode>> outcome_;
};

}  // namespace vortex::node
