// Which code answers which method.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "net/call.h"
#include "net/message_row.h"
#include "net/secure.h"

namespace vortex::net {

// What a handler knows beside the request. It stays good until the handler's task has ended.
struct Context {
  Channel* channel;       // the connection it came over, for calls back
  const PeerInfo* peer;   // who asks
  Instant deadline;       // nobody waits for the answer after that; the handler is cancelled then
  std::uint64_t request;  // its id on that connection
  Buffer payload;         // of the request

  Context(Channel* c, const PeerInfo* p, Instant d, std::uint64_t r, Buffer b)
      : channel(c), peer(p), deadline(d), request(r), payload(std::move(b)) {}
};

class Handler {
 public:
  virtual ~Handler() = default;
  // Decodes and answers, at once or by a task of the channel's. An error means that the body makes no sense.
  virtual Status serve(Channel& channel, Context context, ByteView body) const = 0;
};

// Filled at the start, read-only while channels use it.
class Dispatcher {
 public:
  Dispatcher();

  // A coroutine:      Task<Result<Reply<M>>> (Context, M::Request)
  // or, when trivial: Result<Reply<M>>       (Context&, M::Request&)     run between two frames: it must be quick.
  // It may return Result<M::Response> where there is no payload. Each method has one handler.
  template <class Method, class F>
  void on(F handler);

  // Null when the method is not served here.
  const Handler* find(std::uint16_t method) const {
    return method < handlers_.size() ? handlers_[method].get() : nullptr;
  }

 private:
  void add(std::uint16_t method, std::unique_ptr<Handler> handler);
  std::vector<std::unique_ptr<Handler>> handlers_;  // by number
};

}  // namespace vortex::net
