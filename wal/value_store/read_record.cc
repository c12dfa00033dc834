// Reading records back, and never believing them.
#include "base/hash.h"
#include "wal/value_store/core.h"

namespace vortex::wal::values {

namespace {
// A range of a longer record is read alone; below it, one read of everything is as quick.
constexpr std::uint32_t kWholeBytes = 128 * kKiB;
// From here on checksums are computed on the pool.
constexpr std::size_t kPoolBytes = 512 * kKiB;

Error damage(const char* what) { return Error(Code::damaged, what); }

Task<bool> sound(StoreCore& core, ByteView prefix, ByteView value) {
  if (value.size() < kPoolBytes) co_return value_sound(prefix, value);
  auto work = [prefix, value] { return value_sound(prefix, value); };
  co_return co_await core.env.pool().run(work);
}

std::optional<RecordHeader> decode_value_of(const Segment& segment, const Id& id, ByteView prefix) {
  std::optional<RecordHeader> header = decode_record(prefix, segment.seal);
  if (!header || header->kind != RecordKind::value || header->id != id) return std::nullopt;
  return header;
}

Status cut(std::uint64_t& offset, std::uint64_t& length, std::uint32_t size) {
  if (offset > size) return Error(Code::invalid_argument, "range begins behind the value's end");
  length = std::min<std::uint64_t>(length, size - offset);
  return Status();
}

Task<Result<StoredValue>> read_whole(StoreCore& core, std::shared_ptr<Segment> segment, std::shared_ptr<File> file,
                                     Id id, Location location, std::uint64_t offset, std::uint64_t length) {
  std::uint64_t most = std::min(value_record_bytes(location.length_hint()), segment->end - location.offset());
  Buffer buffer = Buffer::allocate(static_cast<std::size_t>(most));
  CO_ASSIGN_OR_RETURN(std::size_t got, co_await file->read_at(location.offset(), buffer.writable()));
  ByteView view = buffer.view().first(got);
  std::optional<RecordHeader> header = decode_value_of(*segment, id, view);
  if (!header) co_return damage("header damaged");
  if (header->prefix_bytes() + header->length > got) co_return damage("record cut short");
  ByteView value = view.subspan(header->prefix_bytes(), header->length);
  bool good = co_await sound(core, view, value);
  if (!good) co_return damage("bytes damaged");
  CO_RETURN_IF_ERROR(cut(offset, length, header->length));
  StoredValue result;
  result.header = *header;
  result.bytes =
      buffer.slice(header->prefix_bytes() + static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
  co_return std::move(result);
}

Task<Result<StoredValue>> read_range(std::shared_ptr<Segment> segment, std::shared_ptr<File> file, Id id,
                                     Location location, std::uint64_t offset, std::uint64_t length) {
  ByteVector prefix(value_prefix_bytes(location.length_hint()));
  CO_ASSIGN_OR_RETURN(std::size_t got, co_await file->read_at(location.offset(), MutableBytes(prefix)));
  std::optional<RecordHeader> header = decode_value_of(*segment, id, ByteView(prefix).first(got));
  if (!header) co_return damage("header damaged");
  CO_RETURN_IF_ERROR(cut(offset, length, header->length));
  const std::uint64_t first = offset / kChunkCheckBlock * kChunkCheckBlock;
  std::uint64_t last = (offset + length + kChunkCheckBlock - 1) / kChunkCheckBlock * kChunkCheckBlock;
  last = std::min<std::uint64_t>(last, header->length);
  Buffer buffer = Buffer::allocate(static_cast<std::size_t>(last - first));
  if (!buffer.empty()) {
    std::uint64_t at = location.offset() + header->prefix_bytes() + first;
    CO_ASSIGN_OR_RETURN(got, co_await file->read_at(at, buffer.writable()));
    if (got < buffer.size()) co_return damage("record cut short");
  }
  ByteView rest = buffer.view();
  for (auto block = static_cast<std::uint32_t>(first / kChunkCheckBlock); !rest.empty(); ++block) {
    std::size_t size = std::min(rest.size(), kChunkCheckBlock);
    if (!block_sound(prefix, block, rest.first(size))) co_return damage("bytes damaged");
    rest = rest.subspan(size);
  }
  StoredValue result;
  result.header = *header;
  result.bytes = buffer.slice(static_cast<std::size_t>(offset - first), static_cast<std::size_t>(length));
  co_return std::move(result);
}
}  // namespace

std::optional<StoredValue> read_cached_value(StoreCore& core, Segment& segment, const Id& id, Location location,
                                             std::uint64_t offset, std::uint64_t length) {
  if (location.length_hint() > kWholeBytes) return std::nullopt;
  std::shared_ptr<File> file = core.files.opened(segment);
  if (!file) return std::nullopt;
  const std::uint64_t most = std::min(value_record_bytes(location.length_hint()), segment.end - location.offset());
  Buffer buffer = Buffer::allocate(static_cast<std::size_t>(most));
  auto got = file->read_cached(location.offset(), buffer.writable());
  if (!got.ok()) return std::nullopt;
  ByteView view = buffer.view().first(*got);
  std::optional<RecordHeader> header = decode_value_of(segment, id, view);
  if (!header || header->prefix_bytes() + header->length > *got) return std::nullopt;
  if (!value_sound(view, view.subspan(header->prefix_bytes(), header->length))) return std::nullopt;
  if (!cut(offset, length, header->length).ok()) return std::nullopt;
  StoredValue result;
  result.header = *header;
  result.bytes =
      buffer.slice(header->prefix_bytes() + static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
  return result;
}

Task<Result<StoredValue>> read_value(StoreCore& core, std::shared_ptr<Segment> segment, Id id, Location location,
                                     std::uint64_t offset, std::uint64_t length) {
  std::shared_ptr<File> file = core.files.opened(*segment);
  if (!file) {
    CO_ASSIGN_OR_RETURN(file, co_await core.files.open(segment));
  }
  const std::uint32_t hint = location.length_hint();
  if (hint <= kWholeBytes || (offset == 0 && length >= hint))
    co_return co_await read_whole(core, std::move(segment), std::move(file), id, location, offset, length);
  co_return co_await read_range(std::move(segment), std::move(file), id, location, offset, length);
}

Task<Result<RecordHeader>> read_header(StoreCore& core, std::shared_ptr<Segment> segment, Id id, Location location) {
  CO_ASSIGN_OR_RETURN(std::shared_ptr<File> file, co_await core.files.open(segment));
  ByteVector prefix(value_prefix_bytes(location.length_hint()));
  // A read may go wrong once without the disk being wrong.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto got = co_await file->read_at(location.offset(), MutableBytes(prefix));
    if (got.is(Code::io_error) && attempt == 0) continue;
    if (!got.ok()) co_return std::move(got).error();
    std::optional<RecordHeader> header = decode_value_of(*segment, id, ByteView(prefix).first(*got));
    if (header) co_return *header;
  }
  co_return damage("header damaged");
}

}  // namespace vortex::wal::values
