// What leaves: whatever is ready together leaves in one write.
#include <algorithm>

#include "net/channel.h"

namespace vortex::net {

Task<void> Channel::write_loop() {
  while (true) {
    if (batch_.empty() && outbox_.empty()) {
      if (!open()) break;
      co_await writer_.park_uncancellable();
      continue;
    }
    if (batch_.empty()) outbox_.take(batch_);
    auto slowest = seconds(batch_.bytes() / kSlowestBytesPerSecond);
    write_deadline_ = env_.now() + kWritePatience + slowest;
    writing_ = true;
    Status written = co_await connection_->write(batch_.pieces());
    writing_ = false;
    end_batch();
    if (written.ok()) continue;
    tell_peer_ = false;
    close(std::move(written).error());
    break;
  }
  connection_->close();
  switchboard_.load.remove_answer(party_, std::exchange(answer_bytes_, 0));
}

// The writer runs after everybody who is ready now, and takes what they have all left.
void Channel::wake_writer() {
  if (!handling_) writer_.wake();
}

// Without going through the run queue, where the connection can do that; the writer gets what did not fit.
void Channel::write_now() {
  if (!connection_->writes_now()) return writer_.wake();
  if (!batch_.empty() || outbox_.empty()) return;
  outbox_.take(batch_);
  std::size_t written = connection_->write_now(batch_.pieces());
  if (written == batch_.bytes()) return end_batch();
  batch_.skip(written);
  writer_.wake();
}

void Channel::end_batch() {
  switchboard_.metrics.writes.add();
  switchboard_.metrics.bytes_out.add(batch_.bytes());
  answer_bytes_ -= batch_.answer_bytes();
  switchboard_.load.remove_answer(party_, batch_.answer_bytes());
  outbox_.clear(batch_);
  if (!must_stop_reading()) resume_reading_.wake();
}

// How large an answer may be now. Small ones always find room.
std::size_t Channel::answer_room() const {
  std::size_t own = answer_bytes_ < kAnswersMax ? kAnswersMax - answer_bytes_ : 0;
  return std::max(kSmallAnswer, std::min(own, switchboard_.load.answer_room(party_)));
}

// The answer itself cannot be sent. Its request has been executed.
void Channel::answer_failed(const MethodInfo& method, std::uint64_t request, Error error) {
  if (!error.is(Code::busy)) return answer_error(method, request, error);
  Code code = method.idempotent ? Code::busy : Code::outcome_unknown;
  answer_error(method, request, Error(code, "too many answers are waiting").with_retry_after(kBusyRetryMs));
}

FrameHeader Channel::answer_header(Kind kind, const MethodInfo& method, std::uint64_t request, bool payload) const {
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(kind);
  header.method = method.number;
  header.request_id = request;
  if (payload && method.payload_sum == PayloadSum::frame) header.flags = kFlagPayloadSum;
  return header;
}

void Channel::answer_error(const MethodInfo& method, std::uint64_t request, const Error& error) {
  if (!open()) return;
  FrameHeader header = answer_header(Kind::error, method, request, false);
  std::size_t before = outbox_.bytes();
  Status added = outbox_.add(method.priority, header, ErrorBody(error), kErrorBodyMax, Buffer());
  CHECK(added.ok());
  answer_queued(outbox_.bytes() - before);
}

void Channel::answer_queued(std::size_t bytes) {
  answer_bytes_ += bytes;
  switchboard_.load.add_answer(party_, bytes);
  wake_writer();
}

// False when nobody wants the answer any more.
bool Channel::end_serving(std::uint64_t request) {
  auto found = serving_.find(request);
  CHECK(found != serving_.end());
  bool wanted = !found->second.dropped;
  release(found->second.bytes);
  serving_.erase(found);
  return wanted;
}

void Channel::send_plain(Kind kind, std::uint64_t id, Priority priority) {
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(kind);
  header.request_id = id;
  std::size_t before = outbox_.bytes();
  outbox_.add(priority, header);
  answer_queued(outbox_.bytes() - before);
}

void Channel::say_goodbye() {
  GoodbyeBody goodbye;
  goodbye.code = static_cast<std::uint16_t>(closed_because_->code());
  goodbye.last_request = last_request_;
  goodbye.message = std::string(closed_because_->message().substr(0, kReasonMax));
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(Kind::goodbye);
  std::size_t before = outbox_.bytes();
  // Last of the last class: behind everything else.
  Status added = outbox_.add(Priority::bulk, header, goodbye, kGoodbyeBodyMax, Buffer());
  CHECK(added.ok());
  answer_queued(outbox_.bytes() - before);
}

}  // namespace vortex::net
