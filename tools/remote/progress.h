// How far long work is, on a terminal: a line for each large file, and one for all of it that changes in place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "node/store/stream.h"

namespace vortex::remote {

class Progress {
 public:
  // Shows nothing unless stderr is a terminal and `wanted`.
  Progress(Clock& clock, bool wanted);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // That much more is to do; without it there are no shares and no time left.
  void expect(std::uint64_t bytes) { expected_ += bytes; }
  void moved(std::uint64_t bytes);
  void copies(std::uint64_t count) { copies_ += count; }
  // A file is through.
  void file(const std::string& name, std::uint64_t bytes);

 private:
  void draw();
  std::string line() const;

  Clock& clock_;
  const bool shown_;
  const Instant begun_;
  Instant drawn_{};
  std::uint64_t expected_ = 0, moved_ = 0, copies_ = 0, files_ = 0;
};

// Sources and sinks that tell it what goes through them.
class CountedSource final : public node::ByteSource {
 public:
  CountedSource(node::ByteSource& source, Progress* progress) : source_(source), progress_(progress) {}
  Task<Result<node::Piece>> read(MutableBytes room) override;

 private:
  node::ByteSource& source_;
  Progress* const progress_;
};

class CountedSink final : public node::ByteSink {
 public:
  CountedSink(node::ByteSink& sink, Progress* progress) : sink_(sink), progress_(progress) {}
  Task<Status> write(std::uint64_t offset, Buffer bytes) override;
  Task<Status> hole(std::uint64_t offset, std::uint64_t length) override;

 private:
  node::ByteSink& sink_;
  Progress* const progress_;
};

}  // namespace vortex::remote
