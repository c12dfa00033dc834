// Frames waiting to be written, by priority.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "net/frame.h"
#include "net/method.h"

namespace vortex::net {

// Small frames lie one behind the other in one piece of memory; a payload is referred to, not copied.
class Outbox {
 public:
  // One write's worth. The pieces stay valid as long as the Batch is neither changed nor destroyed.
  class Batch {
   public:
    std::span<const ByteView> pieces() const { return pieces_; }
    // As it was taken.
    std::size_t bytes() const { return bytes_; }
    bool empty() const { return bytes_ == 0; }
    // The first `bytes` of the pieces have been written.
    void skip(std::size_t bytes);
    // Of these, what is not requests.
    std::size_t answer_bytes() const { return answer_bytes_; }

   private:
    friend class Outbox;
    struct Segment {
      ByteVector bytes;  // whole frames; only the last one may have a payload
      Buffer payload;    // of that last frame
      std::size_t answer_bytes = 0;
    };
    std::vector<Segment> segments_;
    std::vector<ByteView> pieces_;
    std::size_t bytes_ = 0, answer_bytes_ = 0;
  };

  // Appends a frame: `header` with kind, method, id and deadline set; lengths and sums are filled in here. `too_large`
  // when the body would exceed `body_max`, and then nothing was appended.
  template <class Body>
  Status add(Priority priority, FrameHeader header, const Body& body, std::size_t body_max, Buffer payload) {
    ByteVector& bytes = open(priority);
    std::size_t start = bytes.size();
    bytes.resize(start + kFrameHeaderSize);
    Encoder encoder(bytes);
    encoder.put(body);
    return seal(priority, start, header, body_max, std::move(payload));
  }
  void add(Priority priority, FrameHeader header);

  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

  // Moves into `batch` what leaves next: the more urgent first, but something of every priority. What the batch held is
  // recycled.
  void take(Batch& batch);
  void clear(Batch& batch);

  // Takes out the requests that are still here; they will never be sent. Their ids, in ascending order.
  std::vector<std::uint64_t> drop_requests();

 private:
  using Segment = Batch::Segment;
  ByteVector& open(Priority priority);
  Status seal(Priority priority, std::size_t start, FrameHeader header, std::size_t body_max, Buffer payload);
  void take_from(Priority priority, Batch& batch);

  std::array<std::vector<Segment>, kPriorities> queues_;
  std::vector<ByteVector> spare_;
  std::size_t bytes_ = 0;
};

}  // namespace vortex::net
