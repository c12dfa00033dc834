#include "wal/value_store/inspect.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <unordered_map>

#include "wal/value_store/checkpoint.h"
#include "wal/value_store/copy_number.h"
#include "wal/value_store/scanner.h"

namespace vortex::wal::values {

namespace {
class Inspector final : private CheckpointVisitor {
 public:
  Inspector(Env& env, std::string directory, InspectOptions options) : env_(env), options_(options) {
    result_.directory = std::move(directory);
  }

  Task<Result<StoreInspection>> run() {
    auto listing = co_await env_.disk().list(result_.directory);
    if (!listing.ok()) co_return std::move(listing).error();
    auto bytes = co_await read_file(env_.disk(), path("STORE"), 2 * kStoreFileBytes);
    if (bytes.is(Code::not_found))
      co_return Error(Code::not_found, result_.directory + " is not a value store: it has no file STORE");
    if (!bytes.ok()) co_return std::move(bytes).error();
    auto file = decode_store_file(*bytes);
    if (!file.ok()) co_return std::move(file).error();
    store_ = file->store;
    result_.store = to_hex(file->store);
    result_.epoch = file->epoch;
    result_.version = file->version;
    if (file->slot_damaged) finding(0, 0, kStoreFileBytes, std::nullopt, "an epoch slot of STORE is damaged");
    for (const DirectoryEntry& entry : *listing) {
      if (auto number = parse_segment_name(entry.name)) CO_RETURN_IF_ERROR(co_await read_segment(*number, entry.size));
      if (auto number = parse_index_name(entry.name)) result_.index_number = std::max(result_.index_number, *number);
    }
    if (result_.index_number != 0) CO_RETURN_IF_ERROR(co_await read_index());
    auto quarantined = co_await env_.disk().list(path("quarantine"));
    if (quarantined.ok()) result_.quarantined_files = quarantined->size();
    gather();
    co_return std::move(result_);
  }

 private:
  struct State {
    std::uint64_t erased_to = 0;
    std::vector<ValueInspection> values;
    std::vector<ValueInspection> touches;  // the number, and the place of the value
  };

  std::string path(const std::string& name) const { return result_.directory + "/" + name; }
  void finding(std::uint32_t segment, std::uint64_t offset, std::uint64_t length, std::optional<Id> id,
               std::string what) {
    Damage& damage = result_.findings.emplace_back();
    damage.segment = segment;
    damage.offset = offset;
    damage.length = length;
    damage.id = id;
    damage.what = std::move(what);
  }

  Task<Status> read_segment(std::uint32_t number, std::uint64_t size) {
    OpenOptions read_only;
    read_only.read_only = true;
    CO_ASSIGN_OR_RETURN(auto file, co_await env_.disk().open(path(segment_name(number)), read_only));
    SegmentInspection segment;
    segment.number = number;
    segment.bytes = size;
    ByteVector head(kSegmentHeaderBytes);
    CO_ASSIGN_OR_RETURN(std::size_t got, co_await file->read_at(0, MutableBytes(head)));
    auto header = decode_segment_header(ByteView(head).first(got));
    if (header.ok()) {
      segment.epoch = header->epoch;
    } else if (size > 0) {
      finding(number, 0, std::min<std::uint64_t>(size, kSegmentHeaderBytes), std::nullopt, "segment header damaged");
    }
    SegmentScanner scanner(*file, segment_seal(store_, number), kSegmentHeaderBytes, size);
    ScanItem item;
    for (;;) {
      CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
      if (!more) break;
      if (!item.record) {
        finding(number, item.offset, item.length, std::nullopt, "no readable record");
        continue;
      }
      if (item.repaired) finding(number, item.offset, item.length, item.record->id, "header damaged");
      bool sound = !item.cut;
      if (sound && options_.verify && item.record->kind == RecordKind::value) {
        CO_ASSIGN_OR_RETURN(ByteView bytes, co_await scanner.bytes(item));
        std::size_t prefix = item.record->prefix_bytes();
        // The file may have been cut meanwhile.
        sound = bytes.size() >= prefix + item.record->length &&
                value_sound(bytes, bytes.subspan(prefix, item.record->length));
      }
      if (!sound) finding(number, item.offset, item.length, item.record->id, "bytes damaged");
      take(segment, item);
    }
    result_.segments.push_back(segment);
    co_return Status();
  }

  void take(SegmentInspection& segment, const ScanItem& item) {
    const RecordHeader& header = *item.record;
    State& state = states_[header.id];
    switch (header.kind) {
      case RecordKind::value:
        ++segment.values;
        segment.value_bytes += header.length;
        state.values.push_back(described(header, segment.number, item.offset));
        break;
      case RecordKind::touch:
        ++segment.touches;
        state.touches.push_back(
            described(header, header.old_segment, std::uint64_t(header.old_offset) * kRecordAlignment));
        break;
      case RecordKind::tombstone:
      case RecordKind::quarantine:
        ++(header.kind == RecordKind::tombstone ? segment.tombstones : segment.quarantines);
        state.erased_to = std::max(state.erased_to, header.number);
        break;
    }
  }

  static ValueInspection described(const RecordHeader& header, std::uint32_t segment, std::uint64_t offset) {
    ValueInspection value;
    value.id = header.id;
    value.number = header.number;
    value.length = header.length;
    value.form = header.form;
    value.segment = segment;
    value.offset = offset;
    return value;
  }

  void gather() {
    std::map<std::uint32_t, SegmentInspection*> by_number;
    for (SegmentInspection& segment : result_.segments) by_number[segment.number] = &segment;
    for (auto& [id, state] : states_) {
      const ValueInspection* best = nullptr;
      for (ValueInspection& value : state.values) {
        for (const ValueInspection& touch : state.touches)
          if (touch.segment == value.segment && touch.offset == value.offset)
            value.number = std::max(value.number, touch.number);
        if (value.number > state.erased_to && (!best || value.number >= best->number)) best = &value;
      }
      if (!best) continue;
      SegmentInspection& segment = *by_number[best->segment];
      ++segment.live_values;
      segment.live_bytes += value_record_bytes(best->length);
      result_.values.push_back(*best);
    }
    std::sort(result_.values.begin(), result_.values.end(), [](auto& a, auto& b) { return a.id < b.id; });
  }

  Task<Status> read_index() {
    OpenOptions read_only;
    read_only.read_only = true;
    auto opening = co_await env_.disk().open(path(index_name(result_.index_number)), read_only);
    if (!opening.ok()) co_return std::move(opening).error();
    Status status = co_await read_checkpoint(**opening, *this);
    if (status.is(Code::damaged))
      finding(0, 0, 0, std::nullopt, index_name(result_.index_number) + ": " + std::string(status.error().message()));
    if (!status.ok() && !status.is(Code::damaged)) co_return status;
    co_return Status();
  }
  Status head(const CheckpointHead&) override { return Status(); }
  Status segment(const CheckpointSegment&) override { return Status(); }
  Status entries(std::span<const ValueIndex::Entry> entries) override {
    result_.index_entries += entries.size();
    return Status();
  }
  Status touch(const CheckpointTouch&) override { return Status(); }

  Env& env_;
  InspectOptions options_;
  StoreId store_{};
  StoreInspection result_;
  std::unordered_map<Id, State> states_;
};

[[gnu::format(printf, 2, 3)]] void add_line(std::string& text, const char* format, ...) {
  char line[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(line, sizeof line, format, values);
  va_end(values);
  text += line;
  text += '\n';
}
unsigned long long wide(std::uint64_t value) { return value; }
}  // namespace

Task<Result<StoreInspection>> inspect(Env& env, std::string directory, InspectOptions options) {
  Inspector inspector(env, std::move(directory), options);
  co_return co_await inspector.run();
}

std::string to_text(const StoreInspection& it) {
  std::string text;
  add_line(text, "value store %s, version %u, epoch %llu", it.store.c_str(), it.version, wide(it.epoch));
  add_line(text, "%10s %8s %12s %9s %9s %9s %7s %12s", "segment", "epoch", "bytes", "values", "touches", "erasures",
           "live", "live bytes");
  std::uint64_t bytes = 0, live = 0;
  for (const SegmentInspection& segment : it.segments) {
    add_line(text, "%10u %8llu %12llu %9llu %9llu %9llu %7llu %12llu", segment.number, wide(segment.epoch),
             wide(segment.bytes), wide(segment.values), wide(segment.touches),
             wide(segment.tombstones + segment.quarantines), wide(segment.live_values), wide(segment.live_bytes));
    bytes += segment.bytes;
    live += segment.live_bytes;
  }
  add_line(text, "%zu values, %llu bytes live of %llu in %zu segments", it.values.size(), wide(live), wide(bytes),
           it.segments.size());
  if (it.index_number != 0)
    add_line(text, "index %u with %llu entries", it.index_number, wide(it.index_entries));
  else
    add_line(text, "no index: opening reads all segments");
  if (it.quarantined_files != 0) add_line(text, "%llu copies in quarantine", wide(it.quarantined_files));
  for (const Damage& damage : it.findings) {
    std::string id = damage.id ? damage.id->hex() : std::string("-");
    add_line(text, "finding: segment %u, offset %llu, %llu bytes, value %s: %s", damage.segment, wide(damage.offset),
             wide(damage.length), id.c_str(), damage.what.c_str());
  }
  if (it.findings.empty()) add_line(text, "no damage found");
  return text;
}

}  // namespace vortex::wal::values
