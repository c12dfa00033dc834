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
      std::uint64_t first_request = 0, last_request = 0;  // ids of the requests in it, which ascend; 0 for none
    };
    std::vector<Segment> segments_;
    std::vector<ByteView> pieces_;
    std::size_t bytes_ = 0, answer_bytes_ = 0;
  };

  // Every frame carries this version of the protocol.
  explicit Outbox(std::uint8_t version = kVersion) : version_(version) {}

  // Appends a frame: `header` with kind, method, id and deadline set; version, lengths and sums are filled in here.
  // `too_large` when the body would exceed `body_max`, `busy` when the whole frame would exceed `frame_max`; then
  // nothing was appended.
  template <class Body>
  Status add(Priority priority, FrameHeader header, const Body& body, std::size_t body_max, Buffer payload,
             std::size_t frame_max = ~std::size_t(0)) {
    ByteVector& bytes = open(priority);
    std::size_t start = bytes.size();
    bytes.resize(start + kFrameHeaderSize);
    Encoder encoder(bytes);
    encoder.put(body);
    return seal(priority, start, header, body_max, std::move(payload), frame_max);
  }
  void add(Priority priority, FrameHeader header);

  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

  // Moves into `batch` what leaves next: the more urgent first, but something of every priority. What the batch held is
  // recycled.
  void take(Batch& batch);
  void clear(Batch& batch);
  // Gives back the memory that is kept for the next frames.
  void shrink() { spare_ = std::vector<ByteVector>(); }
  // Bytes of that memory.
  std::size_t spare_memory() const;

  // Takes out the requests that are still here; they will never be sent. Their ids, in ascending order.
  std::vector<std::uint64_t> drop_requests();
  // The same for one of them. False when it is not here: take() has handed it out.
  bool drop_request(Priority priority, std::uint64_t id);

 private:
  using Segment = Batch::Segment;
  ByteVector& open(Priority priority);
  Status seal(Priority priority, std::size_t start, FrameHeader header, std::size_t body_max, Buffer payload,
              std::size_t frame_max);
  void erase_request(Segment& segment, std::uint64_t id);
  void take_from(Priority priority, Batch& batch);

  const std::uint8_t version_;
  std::array<std::vector<Segment>, kPriorities> queues_;
  std::vector<ByteVector> spare_;
  std::size_t bytes_ = 0;
};

}  // namespace vortex::net
