#include "dht/partition/value_files.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/log.h"
#include "wal/failed_sync.h"

namespace vortex::dht {

namespace {

constexpr std::string_view kPrefix = "values-";
// A file moves when less of it than this is alive, one in a checkpoint.
constexpr double kMoveBelow = 0.5;

std::optional<std::uint32_t> number_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  std::uint32_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

Task<Result<std::shared_ptr<File>>> OpenFiles::open(std::string path, bool create) {
  auto at = std::find_if(files_.begin(), files_.end(), [&path](const Entry& entry) { return entry.path == path; });
  if (at != files_.end()) {
    files_.splice(files_.begin(), files_, at);
    co_return at->file;
  }
  OpenOptions options;
  options.create = create;
  auto opened = co_await env_.disk().open(path, options);
  if (!opened.ok()) co_return std::move(opened).error();
  std::shared_ptr<File> file = std::move(*opened);
  Entry entry;
  entry.path = std::move(path);
  entry.file = file;
  files_.push_front(std::move(entry));
  while (files_.size() > limit_) files_.pop_back();
  co_return file;
}

void OpenFiles::forget(const std::string& path) {
  std::erase_if(files_, [&path](const Entry& entry) { return entry.path == path; });
}

std::string ValueFiles::path(std::uint32_t number) const {
  return directory_ + "/" + std::string(kPrefix) + std::to_string(number);
}

Task<Status> ValueFiles::load() {
  CO_ASSIGN_OR_RETURN(auto entries, co_await env_.disk().list(directory_));
  for (const DirectoryEntry& entry : entries) {
    auto number = number_of(entry.name);
    if (!number || entry.directory) continue;
    auto file = std::make_shared<ValueFile>();
    file->number = *number;
    file->size = entry.size;
    files_.emplace(*number, std::move(file));
  }
  co_return Status();
}

Task<Result<std::shared_ptr<ValueFiles::ValueFile>>> ValueFiles::writable() {
  std::shared_ptr<ValueFile> last = files_.empty() ? nullptr : files_.rbegin()->second;
  if (!last || !last->writable || last->moving || last->size >= kValueFileSize) {
    const std::uint32_t number = last ? last->number + 1 : 1;
    last = std::make_shared<ValueFile>();
    last->number = number;
    names_dirty_ = true;
    files_.emplace(number, last);
  }
  std::shared_ptr<File>& handle = dirty_[last->number];
  if (!handle) {
    auto opened = co_await open_.open(path(last->number), true);
    if (!opened.ok()) {
      dirty_.erase(last->number);
      last->writable = false;
      co_return std::move(opened).error();
    }
    dirty_[last->number] = std::move(*opened);
  }
  co_return last;
}

Task<Result<std::vector<Whereabouts>>> ValueFiles::append(std::span<const ByteView> values) {
  CO_ASSIGN_OR_RETURN(std::shared_ptr<ValueFile> file, co_await writable());
  std::vector<Whereabouts> written;
  std::uint64_t at = file->size;
  for (ByteView value : values) {
    Whereabouts whereabouts;
    whereabouts.size = static_cast<std::uint32_t>(value.size());
    whereabouts.file = file->number;
    whereabouts.offset = at;
    whereabouts.sum = xxh3(value);
    written.push_back(whereabouts);
    at += value.size();
  }
  const std::uint64_t offset = file->size;
  file->size = at;
  Status done = co_await dirty_.at(file->number)->write_at(offset, values);
  if (!done.ok()) {
    file->writable = false;
    co_return done.error();
  }
  co_return written;
}

Task<Status> ValueFiles::sync() {
  while (!dirty_.empty()) {
    const std::uint32_t number = dirty_.begin()->first;
    std::shared_ptr<File> handle = dirty_.begin()->second;
    Status done = co_await handle->sync();
    CO_RETURN_IF_ERROR(wal::synced(env_, done, path(number)));
    dirty_.erase(number);
  }
  if (names_dirty_) {
    Status done = co_await env_.disk().sync_directory(directory_);
    CO_RETURN_IF_ERROR(wal::synced(env_, done, directory_));
    names_dirty_ = false;
  }
  co_return Status();
}

Task<Result<ByteVector>> ValueFiles::read(Whereabouts whereabouts) {
  if (!knows(whereabouts)) co_return Code::not_found;
  CO_ASSIGN_OR_RETURN(auto file, co_await open_.open(path(whereabouts.file), false));
  ByteVector value(whereabouts.size);
  CO_ASSIGN_OR_RETURN(std::size_t size, co_await file->read_at(whereabouts.offset, value));
  if (size != value.size() || xxh3(value) != whereabouts.sum) {
    // A bit may have flipped on the way only.
    CO_ASSIGN_OR_RETURN(size, co_await file->read_at(whereabouts.offset, value));
    if (size != value.size() || xxh3(value) != whereabouts.sum)
      co_return Error(Code::damaged, path(whereabouts.file) + " at " + std::to_string(whereabouts.offset));
  }
  co_return value;
}

ValueFiles::Held ValueFiles::hold() const {
  Held held;
  for (const auto& [number, file] : files_) held.push_back(file);
  return held;
}

bool ValueFiles::knows(const Whereabouts& whereabouts) const {
  auto at = files_.find(whereabouts.file);
  return at != files_.end() && whereabouts.size <= at->second->size &&
         whereabouts.offset <= at->second->size - whereabouts.size;
}

bool ValueFiles::moving(const Whereabouts& whereabouts) const {
  auto at = files_.find(whereabouts.file);
  return at != files_.end() && at->second->moving;
}

void ValueFiles::count(const std::map<std::uint32_t, std::uint64_t>& live) {
  ValueFile* worst = nullptr;
  bool one_moves = false;
  for (auto& [number, file] : files_) {
    auto at = live.find(number);
    file->live = at == live.end() ? 0 : at->second;
    file->counted = true;
    one_moves |= file->moving && file->live > 0;
    const double share = file->size == 0 ? 1 : static_cast<double>(file->live) / static_cast<double>(file->size);
    if (file->live == 0 || share >= kMoveBelow || file->size < 1 * kMiB) continue;
    if (!worst || file->live < worst->live) worst = file.get();
  }
  if (worst && !one_moves) worst->moving = true;
}

Task<void> ValueFiles::remove_dead() {
  std::vector<std::uint32_t> dead;
  for (const auto& [number, file] : files_)
    if (file->counted && file->live == 0 && file.use_count() == 1 && !dirty_.contains(number)) dead.push_back(number);
  // Numbers are never used again: the last one stays.
  if (!dead.empty() && dead.back() == files_.rbegin()->first) dead.pop_back();
  for (std::uint32_t number : dead) {
    files_.erase(number);
    open_.forget(path(number));
  }
  for (std::uint32_t number : dead) {
    Status removed = co_await env_.disk().remove(path(number));
    if (removed.is(Code::cancelled)) co_return;
    if (!removed.ok() && !removed.is(Code::not_found))
      env_.log().warn("partition", "a file of values could not be removed", Field("file", path(number)),
                      Field("why", removed.error().to_string()));
  }
}

std::uint64_t ValueFiles::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [number, file] : files_) sum += file->size;
  return sum;
}

}  // namespace vortex::dht
