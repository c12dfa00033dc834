#include "tools/remote/progress.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/limits.h"
#include "tools/cli/text_table.h"
#include "tools/remote/file_text.h"

namespace vortex::remote {

namespace {
constexpr Duration kDrawEvery = milliseconds(100);
// Smaller ones only count.
constexpr std::uint64_t kOwnLine = kMiB;
constexpr const char* kClearLine = "\r\x1b[K";
}  // namespace

Progress::Progress(Clock& clock, bool wanted)
    : clock_(clock), shown_(wanted && ::isatty(STDERR_FILENO) != 0), begun_(clock.now()) {}

Progress::~Progress() {
  if (shown_ && drawn_ != Instant()) std::cerr << kClearLine << line() << std::endl;
}

std::string Progress::line() const {
  const double seconds = std::max(to_seconds(clock_.now() - begun_), 1e-3);
  const double rate = static_cast<double>(moved_) / seconds;
  std::string text = human_size(moved_);
  if (expected_ > 0) {
    double share = std::min(1.0, static_cast<double>(moved_) / static_cast<double>(expected_));
    text += " of " + human_size(expected_) + "  " + human_share(share);
  }
  text += "  " + human_size(static_cast<std::uint64_t>(rate)) + "/s";
  if (expected_ > moved_ && rate > 0)
    text += "  " + human_age(static_cast<std::uint64_t>(static_cast<double>(expected_ - moved_) / rate)) + " left";
  if (files_ > 1) text += "  " + std::to_string(files_) + " files";
  if (copies_ > 0) text += "  " + std::to_string(copies_) + " copies";
  return text;
}

void Progress::draw() {
  if (!shown_ || clock_.now() - drawn_ < kDrawEvery) return;
  drawn_ = clock_.now();
  std::cerr << kClearLine << line() << std::flush;
}

void Progress::moved(std::uint64_t bytes) {
  moved_ += bytes;
  draw();
}

void Progress::file(const std::string& name, std::uint64_t bytes) {
  ++files_;
  if (shown_ && bytes >= kOwnLine) {
    drawn_ = Instant();
    std::cerr << kClearLine << printable(name) << "  " << human_size(bytes) << "\n";
  }
  draw();
}

Task<Result<node::Piece>> CountedSource::read(MutableBytes room) {
  auto piece = co_await source_.read(room);
  if (piece.ok() && progress_) progress_->moved(piece->bytes + piece->hole);
  co_return piece;
}

Task<Status> CountedSink::write(std::uint64_t offset, Buffer bytes) {
  if (progress_) progress_->moved(bytes.size());
  co_return co_await sink_.write(offset, std::move(bytes));
}

Task<Status> CountedSink::hole(std::uint64_t offset, std::uint64_t length) {
  if (progress_) progress_->moved(length);
  co_return co_await sink_.hole(offset, length);
}

}  // namespace vortex::remote
