// A process's end of a stream, and its listening ports.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/loop.h"
#include "base/network.h"
#include "tests/sim/stream.h"

namespace vortex::sim {

class Process;
class SimNetwork;

class SimConnection final : public Connection {
 public:
  SimConnection(SimNetwork& network, Stream& stream, Stream::Side side);
  ~SimConnection() override;

  Task<Result<std::size_t>> read_some(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  // Where the seed has chosen so, as real connections always do.
  bool writes_now() const override { return writes_now_; }
  std::size_t write_now(std::span<const ByteView> pieces) override;
  void close() override;
  Address peer() const override { return peer_; }
  Address local() const override { return local_; }

  void wake_reader();
  void wake_writer();
  // The process is dead.
  void disconnect(bool power_cut);

 private:
  friend class SimNetwork;
  void let_go();
  Task<Status> write_all(std::span<const ByteView> pieces);

  SimNetwork& network_;
  Stream* stream_;  // null when closed
  const Stream::Side side_;
  const Address peer_, local_;
  Parking reader_, writer_;
  const bool writes_now_;
  bool writing_ = false;
  bool write_broken_ = false;
  SimConnection* next_ = nullptr;  // in the network's list
  SimConnection* previous_ = nullptr;
};

class SimListener final : public Listener {
 public:
  SimListener(SimNetwork& network, std::uint16_t port);
  ~SimListener() override;

  Task<Result<std::unique_ptr<Connection>>> accept() override;
  void close() override { shut(false); }
  Address local() const override { return local_; }
  // False when too many wait already.
  bool offer(Stream& stream);
  bool full() const;
  void disconnect(bool power_cut) { shut(power_cut); }

 private:
  void shut(bool power_cut);

  SimNetwork& network_;
  const Address local_;
  bool closed_ = false;
  std::deque<Stream*> waiting_;
  Parking acceptor_;
};

}  // namespace vortex::sim
