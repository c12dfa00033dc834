#include "node/fetch/fetcher.h"

#include <algorithm>
#include <deque>
#include <memory>

#include "base/one_shot.h"
#include "base/task_group.h"
#include "node/kill_points.h"

namespace vortex::node {

namespace {

constexpr std::size_t kExtentsAtOnce = 64;
constexpr std::size_t kSlotsMax = 1024;

std::uint64_t end_of_range(std::uint64_t size, const FetchOptions& options) {
  if (options.offset >= size) return options.offset;
  return options.offset + std::min(options.length, size - options.offset);
}

}  // namespace

// A piece of the file on its way, in its place in the order.
struct Fetcher::Slot {
  explicit Slot(Loop& loop) : filled(loop) {}
  chunker::PlacedExtent placed;
  std::uint64_t from = 0, count = 0;  // of the extent
  OneShot<Buffer> filled;
};

Task<void> Fetcher::fill(ChunkReader& reader, Slot& slot) {
  auto bytes = co_await reader.read(slot.placed.extent, slot.placed.offset, slot.from, slot.count);
  kill_point(env_, kill_points::kClientRead);
  slot.filled.set(std::move(bytes));
}

Task<Status> Fetcher::fetch(OpenedFile file, ByteSink& sink, FetchOptions options) {
  if (file.inode.type == FileType::directory) co_return Code::is_directory;
  const std::uint64_t end = end_of_range(file.inode.size, options);
  std::uint64_t asked = options.offset;
  if (asked >= end) co_return Status();
  if (!file.inode.manifest) {
    if (!file.content) co_return Error(Code::internal, "a small file without its content");
    if (end > file.content->size()) co_return Error(Code::damaged, "a small file whose content is shorter");
    Buffer range = Buffer::copy_of(ByteView(*file.content).subspan(asked, end - asked));
    co_return co_await sink.write(asked, std::move(range));
  }
  ChunkReader reader(env_, files_, holders_, options.read);
  chunker::ManifestReader manifest(reader, std::move(*file.inode.manifest));
  std::deque<std::unique_ptr<Slot>> slots;
  std::deque<chunker::PlacedExtent> extents;
  std::size_t in_flight = 0;
  std::uint64_t found_to = asked;
  Status status;
  TaskGroup group(env_.loop());
  while (status.ok() && (asked < end || !slots.empty())) {
    if (extents.empty() && found_to < end) {
      auto found = co_await manifest.find(found_to, end - found_to, kExtentsAtOnce);
      if (!found.ok()) status = found.error();
      if (!status.ok()) break;
      extents.assign(found->extents.begin(), found->extents.end());
      found_to = found->covered_to;
    }
    bool room = slots.empty() || (in_flight < options.window_bytes && slots.size() < kSlotsMax);
    if (!extents.empty() && room) {
      auto slot = std::make_unique<Slot>(env_.loop());
      slot->placed = extents.front();
      extents.pop_front();
      const std::uint64_t extent_end = slot->placed.offset + slot->placed.extent.length;
      slot->from = asked - slot->placed.offset;
      slot->count = std::min(end, extent_end) - asked;
      asked += slot->count;
      if (slot->placed.extent.is_hole()) {
        slot->filled.set(Buffer());
      } else {
        in_flight += slot->count;
        group.spawn(fill(reader, *slot));
      }
      slots.push_back(std::move(slot));
      continue;
    }
    if (slots.empty()) {
      status = Error(Code::damaged, "a manifest that ends before its file");
      break;
    }
    Slot& front = *slots.front();
    auto bytes = co_await front.filled.wait();
    std::uint64_t at = front.placed.offset + front.from;
    if (!bytes.ok()) {
      status = bytes.error();
    } else if (front.placed.extent.is_hole()) {
      status = co_await sink.hole(at, front.count);
    } else {
      in_flight -= front.count;
      status = co_await sink.write(at, std::move(*bytes));
    }
    if (status.ok()) slots.pop_front();
  }
  co_await group.stop();
  stats_ = reader.stats();
  co_return status;
}

Task<Result<Inode>> Fetcher::fetch(std::string path, ByteSink& sink, FetchOptions options) {
  CO_ASSIGN_OR_RETURN(OpenedFile file, co_await files_.open(std::move(path), options.record_timeout));
  kill_point(env_, kill_points::kClientOpened);
  Inode inode = file.inode;
  CO_RETURN_IF_ERROR(co_await fetch(std::move(file), sink, std::move(options)));
  co_return inode;
}

}  // namespace vortex::node
