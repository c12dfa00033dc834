// Two connected ends in memory, for tests of what runs over a connection.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "base/event.h"
#include "base/network.h"

namespace vortex::net::test {

// One direction. Bytes are held until `capacity`; a reader gets at most `split(available)` of them at a time.
struct PipeLane {
  explicit PipeLane(Loop& loop) : changed(loop) {}
  std::deque<std::uint8_t> bytes;
  std::size_t capacity = std::size_t(1) << 20;
  std::size_t written = 0;
  bool finished = false;  // the writer is done
  bool cut = false;       // neither side can use it
  std::function<std::size_t(std::size_t)> split;
  std::function<void(std::size_t offset, std::uint8_t&)> tamper;
  Event changed;
};

class PipeEnd final : public Connection {
 public:
  PipeEnd(std::shared_ptr<PipeLane> in, std::shared_ptr<PipeLane> out) : in_(std::move(in)), out_(std::move(out)) {}
  ~PipeEnd() override { close(); }

  Task<Result<std::size_t>> read_some(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  void close() override;
  // Nothing more will be written here; reading goes on.
  void finish();
  Address peer() const override { return Address(); }
  Address local() const override { return Address(); }

 private:
  std::shared_ptr<PipeLane> in_, out_;
  bool closed_ = false;
};

struct Pipe {
  explicit Pipe(Loop& loop);
  std::shared_ptr<PipeLane> to_server, to_client;
  std::unique_ptr<Connection> client, server;
};

}  // namespace vortex::net::test
