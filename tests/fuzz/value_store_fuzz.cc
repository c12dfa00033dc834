// Any bytes as the files of a value store: opening comes to an end, what is read is what its checksums say, and the
// store then takes values, erases, reclaims and opens again.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/endian.h"
#include "base/hash.h"
#include "tests/sim/world.h"
#include "wal/value_store/checkpoint.h"
#include "wal/value_store/inspect.h"
#include "wal/value_store/store.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {

constexpr StoreId kStore = {1, 2, 3};

// The input, bit by bit; zeros when it is used up.
class Input {
 public:
  explicit Input(ByteView bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    for (int i = byte() % 5; i > 0; --i) value = value << 8 | byte();
    return value;
  }
  ByteView some() {
    std::size_t size = std::min<std::size_t>(rest_.size(), byte());
    size = std::min(size, rest_.size());
    ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

 private:
  ByteView rest_;
};

Id id_of(std::uint8_t n) {
  Id id;
  id.bytes[0] = n;
  id.bytes[9] = static_cast<std::uint8_t>(n * 7);
  return id;
}

// Records whose checksums are right, with anything in their fields, and now and then something else.
ByteVector segment_from(Input& in, std::uint32_t number) {
  SegmentHeader head;
  head.number = number;
  head.store = kStore;
  head.epoch = in.byte();
  ByteVector bytes = encode_segment_header(head);
  if (in.byte() % 16 == 0) bytes[in.byte() % bytes.size()] ^= 1;
  for (int i = in.byte() % 24; i > 0 && !in.empty(); --i) {
    RecordHeader record;
    record.kind = static_cast<RecordKind>(1 + in.byte() % 4);
    record.id = id_of(in.byte() % 8);
    record.number = std::uint64_t(in.byte() % 4) << CopyNumber::kSequenceBits | in.number();
    record.durable_to = in.number();
    record.old_segment = in.byte() % 8;
    record.old_offset = in.number() % 64;
    record.length = in.byte() % 8;
    ByteView value = record.kind == RecordKind::value ? in.some() : ByteView();
    if (record.kind == RecordKind::value) record.length = static_cast<std::uint32_t>(value.size());
    std::size_t at = bytes.size();
    bytes.resize(at + record.record_bytes());
    std::vector<std::uint64_t> sums = value_sums(value);
    encode_record(record, sums, segment_seal(kStore, number), MutableBytes(bytes).subspan(at, record.prefix_bytes()));
    std::copy(value.begin(), value.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at + record.prefix_bytes()));
    std::uint8_t harm = in.byte();
    if (harm % 8 == 1) bytes[at + in.number() % (bytes.size() - at)] ^= static_cast<std::uint8_t>(1 << in.byte() % 8);
    if (harm % 8 == 2) {
      ByteView garbage = in.some();
      bytes.insert(bytes.end(), garbage.begin(), garbage.end());
      bytes.resize(align_record(bytes.size()));
    }
  }
  return bytes;
}

void add_block(ByteVector& out, std::uint32_t kind, std::uint32_t count, ByteView payload, std::uint32_t index) {
  ByteVector header(kBlockHeaderBytes);
  std::memcpy(header.data() + 8, "VXBI", 4);
  store_le(header.data() + 12, kind);
  store_le(header.data() + 16, count);
  store_le(header.data() + 20, static_cast<std::uint32_t>(payload.size()));
  store_le(header.data() + 24, index);
  store_le(header.data(), xxh3(payload, xxh3(ByteView(header).subspan(8))));
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), payload.begin(), payload.end());
}

ByteVector index_from(Input& in) {
  ByteVector out;
  CheckpointHead head;
  head.number = 1;
  head.store = kStore;
  head.epoch = in.byte();
  head.next_segment = in.number() % 1'000'000;  // one that has used up its numbers rightly refuses to put
  std::uint32_t index = 0;
  add_block(out, 1, 1, encode(head), index++);
  CheckpointEnd end;
  for (int i = in.byte() % 12; i > 0; --i) {
    const std::uint8_t kind = in.byte() % 4;
    if (kind == 0) {
      ByteView raw = in.some();
      add_block(out, 2 + in.byte() % 4, 1 + in.byte() % 3, raw, index++);
    } else if (kind == 1) {
      CheckpointSegment segment;
      segment.number = 1 + in.byte() % 8;
      segment.ordinal = in.byte() % 8;
      segment.end = in.number();
      segment.flags = in.byte() % 4;
      if (in.byte() % 2 == 1) segment.copied_from.push_back(in.byte() % 8);
      if (in.byte() % 2 == 1) segment.torn.emplace_back().length = in.number();
      if (in.byte() % 2 == 1) segment.debts.emplace_back().victim = in.byte() % 8;
      add_block(out, 2, 1, encode(segment), index++);
      ++end.segments;
    } else if (kind == 2) {
      ByteVector payload;
      Encoder encoder(payload);
      std::uint64_t bits = std::uint64_t(in.byte() % 8) << 42 | std::uint64_t(in.number()) << 13 | in.number() % 8192;
      encoder(id_of(in.byte() % 8), bits);
      add_block(out, 3, 1, payload, index++);
      ++end.entries;
    } else {
      CheckpointTouch touch;
      touch.id = id_of(in.byte() % 8);
      touch.number = in.number();
      touch.ordinal = in.byte() % 8;
      touch.place = std::uint64_t(in.byte() % 8) << 42 | std::uint64_t(in.number() % 64) << 13;
      add_block(out, 4, 1, encode(touch), index++);
      ++end.touches;
    }
  }
  add_block(out, 5, 1, encode(end), index++);
  if (in.byte() % 8 == 0) out[in.number() % out.size()] ^= 1;
  return out;
}

using Files = std::map<std::string, ByteVector>;

Files files_from(Input& in) {
  Files files;
  StoreFile store;
  store.store = kStore;
  store.epoch = 4 + in.byte();  // not below those of the records
  files["STORE"] = encode_store_file(store);
  const std::uint8_t what = in.byte();
  if (what % 16 == 0) files["STORE"] = to_vector(in.some());
  const int segments = in.byte() % 4;
  for (int i = 0; i < segments; ++i) {
    std::uint32_t number = 1 + in.byte() % 8;
    files[segment_name(number)] = in.byte() % 16 == 0 ? to_vector(in.some()) : segment_from(in, number);
  }
  if (what % 2 == 1) files[index_name(1)] = what % 32 == 1 ? to_vector(in.some()) : index_from(in);
  return files;
}

Task<Status> write_all(Env& env, const Files& files) {
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("s"));
  for (auto& [name, bytes] : files) CO_RETURN_IF_ERROR(co_await replace_file(env.disk(), "s/" + name, bytes));
  co_return Status();
}

Task<Status> use(Env& env) {
  ValueStoreOptions options;
  options.background = false;
  options.segment_bytes = 4096;
  options.reclaim_bytes_per_second = 0;
  options.reclaim_dead_share = 0.01;
  auto looked = co_await inspect(env, "s");
  if (looked.ok()) CHECK(!to_text(*looked).empty());
  auto opened = co_await ValueStore::open(env, "s", options);
  if (!opened.ok()) co_return Status();  // refused with a reason
  auto store = std::move(opened).value();
  std::optional<Id> none;
  for (const Id& id : store->list(none, 1000)) {
    auto value = co_await store->get(id);
    if (value.ok()) CHECK(value->bytes.size() == value->length);
    auto put = co_await store->put(id, Buffer::copy_of(as_bytes("again")));
    CHECK(put.ok());
  }
  const Id mine = id_of(200);
  auto put = co_await store->put(mine, Buffer::copy_of(as_bytes("mine")));
  CHECK(put.ok());
  auto first = co_await store->put(id_of(3), Buffer::copy_of(as_bytes("3")));
  CHECK(first.ok());
  auto erased = co_await store->erase(id_of(3), first->number);
  CHECK(erased.ok() && *erased == Erased::done);
  auto scrubbed = co_await store->scrub(ScrubOptions());
  CHECK(scrubbed.ok());
  store->seal_segments();
  auto reclaimed = co_await store->reclaim();
  static_cast<void>(reclaimed);
  CHECK(!store->has(id_of(3)));
  Status stopped = co_await store->stop();
  CHECK(stopped.ok());
  store.reset();
  opened = co_await ValueStore::open(env, "s", options);
  CHECK_MSG(opened.ok(), opened.error().to_string());
  store = std::move(opened).value();
  auto value = co_await store->get(mine);
  CHECK(value.ok() && as_text(value->bytes) == "mine");
  CHECK(!store->has(id_of(3)));
  co_return co_await store->stop();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(ByteView(data, size));
  sim::WorldOptions options;
  options.log_level = static_cast<LogLevel>(static_cast<int>(LogLevel::error) + 1);
  sim::World world(1, options);
  sim::Machine& machine = world.add_machine();
  const Files files = files_from(in);
  Status written = world.run(machine, [&files](Env& env) { return write_all(env, files); });
  CHECK(written.ok());
  Status used = world.run(machine, [](Env& env) { return use(env); });
  CHECK(used.ok());
  return 0;
}
