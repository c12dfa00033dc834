// One authenticated connection: many requests at once, in both directions.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/task_group.h"
#include "net/call.h"
#include "net/dispatcher.h"
#include "net/frame_parser.h"
#include "net/outbox.h"
#include "net/secure.h"
#include "net/switchboard.h"
#include "net/waiting_line.h"

namespace vortex::net {

// Whoever makes it awaits run(), which owns everything the channel does; afterwards it can be destroyed.
class Channel final : private Admission {
 public:
  Channel(Switchboard& switchboard, Secured secured);
  ~Channel() override;

  // Reads, serves and writes until the connection ends, by either side; then every call has failed and every handler
  // has ended. When the task is cancelled it takes its leave of the peer.
  Task<void> run();
  // Returns when it is no longer open, which may be long before run() does, or when the task is cancelled. One at a
  // time.
  Task<void> wait_closed();

  // Ends it: handlers are cancelled, calls fail, what is queued is sent within kLinger, then a goodbye with the reason.
  // Nothing when it has ended already.
  void close(Error reason);
  bool open() const { return !closed_because_.has_value(); }
  // Only when it is not open.
  const Error& closed_because() const { return *closed_because_; }

  const PeerInfo& peer() const { return peer_; }

  // Waits for room in the window, sends, and waits for the answer, all of it no longer than the timeout.
  // `busy`: too many wait already, or the peer says so; `unreachable`: surely not executed; `closed` or
  // `outcome_unknown`: the connection ended meanwhile (the latter when the method is not idempotent); `timed_out`,
  // `cancelled`: the peer is told, but may have executed it; `too_large`. All others come from the handler.
  template <class Method>
  Task<Result<Reply<Method>>> call(typename Method::Request request, CallOptions options = CallOptions());

  // Waits until a request with a payload of `bytes` fits the window. Nothing is reserved: start() at once.
  Task<Status> wait_for_room(std::size_t bytes, Instant deadline);
  bool has_room(std::size_t bytes) const;

  // Sends without waiting and without a coroutine. `busy` when the window is full; after an error `call` is not
  // attached.
  template <class Method>
  Status start(TypedCall<Method>& call, const typename Method::Request& request, Duration timeout = kCallTimeout,
               Buffer payload = Buffer());

  // Nothing is awaited, served or queued.
  bool idle() const { return calls_ == 0 && requests_ == 0 && outbox_.empty(); }
  Instant last_used() const { return last_used_; }
  std::size_t calls_in_flight() const { return calls_; }
  std::size_t requests_in_flight() const { return requests_; }
  // Waiting to be written.
  std::size_t queued_bytes() const { return outbox_.bytes(); }

  // For handlers: answers now, or starts a task which ends with finish().
  template <class Method>
  void answer(std::uint64_t request, Result<Reply<Method>> result);
  void spawn(std::uint64_t request, const MethodInfo& method, Instant deadline, Task<void> task);
  template <class Method>
  void finish(std::uint64_t request, Result<Reply<Method>> result);

 private:
  friend class PendingCall;
  static constexpr unsigned kSlotBits = 16;
  static constexpr std::uint64_t kSlotMask = (std::uint64_t(1) << kSlotBits) - 1;
  static_assert(kConnectionRequestsMax <= kSlotMask);

  // A place for a call in flight. Its number is the lower part of the request id, so that an answer finds it at once;
  // the upper part counts up.
  struct Slot {
    PendingCall* call = nullptr;  // null when free
    const MethodInfo* method = nullptr;
    std::uint64_t id = 0;
    std::size_t bytes = 0;
    Instant deadline;
  };
  // A request whose handler is a task.
  struct Serving {
    const MethodInfo* method = nullptr;
    std::size_t bytes = 0;
    Instant deadline;
    bool dropped = false;  // nobody wants the answer any more
    TaskGroup::Handle task;
  };
  // A deadline that was found over, and when that will be believed.
  struct Doubt {
    Instant by, look_again;
  };

  // channel_read.cc
  Task<void> read_loop();
  Status take_frames();
  bool must_stop_reading() const;
  void close_malformed(Error error);
  bool admit(const FrameHeader& header) override;
  bool admit_request(const FrameHeader& header);
  bool load_fits(std::size_t bytes) const { return switchboard_.load.fits(party_, bytes); }
  void release(std::size_t bytes);
  Status handle(Frame& frame);
  Status handle_request(Frame& frame);
  void refuse(const FrameHeader& header);
  Status handle_answer(Frame& frame);
  void handle_cancel(std::uint64_t request);
  Status handle_goodbye(const Frame& frame);

  // channel_write.cc
  Task<void> write_loop();
  void wake_writer();
  void write_now();
  void end_batch();
  std::size_t answer_room() const;
  void answer_failed(const MethodInfo& method, std::uint64_t request, Error error);
  FrameHeader answer_header(Kind kind, const MethodInfo& method, std::uint64_t request, bool payload) const;
  void answer_error(const MethodInfo& method, std::uint64_t request, const Error& error);
  void answer_queued(std::size_t bytes);
  bool end_serving(std::uint64_t request);
  void send_plain(Kind kind, std::uint64_t id, Priority priority);
  void say_goodbye();

  // channel_call.cc
  bool window_fits(std::size_t bytes) const;
  void pass_on_room();
  Status check_call(const MethodInfo& method, std::size_t payload_size);
  FrameHeader request_header(const MethodInfo& method, Duration timeout, bool payload);
  void attach(PendingCall& call, const MethodInfo& method, std::uint64_t id, Duration timeout, std::size_t bytes);
  Slot* find_slot(std::uint64_t id);
  PendingCall& detach(Slot& slot);
  void fail(Slot& slot, Error error);
  void resume(Parking* waiting);
  void abandon(PendingCall& call);
  void forget(const MethodInfo& method, std::uint64_t id);
  void fail_calls();
  Error cut_off(const Slot& slot, const std::vector<std::uint64_t>& unsent) const;

  // channel_time.cc
  void arm(Instant at);
  void sweep();
  Instant expire_calls(Instant now);
  Instant expire_requests(Instant now);
  Instant check_peer(Instant now);
  Instant frame_over_at(Instant now, std::size_t size);
  bool is_over(Doubt& doubt, Instant by, Instant now) const;
  Instant check_linger(Instant now);

  Switchboard& switchboard_;
  Env& env_;
  PeerInfo peer_;
  const Party party_;
  const std::uint8_t version_;  // of the protocol, as negotiated: every frame carries it
  std::unique_ptr<Connection> connection_;
  std::optional<Error> closed_because_;
  Parking closed_;
  bool tell_peer_ = true;  // a goodbye can still be of use
  Instant linger_until_;
  Parking ended_;

  FrameParser parser_;
  Parking resume_reading_;
  bool more_frames_ = false;                      // take_frames() stopped though there may be more
  Instant batch_at_;                              // when the frames being handled arrived
  std::size_t admitted_ = 0;                      // bytes reserved for the request being received; 0 for none
  Instant admitted_at_;                           // when its header came
  std::uint64_t last_request_ = 0;                // the greatest id that was executed
  std::size_t requests_ = 0, request_bytes_ = 0;  // admitted and not answered
  std::map<std::uint64_t, Serving> serving_;

  Outbox outbox_;
  std::size_t answer_bytes_ = 0;  // queued or being written, not requests
  Outbox::Batch batch_;           // being written, or empty
  Parking writer_;
  bool writing_ = false;
  bool handling_ = false;  // frames that arrived are being handled; what they make ready is written behind them
  std::vector<Parking*> answered_;  // whoever waits for what came with these frames
  Instant write_deadline_;

  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_slots_;
  std::size_t calls_ = 0, call_bytes_ = 0;
  std::uint64_t sequence_ = 0;                       // of the last call
  std::uint64_t peer_executed_ = ~std::uint64_t(0);  // from its goodbye: no greater id was executed
  WaitingLine room_;
  std::size_t waiting_calls_ = 0;  // coroutines between entering and leaving wait_for_room
  Parking room_left_;

  TimerId timer_ = kNoTimer;
  Instant timer_at_;
  Instant last_received_, last_used_, ping_at_;
  bool ping_sent_ = false;
  Duration lateness_{0};  // of the sweep under way
  Doubt write_doubt_, frame_doubt_, ping_doubt_;
  std::uint64_t frame_seen_ = 0;  // the frame that was under way at the last sweep, counted from 1; 0 for none
  Instant frame_at_;              // when it began, as far as is known

  TaskGroup handlers_;
  TaskGroup transport_;  // the reader and the writer
};

template <class Method>
Status Channel::start(TypedCall<Method>& call, const typename Method::Request& request, Duration timeout,
                      Buffer payload) {
  RETURN_IF_ERROR(check_call(Method::kInfo, payload.size()));
  if (!window_fits(payload.size()))
    return Error(Code::busy, "too many calls to this peer").with_retry_after(kBusyRetryMs);
  FrameHeader header = request_header(Method::kInfo, timeout, !payload.empty());
  std::size_t before = outbox_.bytes();
  Status added = outbox_.add(Method::kInfo.priority, header, request, Method::kInfo.body_max, std::move(payload));
  if (!added.ok()) pass_on_room();
  RETURN_IF_ERROR(std::move(added));
  attach(call, Method::kInfo, header.request_id, timeout, outbox_.bytes() - before);
  return Status();
}

template <class Method>
Task<Result<Reply<Method>>> Channel::call(typename Method::Request request, CallOptions options) {
  if (!has_room(options.payload.size())) {
    Instant deadline = env_.now() + options.timeout;
    CO_RETURN_IF_ERROR(co_await wait_for_room(options.payload.size(), deadline));
    options.timeout = deadline - env_.now();
  }
  AwaitedCall<Method> waiting(env_.loop());
  CO_RETURN_IF_ERROR(start(waiting, request, options.timeout, std::move(options.payload)));
  if (!waiting.finished()) co_await waiting.parked();
  co_return waiting.take();
}

}  // namespace vortex::net

#include "net/typed_handlers.h"
