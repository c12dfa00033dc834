// What a caller gives and gets.
#pragma once

#include <optional>
#include <utility>

#include "base/codec.h"
#include "base/loop.h"
#include "base/time.h"
#include "net/limits.h"

namespace vortex::net {

class Channel;

struct CallOptions {
  Duration timeout = kCallTimeout;
  Buffer payload;

  CallOptions() = default;
  explicit CallOptions(Duration patience) : timeout(patience) {}
  CallOptions(Duration patience, Buffer bytes) : timeout(patience), payload(std::move(bytes)) {}
};

// An answer: what went through the codec, and the bulk bytes beside it.
template <class Method>
struct Reply {
  typename Method::Response response;
  Buffer payload;

  Reply() = default;
  Reply(typename Method::Response r) : response(std::move(r)) {}  // NOLINT(google-explicit-constructor)
  Reply(typename Method::Response r, Buffer p) : response(std::move(r)), payload(std::move(p)) {}
};

// A call that was sent. While it is attached, the channel may end it; when it is destroyed attached, it is abandoned:
// the peer is told to cancel it. Whichever way it ends, exactly one of the two functions is called, or neither if it
// was abandoned. They run inside the channel and must not destroy it.
class PendingCall {
 public:
  PendingCall() = default;
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;
  virtual ~PendingCall();

  bool attached() const { return channel_ != nullptr; }
  // Tells the peer that nobody waits any more. Nothing when it is not attached.
  void abandon();

 protected:
  // An error means that the answer makes no sense; it ends the connection.
  virtual Status answered(ByteView body, Buffer payload) = 0;
  virtual void failed(Error error) = 0;
  // Where a coroutine waits for it; the channel wakes it.
  virtual Parking* waiting() { return nullptr; }

 private:
  friend class Channel;
  Channel* channel_ = nullptr;
  std::uint64_t id_ = 0;
};

// Decodes the answer.
template <class Method>
class TypedCall : public PendingCall {
 public:
  virtual void done(Result<Reply<Method>> result) = 0;

 protected:
  Status answered(ByteView body, Buffer payload) override {
    auto response = decode<typename Method::Response>(body);
    if (!response.ok()) {
      done(Error(Code::bad_message, "the answer makes no sense"));
      return std::move(response).error();
    }
    done(Reply<Method>(std::move(*response), std::move(payload)));
    return Status();
  }
  void failed(Error error) override { done(std::move(error)); }
};

// For one coroutine that waits.
template <class Method>
class AwaitedCall final : public TypedCall<Method> {
 public:
  explicit AwaitedCall(Loop& loop) : parking_(loop) {}

  Task<Result<Reply<Method>>> wait() {
    if (!result_) co_await parking_.park();
    co_return take();
  }
  // The same by hand, without a coroutine in between: if it is not finished() await parked() once, then take().
  bool finished() const { return result_.has_value(); }
  Task<bool> parked() { return parking_.park(); }
  Result<Reply<Method>> take() {
    if (result_) return std::move(*result_);
    this->abandon();
    return Code::cancelled;
  }
  void done(Result<Reply<Method>> result) override { result_.emplace(std::move(result)); }

 protected:
  Parking* waiting() override { return &parking_; }

 private:
  std::optional<Result<Reply<Method>>> result_;
  Parking parking_;
};

}  // namespace vortex::net
