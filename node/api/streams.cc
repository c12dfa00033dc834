#include "node/api/streams.h"

#include <algorithm>

#include "base/limits.h"

namespace vortex::node {

namespace {
constexpr std::size_t kAheadMax = 16 * kMiB;
constexpr std::size_t kStretchesMax = 1024;
constexpr std::size_t kBehindMax = 16 * kMiB;
}  // namespace

Task<Status> ReadAhead::write(std::uint64_t, Buffer bytes) {
  Stretch stretch;
  stretch.bytes = std::move(bytes);
  co_return co_await push(std::move(stretch));
}

Task<Status> ReadAhead::hole(std::uint64_t, std::uint64_t length) {
  Stretch stretch;
  stretch.hole = length;
  co_return co_await push(std::move(stretch));
}

Task<Status> ReadAhead::push(Stretch stretch) {
  while ((bytes_ >= kAheadMax || ready_.size() >= kStretchesMax) && !abandoned_) {
    bool woken = co_await changed_.wait();
    if (!woken) co_return Code::cancelled;
  }
  if (abandoned_) co_return Code::cancelled;
  bytes_ += stretch.bytes.size();
  ready_.push_back(std::move(stretch));
  changed_.notify_all();
  co_return Status();
}

void ReadAhead::end(Status status) {
  ended_ = std::move(status);
  changed_.notify_all();
}

void ReadAhead::abandon() {
  abandoned_ = true;
  changed_.notify_all();
}

Task<Result<std::vector<Stretch>>> ReadAhead::take() {
  while (ready_.empty() && !ended_) {
    bool woken = co_await changed_.wait();
    if (!woken) co_return Code::cancelled;
  }
  if (ready_.empty() && !ended_->ok()) co_return ended_->error();
  bytes_ = 0;
  std::vector<Stretch> taken;
  taken.swap(ready_);
  changed_.notify_all();
  co_return taken;
}

Task<Result<Piece>> WriteBehind::read(MutableBytes room) {
  while (queue_.empty() && !ended_ && !abandoned_) {
    bool woken = co_await changed_.wait();
    if (!woken) co_return Code::cancelled;
  }
  if (abandoned_) co_return Error(Code::cancelled, "the writer went away");
  Piece piece;
  while (!queue_.empty() && piece.bytes < room.size()) {
    const ByteVector& first = queue_.front();
    std::size_t part = std::min(room.size() - piece.bytes, first.size() - at_);
    std::copy_n(first.data() + at_, part, room.data() + piece.bytes);
    piece.bytes += part;
    at_ += part;
    bytes_ -= part;
    if (at_ < first.size()) break;
    queue_.pop_front();
    at_ = 0;
  }
  changed_.notify_all();
  co_return piece;
}

Task<Status> WriteBehind::push(ByteVector bytes) {
  bytes_ += bytes.size();
  if (!bytes.empty()) queue_.push_back(std::move(bytes));
  changed_.notify_all();
  while (bytes_ > kBehindMax && !outcome_) {
    bool woken = co_await changed_.wait();
    if (!woken) co_return Code::cancelled;
  }
  // It cannot have ended well: not all bytes had come.
  if (outcome_ && !outcome_->ok()) co_return outcome_->error();
  co_return Status();
}

Task<Result<Inode>> WriteBehind::finish() {
  ended_ = true;
  changed_.notify_all();
  while (!outcome_) {
    bool woken = co_await changed_.wait();
    if (!woken) co_return Code::cancelled;
  }
  co_return *outcome_;
}

void WriteBehind::abandon() {
  abandoned_ = true;
  changed_.notify_all();
}

void WriteBehind::settle(Result<Inode> outcome) {
  outcome_.emplace(std::move(outcome));
  changed_.notify_all();
}

}  // namespace vortex::node
