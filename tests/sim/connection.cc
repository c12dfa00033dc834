#include "tests/sim/connection.h"

#include <algorithm>
#include <utility>

#include "tests/sim/fabric.h"
#include "tests/sim/process.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
constexpr std::size_t kBacklogMax = 128;

Stream::Side far_side(Stream::Side side) {
  return side == Stream::Side::dialler ? Stream::Side::listener : Stream::Side::dialler;
}
}  // namespace

SimConnection::SimConnection(SimNetwork& network, Stream& stream, Stream::Side side)
    : network_(network),
      stream_(&stream),
      side_(side),
      peer_(stream.local(far_side(side))),
      local_(stream.local(side)),
      reader_(network.process().loop()),
      writer_(network.process().loop()),
      writes_now_(network.process().buggify("sim.write_now")) {
  previous_ = network_.last_;
  (previous_ ? previous_->next_ : network_.first_) = this;
  network_.last_ = this;
  ++network_.count_;
  stream.attach(side, *this);
}

SimConnection::~SimConnection() { close(); }

void SimConnection::let_go() {
  (previous_ ? previous_->next_ : network_.first_) = next_;
  (next_ ? next_->previous_ : network_.last_) = previous_;
  --network_.count_;
  stream_ = nullptr;
  reader_.wake();
  writer_.wake();
}

void SimConnection::close() {
  if (!stream_) return;
  stream_->close(side_);
  let_go();
}

void SimConnection::disconnect(bool power_cut) {
  if (!stream_) return;
  if (power_cut) {
    stream_->vanish(side_);
  } else {
    stream_->close(side_);
  }
  let_go();
}

void SimConnection::wake_reader() {
  if (!reader_.occupied()) return;
  reader_.wake();
  network_.process().touch();
}

void SimConnection::wake_writer() {
  if (!writer_.occupied()) return;
  writer_.wake();
  network_.process().touch();
}

Task<Result<std::size_t>> SimConnection::read_some(MutableBytes into) {
  CHECK(!into.empty());
  while (true) {
    if (!stream_) {
      co_await network_.process().yield();
      co_return Code::closed;
    }
    std::size_t size = std::min(stream_->readable(side_), into.size());
    if (size > 0) {
      Fabric& fabric = network_.fabric();
      double splits = fabric.options().read_splits;
      if (size > 1 && splits > 0 && fabric.dice().chance(splits)) size = 1 + fabric.dice().below(size - 1);
      stream_->read(side_, into.first(size));
      co_return size;
    }
    if (stream_->broken(side_)) co_return Error(Code::closed, "connection reset");
    if (stream_->finished(side_)) co_return Code::end_of_stream;
    bool woken = co_await reader_.park();
    if (!woken) co_return Code::cancelled;
  }
}

std::size_t SimConnection::write_now(std::span<const ByteView> pieces) {
  CHECK(!writing_);
  if (!writes_now_ || !stream_ || write_broken_ || stream_->broken(side_)) return 0;
  std::size_t size = 0;
  for (ByteView piece : pieces) size += piece.size();
  Fabric& fabric = network_.fabric();
  double splits = fabric.options().read_splits;
  size = std::min(size, stream_->room(side_));
  if (size > 0 && splits > 0 && fabric.dice().chance(splits)) size = fabric.dice().below(size);
  std::size_t left = size;
  for (ByteView piece : pieces) {
    piece = piece.first(std::min(piece.size(), left));
    if (!piece.empty()) stream_->send(side_, piece);
    left -= piece.size();
  }
  return size;
}

Task<Status> SimConnection::write(std::span<const ByteView> pieces) {
  CHECK(!writing_);
  writing_ = true;
  Status status = co_await write_all(pieces);
  writing_ = false;
  co_return status;
}

Task<Status> SimConnection::write_all(std::span<const ByteView> pieces) {
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      if (!stream_ || write_broken_) {
        co_await network_.process().yield();
        co_return Code::closed;
      }
      if (stream_->broken(side_)) co_return Error(Code::closed, "connection reset");
      std::size_t size = std::min(stream_->room(side_), piece.size());
      if (size > 0) {
        stream_->send(side_, piece.first(size));
        piece = piece.subspan(size);
        continue;
      }
      bool woken = co_await writer_.park();
      if (!woken) {
        write_broken_ = true;
        co_return Code::cancelled;
      }
    }
  }
  co_return Status();
}

SimListener::SimListener(SimNetwork& network, std::uint16_t port)
    : network_(network), local_(network.process().machine().address(port)), acceptor_(network.process().loop()) {
  network_.listeners_.push_back(this);
  network_.fabric().listeners_[std::pair(network.process().machine().number(), port)] = this;
}

SimListener::~SimListener() { close(); }

bool SimListener::full() const { return waiting_.size() >= kBacklogMax; }

bool SimListener::offer(Stream& stream) {
  if (full()) return false;
  waiting_.push_back(&stream);
  if (acceptor_.occupied()) {
    acceptor_.wake();
    network_.process().touch();
  }
  return true;
}

Task<Result<std::unique_ptr<Connection>>> SimListener::accept() {
  while (waiting_.empty()) {
    if (closed_) {
      co_await network_.process().yield();
      co_return Code::closed;
    }
    bool woken = co_await acceptor_.park();
    if (!woken) co_return Code::cancelled;
  }
  Stream& stream = *waiting_.front();
  waiting_.pop_front();
  std::unique_ptr<Connection> connection = std::make_unique<SimConnection>(network_, stream, Stream::Side::listener);
  co_return std::move(connection);
}

void SimListener::shut(bool power_cut) {
  if (closed_) return;
  closed_ = true;
  std::erase(network_.listeners_, this);
  network_.fabric().listeners_.erase(std::pair(network_.process().machine().number(), local_.port));
  for (Stream* stream : std::exchange(waiting_, {})) {
    if (power_cut) {
      stream->vanish(Stream::Side::listener);
    } else {
      stream->refuse();
    }
  }
  acceptor_.wake();
}

}  // namespace vortex::sim
