// From bytes in any split to frames.
#pragma once

#include <memory>
#include <optional>

#include "net/frame.h"

namespace vortex::net {

struct Frame {
  FrameHeader header;
  ByteView body;         // until the parser is asked for the next frame or for room
  Buffer payload;        // to keep
  bool refused = false;  // not admitted: body and payload are skipped and never stored
};

// Asked once for each frame, as soon as its header is known and before anything is allocated for it.
class Admission {
 public:
  virtual ~Admission() = default;
  virtual bool admit(const FrameHeader& header) = 0;
};

// Usage: read into room(), tell it with received(), then next() until it has none. Small frames are gathered in one
// buffer; a payload is read into its own Buffer directly, but for the part that came together with its header.
class FrameParser {
 public:
  // All frames must be of this version of the protocol.
  explicit FrameParser(Admission& admission, std::uint8_t version = kVersion)
      : admission_(admission), version_(version) {}

  // Where the next bytes belong; never empty.
  MutableBytes room();
  void received(std::size_t size);

  // The next whole frame, or null when more bytes are needed; it lives until the next call of next() or room(). After
  // an error there is no way to find the next frame: the connection must be closed.
  Result<Frame*> next();

  // The last frame is not needed any more.
  void release() {
    if (state_ == State::done) discard_frame();
  }
  // Gives memory back with the next room(); the room given out before stays good.
  void shrink() { shrink_wanted_ = true; }
  // The size of the frame that has begun and has not ended, as far as it is known, also of a refused one; 0 for none.
  std::size_t under_way() const;
  // Frames that have ended.
  std::uint64_t ended() const { return ended_; }
  // Bytes held for receiving, payloads included.
  std::size_t memory() const { return capacity_ + payload_.size(); }

 private:
  enum class State { header, body, payload, done };

  std::size_t buffered() const { return end_ - begin_; }
  Result<bool> advance();
  Result<bool> read_header();
  Result<bool> read_body();
  ByteView body() const;
  bool gather_payload();
  Status check_payload() const;
  void discard_frame();
  std::size_t bytes_needed() const;
  void shrink_to(std::size_t needed);
  void reallocate(std::size_t capacity);

  Admission& admission_;
  const std::uint8_t version_;
  State state_ = State::header;
  Frame frame_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0, end_ = 0;  // what was received and not used up
  std::size_t used_ = 0;             // bytes at begin_ that belong to frame_
  Buffer payload_;                   // being filled
  std::size_t payload_filled_ = 0;
  std::size_t skip_ = 0;          // bytes of a refused frame still to come
  std::size_t refused_size_ = 0;  // of that frame
  std::uint64_t ended_ = 0;
  bool payloads_expected_ = false;  // the last frame had a large one
  bool room_was_filled_ = false;    // the last read took all the room there was
  std::uint64_t ended_before_ = 0;  // ended() at that read
  bool shrink_wanted_ = false;
};

}  // namespace vortex::net
