#include "tests/unit/net/pipe.h"

#include <algorithm>

namespace vortex::net::test {

Task<Result<std::size_t>> PipeEnd::read_some(MutableBytes into) {
  auto lane = in_;
  while (true) {
    if (closed_ || lane->cut) co_return Code::closed;
    if (!lane->bytes.empty()) break;
    if (lane->finished) co_return Code::end_of_stream;
    bool woken = co_await lane->changed.wait();
    if (!woken) co_return Code::cancelled;
  }
  std::size_t size = std::min(into.size(), lane->bytes.size());
  if (lane->split) size = std::clamp<std::size_t>(lane->split(size), 1, size);
  auto end = lane->bytes.begin() + static_cast<std::ptrdiff_t>(size);
  std::copy(lane->bytes.begin(), end, into.begin());
  lane->bytes.erase(lane->bytes.begin(), end);
  lane->changed.notify_all();
  co_return size;
}

Task<Status> PipeEnd::write(std::span<const ByteView> pieces) {
  auto lane = out_;
  for (ByteView piece : pieces) {
    for (std::uint8_t byte : piece) {
      while (true) {
        if (closed_ || lane->cut || lane->finished) co_return Code::closed;
        if (lane->bytes.size() < lane->capacity) break;
        bool woken = co_await lane->changed.wait();
        if (!woken) co_return Code::cancelled;
      }
      if (lane->tamper) lane->tamper(lane->written, byte);
      ++lane->written;
      lane->bytes.push_back(byte);
      if (lane->bytes.size() == 1) lane->changed.notify_all();
    }
  }
  lane->changed.notify_all();
  co_return Status();
}

void PipeEnd::close() {
  if (closed_) return;
  closed_ = true;
  out_->finished = true;
  in_->finished = true;
  in_->changed.notify_all();
  out_->changed.notify_all();
}

void PipeEnd::finish() {
  out_->finished = true;
  out_->changed.notify_all();
}

Pipe::Pipe(Loop& loop) : to_server(std::make_shared<PipeLane>(loop)), to_client(std::make_shared<PipeLane>(loop)) {
  client = std::make_unique<PipeEnd>(to_client, to_server);
  server = std::make_unique<PipeEnd>(to_server, to_client);
}

}  // namespace vortex::net::test
