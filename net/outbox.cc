#include "net/outbox.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "net/limits.h"

namespace vortex::net {

namespace {
constexpr std::size_t kSpareMax = 4;

FrameHeader header_at(const ByteVector& bytes, std::size_t at) {
  FrameHeader header;
  std::memcpy(&header, bytes.data() + at, kFrameHeaderSize);
  return header;
}
bool is_request(const FrameHeader& header) { return header.kind == static_cast<std::uint8_t>(Kind::request); }
}  // namespace

void Outbox::Batch::skip(std::size_t bytes) {
  auto first = pieces_.begin();
  while (first != pieces_.end() && bytes >= first->size()) bytes -= (first++)->size();
  pieces_.erase(pieces_.begin(), first);
  if (bytes > 0) pieces_.front() = pieces_.front().subspan(bytes);
}

ByteVector& Outbox::open(Priority priority) {
  auto& queue = queues_[static_cast<std::size_t>(priority)];
  if (queue.empty() || !queue.back().payload.empty() || queue.back().bytes.size() >= kSegmentSize) {
    Segment& fresh = queue.emplace_back();
    if (!spare_.empty()) {
      fresh.bytes = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  return queue.back().bytes;
}

Status Outbox::seal(Priority priority, std::size_t start, FrameHeader header, std::size_t body_max, Buffer payload,
                    std::size_t frame_max) {
  Segment& segment = queues_[static_cast<std::size_t>(priority)].back();
  ByteView body = ByteView(segment.bytes).subspan(start + kFrameHeaderSize);
  if (body.size() > body_max) {
    segment.bytes.resize(start);
    return Error(Code::too_large, "body of " + std::to_string(body.size()) + " bytes");
  }
  std::size_t size = segment.bytes.size() - start + payload.size();
  if (size > frame_max) {
    segment.bytes.resize(start);
    return Code::busy;
  }
  header.version = version_;
  header.body_length = static_cast<std::uint32_t>(body.size());
  header.body_sum = body_sum(body);
  header.payload_length = static_cast<std::uint32_t>(payload.size());
  if (header.flags & kFlagPayloadSum) header.payload_sum = xxh3(payload);
  store_header(header, segment.bytes.data() + start);
  bytes_ += size;
  if (is_request(header)) {
    if (segment.first_request == 0) segment.first_request = header.request_id;
    segment.last_request = header.request_id;
  } else {
    segment.answer_bytes += size;
  }
  segment.payload = std::move(payload);
  return Status();
}

void Outbox::add(Priority priority, FrameHeader header) {
  ByteVector& bytes = open(priority);
  std::size_t start = bytes.size();
  bytes.resize(start + kFrameHeaderSize);
  Status sealed = seal(priority, start, header, 0, Buffer(), kFrameHeaderSize);
  CHECK(sealed.ok());
}

void Outbox::take(Batch& batch) {
  clear(batch);
  for (std::size_t i = 0; i < queues_.size(); ++i) take_from(static_cast<Priority>(i), batch);
  for (const Segment& segment : batch.segments_) {
    batch.pieces_.push_back(segment.bytes);
    if (!segment.payload.empty()) batch.pieces_.push_back(segment.payload);
  }
  bytes_ -= batch.bytes_;
}

void Outbox::take_from(Priority priority, Batch& batch) {
  auto& queue = queues_[static_cast<std::size_t>(priority)];
  std::size_t taken = 0;
  while (taken < queue.size()) {
    Segment& segment = queue[taken];
    bool full = batch.bytes_ >= kWriteBatch || 2 * batch.segments_.size() + 2 > kWritePiecesMax;
    if (full && taken > 0) break;
    ++taken;
    if (segment.bytes.empty()) continue;  // its only frame was too large
    batch.bytes_ += segment.bytes.size() + segment.payload.size();
    batch.answer_bytes_ += segment.answer_bytes;
    batch.segments_.push_back(std::move(segment));
  }
  queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(taken));
}

void Outbox::clear(Batch& batch) {
  for (Segment& segment : batch.segments_) {
    // Memory of unusual size is not kept.
    if (spare_.size() >= kSpareMax || segment.bytes.capacity() > 2 * kSegmentSize) continue;
    segment.bytes.clear();
    spare_.push_back(std::move(segment.bytes));
  }
  batch.segments_.clear();
  batch.pieces_.clear();
  batch.bytes_ = batch.answer_bytes_ = 0;
}

std::size_t Outbox::spare_memory() const {
  std::size_t sum = 0;
  for (const ByteVector& spare : spare_) sum += spare.capacity();
  return sum;
}

std::vector<std::uint64_t> Outbox::drop_requests() {
  std::vector<std::uint64_t> ids;
  for (auto& queue : queues_)
    for (Segment& segment : queue) {
      ByteVector kept;
      for (std::size_t at = 0; at < segment.bytes.size();) {
        FrameHeader header = header_at(segment.bytes, at);
        std::size_t size = kFrameHeaderSize + header.body_length;
        auto frame = segment.bytes.begin() + static_cast<std::ptrdiff_t>(at);
        at += size;
        if (!is_request(header)) {
          kept.insert(kept.end(), frame, frame + static_cast<std::ptrdiff_t>(size));
          continue;
        }
        ids.push_back(header.request_id);
        bytes_ -= size + header.payload_length;
        if (header.payload_length > 0) segment.payload = Buffer();
      }
      segment.bytes = std::move(kept);
      segment.first_request = segment.last_request = 0;
    }
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool Outbox::drop_request(Priority priority, std::uint64_t id) {
  auto& queue = queues_[static_cast<std::size_t>(priority)];
  auto holds = [id](const Segment& segment) { return segment.first_request <= id && id <= segment.last_request; };
  auto found = std::find_if(queue.begin(), queue.end(), holds);
  if (found == queue.end()) return false;
  erase_request(*found, id);
  // Nothing empty stays: it would be there until the peer reads again.
  if (found->bytes.empty()) queue.erase(found);
  return true;
}

// It is there: requests of one priority stand in the order of their ids.
void Outbox::erase_request(Segment& segment, std::uint64_t id) {
  for (std::size_t at = 0; at < segment.bytes.size();) {
    FrameHeader header = header_at(segment.bytes, at);
    std::size_t size = kFrameHeaderSize + header.body_length;
    if (!is_request(header) || header.request_id != id) {
      at += size;
      continue;
    }
    auto frame = segment.bytes.begin() + static_cast<std::ptrdiff_t>(at);
    segment.bytes.erase(frame, frame + static_cast<std::ptrdiff_t>(size));
    bytes_ -= size + header.payload_length;
    if (header.payload_length > 0) segment.payload = Buffer();
    return;
  }
  CHECK_MSG(false, "a request is not where it was put");
}

}  // namespace vortex::net
