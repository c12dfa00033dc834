// Requests of our own.
#include <algorithm>

#include "net/channel.h"

namespace vortex::net {

PendingCall::~PendingCall() { abandon(); }

void PendingCall::abandon() {
  if (channel_) channel_->abandon(*this);
}

bool Channel::window_fits(std::size_t bytes) const {
  if (calls_ == 0) return true;
  // Headers and bodies may have gone over the limit by a little.
  return calls_ < kConnectionRequestsMax && call_bytes_ < kConnectionBytesMax &&
         bytes <= kConnectionBytesMax - call_bytes_;
}

// Those who wait already come first.
bool Channel::has_room(std::size_t bytes) const { return room_.size() == 0 && window_fits(bytes); }

Status Channel::check_call(const MethodInfo& method, std::size_t payload_size) {
  if (!open()) return Error(Code::unreachable, std::string(closed_because_->message()));
  if (payload_size <= method.request_payload_max) return Status();
  pass_on_room();
  return Error(Code::too_large, "payload over the method's limit");
}

// Room is told to one who waits at a time. Whoever does not take it, or leaves some of it, tells the next.
void Channel::pass_on_room() {
  if (room_.size() > 0 && open() && window_fits(0)) room_.notify_one();
}

Task<Status> Channel::wait_for_room(std::size_t bytes, Instant deadline) {
  if (waiting_calls_ >= kWaitingCallsMax)
    co_return Error(Code::busy, "too many calls to this peer").with_retry_after(kBusyRetryMs);
  ++waiting_calls_;
  Status status;
  do {
    status = co_await room_.wait(deadline);
  } while (status.ok() && open() && !window_fits(bytes));
  if (--waiting_calls_ == 0) room_left_.wake();
  if (!status.ok()) pass_on_room();
  co_return status;
}

FrameHeader Channel::request_header(const MethodInfo& method, Duration timeout, bool payload) {
  std::size_t place = free_slots_.empty() ? slots_.size() : free_slots_.back();
  auto ms = std::chrono::ceil<milliseconds>(std::clamp<Duration>(timeout, milliseconds(1), kCallTimeoutMax)).count();
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(Kind::request);
  header.method = method.number;
  header.deadline_ms = static_cast<std::uint32_t>(ms);
  header.request_id = (sequence_ + 1) << kSlotBits | place;
  if (payload && method.payload_sum == PayloadSum::frame) header.flags = kFlagPayloadSum;
  return header;
}

void Channel::attach(PendingCall& call, const MethodInfo& method, std::uint64_t id, Duration timeout,
                     std::size_t bytes) {
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    free_slots_.pop_back();
  }
  ++sequence_;
  Slot& slot = slots_[id & kSlotMask];
  slot.call = &call;
  slot.method = &method;
  slot.id = id;
  slot.bytes = bytes;
  last_used_ = env_.now();
  slot.deadline = last_used_ + std::clamp<Duration>(timeout, Duration(0), kCallTimeoutMax);
  call.channel_ = this;
  call.id_ = id;
  ++calls_;
  call_bytes_ += bytes;
  switchboard_.metrics.calls.add();
  arm(slot.deadline);
  pass_on_room();
  // A call alone need not wait for others to travel with.
  if (calls_ == 1 && !handling_) {
    write_now();
  } else {
    wake_writer();
  }
}

Channel::Slot* Channel::find_slot(std::uint64_t id) {
  std::size_t place = id & kSlotMask;
  if (place >= slots_.size()) return nullptr;
  Slot& slot = slots_[place];
  return slot.call && slot.id == id ? &slot : nullptr;
}

PendingCall& Channel::detach(Slot& slot) {
  PendingCall& call = *slot.call;
  call.channel_ = nullptr;
  slot.call = nullptr;
  free_slots_.push_back(static_cast<std::uint16_t>(slot.id & kSlotMask));
  --calls_;
  call_bytes_ -= slot.bytes;
  pass_on_room();
  return call;
}

void Channel::fail(Slot& slot, Error error) {
  PendingCall& call = detach(slot);
  Parking* waiting = call.waiting();
  call.failed(std::move(error));
  resume(waiting);
}

// Coroutines go on when all frames have been handled, so that what they do next leaves together.
void Channel::resume(Parking* waiting) {
  // Whoever does not wait yet will find the answer there. Only a frame that is suspended at this very place surely
  // stays until we come to it.
  if (!waiting || !waiting->occupied()) return;
  if (handling_) {
    answered_.push_back(waiting);
  } else {
    waiting->wake();
  }
}

void Channel::abandon(PendingCall& call) {
  Slot* slot = find_slot(call.id_);
  CHECK(slot && slot->call == &call);
  const MethodInfo& method = *slot->method;
  detach(*slot);
  switchboard_.metrics.calls_cancelled.add();
  forget(method, call.id_);
}

// Nobody waits for this call any more. What has not left will not leave, else it would pile up before a peer that does
// not read; of what has left, the peer is told, with the same priority so that this cannot overtake the request.
void Channel::forget(const MethodInfo& method, std::uint64_t id) {
  if (outbox_.drop_request(method.priority, id)) return;
  send_plain(Kind::cancel, id, method.priority);
}

void Channel::fail_calls() {
  std::vector<std::uint64_t> unsent = outbox_.drop_requests();
  for (std::size_t place = 0; place < slots_.size(); ++place) {
    if (!slots_[place].call) continue;
    Error error = cut_off(slots_[place], unsent);
    switchboard_.metrics.calls_cut_off.add();
    fail(slots_[place], std::move(error));
  }
}

// What is known of a call whose connection ended before the answer.
Error Channel::cut_off(const Slot& slot, const std::vector<std::uint64_t>& unsent) const {
  std::string reason(closed_because_->message());
  bool never_left = std::binary_search(unsent.begin(), unsent.end(), slot.id);
  if (never_left || slot.id > peer_executed_) return Error(Code::unreachable, std::move(reason));
  return Error(slot.method->idempotent ? Code::closed : Code::outcome_unknown, std::move(reason));
}

}  // namespace vortex::net
