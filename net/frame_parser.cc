#include "net/frame_parser.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "net/limits.h"

namespace vortex::net {

namespace {
std::size_t frame_size(const FrameHeader& header) {
  return kFrameHeaderSize + header.body_length + header.payload_length;
}
}  // namespace

MutableBytes FrameParser::room() {
  release();
  std::size_t needed = bytes_needed();
  if (shrink_wanted_) shrink_to(needed);
  if (state_ == State::payload) return payload_.writable().subspan(payload_filled_);
  std::size_t wanted = std::max({capacity_, needed, kReceiveBufferMin});
  // One frame that just fits says nothing of what comes behind it; several, with part of another, do.
  bool several = room_was_filled_ && ended_ > ended_before_ && buffered() > 0;
  if (several) wanted = std::max(wanted, std::min(4 * capacity_, kReceiveBuffer));
  if (wanted > capacity_) {
    reallocate(wanted);
  } else if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ + needed > capacity_ || end_ == capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
  }
  std::size_t size = capacity_ - end_;
  if (payloads_expected_ && skip_ == 0) size = std::min(size, std::max(needed, kReadBeforePayload));
  CHECK(size > 0);
  return MutableBytes(buffer_.get() + end_, size);
}

// Of the frame under way, in the buffer.
std::size_t FrameParser::bytes_needed() const {
  if (state_ == State::header) return kFrameHeaderSize;
  if (state_ == State::body) return kFrameHeaderSize + frame_.header.body_length;
  return used_;
}

void FrameParser::shrink_to(std::size_t needed) {
  std::size_t capacity = std::max(kReceiveBufferMin, needed);
  if (buffered() > capacity) return;
  shrink_wanted_ = room_was_filled_ = false;
  if (capacity_ > capacity) reallocate(capacity);
  if (state_ == State::payload) frame_.body = body();
}

std::size_t FrameParser::under_way() const {
  if (skip_ > 0) return refused_size_;
  if (state_ == State::done) return 0;
  if (state_ == State::header) return buffered() > 0 ? kFrameHeaderSize : 0;
  return frame_size(frame_.header);
}

void FrameParser::received(std::size_t size) {
  if (state_ == State::payload) {
    payload_filled_ += size;
    CHECK(payload_filled_ <= payload_.size());
    return;
  }
  end_ += size;
  CHECK(end_ <= capacity_);
  room_was_filled_ = end_ == capacity_;
  ended_before_ = ended_;
}

Result<Frame*> FrameParser::next() {
  release();
  while (state_ != State::done) {
    ASSIGN_OR_RETURN(bool advanced, advance());
    if (!advanced) return nullptr;
  }
  return &frame_;
}

// False when more bytes are needed.
Result<bool> FrameParser::advance() {
  switch (state_) {
    case State::header:
      return read_header();
    case State::body:
      return read_body();
    case State::payload:
      if (!gather_payload()) return false;
      RETURN_IF_ERROR(check_payload());
      state_ = State::done;
      return true;
    case State::done:
      return true;
  }
  return true;
}

Result<bool> FrameParser::read_header() {
  if (skip_ > 0) {
    std::size_t skipped = std::min(skip_, buffered());
    skip_ -= skipped;
    begin_ += skipped;
    if (skip_ == 0) ++ended_;
  }
  if (buffered() < kFrameHeaderSize) return false;
  ASSIGN_OR_RETURN(frame_.header, load_header(buffer_.get() + begin_, version_));
  frame_.refused = !admission_.admit(frame_.header);
  state_ = State::body;
  return true;
}

ByteView FrameParser::body() const {
  return ByteView(buffer_.get() + begin_ + kFrameHeaderSize, frame_.header.body_length);
}

Result<bool> FrameParser::read_body() {
  std::size_t length = frame_.header.payload_length;
  payloads_expected_ = length >= kLargePayload;
  if (frame_.refused) {
    used_ = kFrameHeaderSize;
    refused_size_ = frame_size(frame_.header);
    skip_ = refused_size_ - kFrameHeaderSize;
    state_ = State::done;
    return true;
  }
  used_ = kFrameHeaderSize + frame_.header.body_length;
  if (buffered() < used_) return false;
  frame_.body = body();
  if (body_sum(frame_.body) != frame_.header.body_sum) return Error(Code::bad_message, "body sum is wrong");
  if (length == 0) {
    state_ = State::done;
    return true;
  }
  payload_ = Buffer::allocate(length);
  payload_filled_ = std::min(length, buffered() - used_);
  std::memcpy(payload_.writable().data(), buffer_.get() + begin_ + used_, payload_filled_);
  used_ += payload_filled_;
  state_ = State::payload;
  return true;
}

bool FrameParser::gather_payload() {
  if (payload_filled_ < payload_.size()) return false;
  frame_.payload = std::move(payload_);
  payload_ = Buffer();
  payload_filled_ = 0;
  return true;
}

Status FrameParser::check_payload() const {
  if (!(frame_.header.flags & kFlagPayloadSum)) return Status();
  if (xxh3(frame_.payload) != frame_.header.payload_sum) return Error(Code::bad_message, "payload sum is wrong");
  return Status();
}

void FrameParser::discard_frame() {
  begin_ += used_;
  used_ = 0;
  frame_ = Frame();
  state_ = State::header;
  if (skip_ == 0) ++ended_;
  // More than this is there for the body of one frame.
  if (capacity_ > kReceiveBuffer) reallocate(std::max(kReceiveBuffer, buffered()));
}

void FrameParser::reallocate(std::size_t capacity) {
  auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
  std::size_t kept = buffered();
  CHECK(kept <= capacity);
  if (kept > 0) std::memcpy(larger.get(), buffer_.get() + begin_, kept);
  buffer_ = std::move(larger);
  capacity_ = capacity;
  begin_ = 0;
  end_ = kept;
}

}  // namespace vortex::net
