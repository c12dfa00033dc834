#include "wal/segments.h"

#include <charconv>
#include <cstdio>

#include "base/log.h"

namespace vortex::wal {

namespace {
constexpr std::string_view kSuffix = ".wal";

Task<bool> task_cancelled() {
  auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}
}  // namespace

std::string slot_name(std::uint64_t number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%06llu", static_cast<unsigned long long>(number));
  return std::string(digits).append(kSuffix);
}

std::optional<std::uint64_t> slot_number(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || name.size() < 6) return std::nullopt;
  return number;
}

Segments::Segments(Env& env, std::string directory, const Options& options)
    : env_(env), directory_(std::move(directory)), options_(options), demand_(env.loop()) {}

void Segments::adopt_live(SegmentId id, Slot slot) {
  CHECK(live_.empty() || live_.back().id + 1 == id);
  Live live;
  live.id = id;
  live.slot = std::move(slot);
  live_.push_back(std::move(live));
}

void Segments::adopt_spare(Slot slot) {
  auto& list = slot.bytes == options_.segment_bytes ? spares_ : condemned_;
  list.push_back(std::move(slot));
}

Segments::Live& Segments::at(SegmentId id) {
  CHECK(id >= oldest() && id <= current());
  return live_[id - oldest()];
}

Slot& Segments::slot(SegmentId id) {
  if (id <= current()) return at(id).slot;
  CHECK(id == current() + 1 && has_spare());
  return spares_.front();
}

void Segments::open_next() {
  SegmentId id = current() + 1;
  Slot slot = std::move(spares_.front());
  spares_.pop_front();
  adopt_live(id, std::move(slot));
  want_spare();
}

Task<Status> Segments::note_newest(SegmentId segment) {
  if (note_ == nullptr) co_return Status();
  Status noted = co_await note_->set(segment);
  // It costs no more than that the loss of this very segment might go unnoticed.
  if (noted.is(Code::no_space)) co_return Status();
  co_return noted;
}

void Segments::release(SegmentId segment) {
  Live& live = at(segment);
  CHECK(live.owners > 0);
  --live.owners;
}

bool Segments::retire(std::uint64_t noted_by) {
  bool any = false;
  while (live_.size() > 1 && live_.front().owners == 0) {
    Retired retired;
    retired.slot = std::move(live_.front().slot);
    retired.noted_by = noted_by;
    retired_.push_back(std::move(retired));
    live_.pop_front();
    any = true;
  }
  return any;
}

void Segments::group_durable(std::uint64_t number) {
  durable_ = number;
  move_noted();
}

void Segments::unpin() {
  CHECK(pins_ > 0);
  --pins_;
  move_noted();
}

void Segments::move_noted() {
  if (pins_ > 0) return;
  bool any = false;
  while (!retired_.empty() && retired_.front().noted_by <= durable_) {
    // Of a segment that was missing there is no file.
    if (retired_.front().slot.file != nullptr) adopt_spare(std::move(retired_.front().slot));
    retired_.pop_front();
    any = true;
  }
  if (!any) return;
  failure_.reset();
  demand_.wake();
  if (changed_) changed_();
}

void Segments::want_spare() {
  asked_ = true;
  demand_.wake();
}

Task<void> Segments::keep_spares(std::function<void()> changed) {
  changed_ = std::move(changed);
  while (true) {
    if (co_await task_cancelled()) co_return;
    if (!condemned_.empty() || spares_.size() > options_.spares_max) {
      co_await remove_one();
    } else if (asked_ && wants_spare()) {
      asked_ = false;
      preparing_ = true;
      auto slot = co_await prepare();
      preparing_ = false;
      failure_.reset();
      if (slot.ok()) {
        spares_.push_back(std::move(slot).value());
        asked_ = true;
      } else {
        failure_ = slot.error();
      }
      changed_();
    } else {
      bool woken = co_await demand_.park();
      if (!woken) co_return;
    }
  }
}

Task<void> Segments::remove_one() {
  auto& list = condemned_.empty() ? spares_ : condemned_;
  std::string path = directory_ + "/" + list.back().name;
  list.pop_back();
  auto removed = co_await env_.disk().remove(path);
  if (!removed.ok() && !removed.is(Code::cancelled))
    env_.log().warn("wal", "a spare segment could not be removed", Field("path", path),
                    Field("error", removed.error()));
}

Task<Result<Slot>> Segments::prepare() {
  Slot slot;
  slot.name = slot_name(next_slot_++);
  slot.bytes = options_.segment_bytes;
  std::string path = directory_ + "/" + slot.name;
  std::string unfinished = path + std::string(kUnfinishedSuffix);
  auto made = co_await fill(unfinished, slot);
  if (made.ok()) made = co_await env_.disk().rename(unfinished, path);
  if (made.ok()) made = co_await env_.disk().sync_directory(directory_);
  if (made.ok()) co_return slot;
  slot.file.reset();
  // Under which of its names it is left; what remains all the same the next start removes or uses.
  auto removed = co_await env_.disk().remove(unfinished);
  if (!removed.ok()) removed = co_await env_.disk().remove(path);
  static_cast<void>(removed);
  Error error = std::move(made).error();
  co_return std::move(error).in("wal: preparing a segment");
}

Task<Status> Segments::fill(std::string path, Slot& slot) {
  OpenOptions how;
  how.create = true;
  how.truncate = true;
  how.direct = options_.direct;
  CO_ASSIGN_OR_RETURN(slot.file, co_await env_.disk().open(path, how));
  CO_RETURN_IF_ERROR(co_await slot.file->allocate(0, options_.segment_bytes));
  Buffer zeros = Buffer::allocate(std::min(kPrepareStep, options_.segment_bytes));
  std::memset(zeros.writable().data(), 0, zeros.size());
  for (std::size_t at = 0; at < options_.segment_bytes; at += zeros.size()) {
    if (co_await task_cancelled()) co_return Code::cancelled;
    ByteView piece = zeros.view().first(std::min(zeros.size(), options_.segment_bytes - at));
    std::span<const ByteView> pieces(&piece, 1);
    CO_RETURN_IF_ERROR(co_await slot.file->write_at(at, pieces));
  }
  co_return co_await slot.file->sync();
}

}  // namespace vortex::wal
