// What arrives: requests, answers, and the news that a connection is over.
#include "base/log.h"
#include "net/channel.h"

namespace vortex::net {

// What a peer makes us say and does not listen to is bounded by not listening to it. Members keep to their windows, so
// the node's share only concerns guests, of which there may be many.
bool Channel::must_stop_reading() const {
  if (answer_bytes_ > kAnswersStop) return true;
  return party_ == Party::guest && answer_bytes_ > kGuestAnswersShare && switchboard_.load.guests_stalled();
}

Task<void> Channel::read_loop() {
  while (open()) {
    if (must_stop_reading()) {
      switchboard_.metrics.reading_stopped.add();
      co_await resume_reading_.park_uncancellable();
      continue;
    }
    if (more_frames_) {
      Status taken = take_frames();
      if (!taken.ok()) close_malformed(std::move(taken).error());
      continue;
    }
    MutableBytes room = parser_.room();
    auto size = co_await connection_->read_some(room);
    if (!open()) break;
    if (!size.ok()) {
      tell_peer_ = false;
      bool ended = size.is(Code::end_of_stream);
      close(ended ? Error(Code::closed, "the peer hung up") : std::move(size).error());
      break;
    }
    parser_.received(*size);
    last_received_ = batch_at_ = env_.now();
    ping_sent_ = false;
    switchboard_.metrics.reads.add();
    switchboard_.metrics.bytes_in.add(*size);
    more_frames_ = true;
  }
}

void Channel::close_malformed(Error error) {
  if (!open()) return;
  switchboard_.metrics.malformed.add();
  env_.log().warn("net", "closing a connection because of what came over it", Field("peer", peer_.address.to_string()),
                  Field("role", to_string(peer_.role)), Field("error", error));
  close(std::move(error));
}

// All that arrived together is handled together, and the answers leave together.
Status Channel::take_frames() {
  std::uint64_t count = 0;
  Status status;
  handling_ = true;
  more_frames_ = false;
  while (open()) {
    if (must_stop_reading()) {
      more_frames_ = true;
      break;
    }
    auto frame = parser_.next();
    if (!frame.ok()) {
      status = std::move(frame).error();
      break;
    }
    if (!*frame) break;
    ++count;
    status = handle(**frame);
    if (!status.ok()) break;
  }
  parser_.release();
  // This is the bottom of the run queue, so they can go on here.
  for (std::size_t i = 0; i < answered_.size(); ++i) answered_[i]->wake_now();
  answered_.clear();
  handling_ = false;
  write_now();
  switchboard_.metrics.frames_in.add(count);
  return status;
}

bool Channel::admit(const FrameHeader& header) {
  switch (static_cast<Kind>(header.kind)) {
    case Kind::request:
      return admit_request(header);
    case Kind::response:
      return find_slot(header.request_id) != nullptr;
    default:
      return true;
  }
}

bool Channel::admit_request(const FrameHeader& header) {
  std::size_t bytes = kFrameHeaderSize + header.body_length + header.payload_length;
  if (!may_call(peer_.role, find_method(header.method)->caller)) return false;
  if (requests_ >= kConnectionRequestsMax || bytes > kConnectionBytesMax - request_bytes_) return false;
  if (answer_bytes_ > kAnswersBusy || !load_fits(bytes)) return false;
  if (env_.buggify("net.answer_busy")) return false;
  ++requests_;
  request_bytes_ += bytes;
  switchboard_.load.add(party_, bytes);
  admitted_ = bytes;
  admitted_at_ = batch_at_;
  return true;
}

void Channel::release(std::size_t bytes) {
  if (bytes == 0) return;
  --requests_;
  request_bytes_ -= bytes;
  switchboard_.load.remove(party_, bytes);
}

Status Channel::handle(Frame& frame) {
  switch (static_cast<Kind>(frame.header.kind)) {
    case Kind::request: {
      Status status = handle_request(frame);
      release(std::exchange(admitted_, 0));  // nothing is left when a task has taken it over
      return status;
    }
    case Kind::response:
    case Kind::error:
      return handle_answer(frame);
    case Kind::cancel:
      handle_cancel(frame.header.request_id);
      return Status();
    case Kind::ping:
      send_plain(Kind::pong, frame.header.request_id, Priority::control);
      return Status();
    case Kind::pong:
      return Status();
    case Kind::goodbye:
      return handle_goodbye(frame);
  }
  return Code::bad_message;
}

Status Channel::handle_request(Frame& frame) {
  const FrameHeader& header = frame.header;
  switchboard_.metrics.requests.add();
  last_used_ = batch_at_;
  if (frame.refused) {
    refuse(header);
    return Status();
  }
  const MethodInfo& method = *find_method(header.method);
  Duration patience = std::min<Duration>(milliseconds(header.deadline_ms), kCallTimeoutMax);
  Instant deadline = admitted_at_ + patience;
  if (deadline <= batch_at_) {
    switchboard_.metrics.requests_expired.add();
    answer_error(method, header.request_id, Error(Code::timed_out, "the deadline passed on the way"));
    return Status();
  }
  const Handler* handler = switchboard_.dispatcher.find(header.method);
  if (!handler) {
    answer_error(method, header.request_id, Error(Code::unknown_method, "not served here"));
    return Status();
  }
  if (!serving_.empty() && serving_.contains(header.request_id)) return Error(Code::bad_message, "request id in use");
  last_request_ = std::max(last_request_, header.request_id);
  Context context(this, &peer_, deadline, header.request_id, std::move(frame.payload));
  return handler->serve(*this, std::move(context), frame.body);
}

void Channel::refuse(const FrameHeader& header) {
  const MethodInfo& method = *find_method(header.method);
  if (!may_call(peer_.role, method.caller)) {
    switchboard_.metrics.refused_permission.add();
    std::string text = std::string(method.name) + " is not open to a " + to_string(peer_.role);
    answer_error(method, header.request_id, Error(Code::permission_denied, std::move(text)));
    return;
  }
  switchboard_.metrics.refused_busy.add();
  answer_error(method, header.request_id, Error(Code::busy).with_retry_after(kBusyRetryMs));
}

void Channel::spawn(std::uint64_t request, const MethodInfo& method, Instant deadline, Task<void> task) {
  Serving& serving = serving_[request];
  serving.method = &method;
  serving.bytes = std::exchange(admitted_, 0);
  serving.deadline = deadline;
  arm(deadline);
  handlers_.spawn(std::move(task), serving.task);
}

Status Channel::handle_answer(Frame& frame) {
  std::uint64_t id = frame.header.request_id;
  Slot* slot = find_slot(id);
  if (!slot) {
    if (id >> kSlotBits > sequence_) return Error(Code::bad_message, "answer to a request that was never sent");
    switchboard_.metrics.stale_answers.add();
    return Status();
  }
  if (slot->method->number != frame.header.method)
    return Error(Code::bad_message, "answer to another method than was asked");
  last_used_ = batch_at_;
  if (static_cast<Kind>(frame.header.kind) == Kind::response) {
    PendingCall& call = detach(*slot);
    resume(call.waiting());
    return call.answered(frame.body, std::move(frame.payload));
  }
  auto error = decode<ErrorBody>(frame.body);
  if (!error.ok()) {
    fail(*slot, Error(Code::bad_message, "the answer makes no sense"));
    return std::move(error).error();
  }
  fail(*slot, error->to_error());
  return Status();
}

void Channel::handle_cancel(std::uint64_t request) {
  auto found = serving_.find(request);
  if (found == serving_.end() || found->second.dropped) return;
  switchboard_.metrics.requests_cancelled.add();
  found->second.dropped = true;
  handlers_.cancel(found->second.task);
}

Status Channel::handle_goodbye(const Frame& frame) {
  ASSIGN_OR_RETURN(GoodbyeBody goodbye, decode<GoodbyeBody>(frame.body));
  peer_executed_ = goodbye.last_request;
  tell_peer_ = false;
  std::string text = "the peer says: " + goodbye.message;
  close(Error(code_from_number(goodbye.code), std::move(text)));
  return Status();
}

}  // namespace vortex::net
