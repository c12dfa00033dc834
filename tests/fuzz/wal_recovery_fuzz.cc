// Any bytes as the files of a log: recovery must come to an end, and the log must then take records and give them back.
#include <algorithm>

#include "base/check.h"
#include "tests/sim/world.h"
#include "wal/checkpoint.h"
#include "wal/format.h"
#include "wal/inspect.h"
#include "wal/log.h"

using namespace vortex;
using namespace vortex::wal;

namespace {

constexpr std::size_t kFiles = 2;
// How much of each block comes from the input; the rest is zeros.
constexpr std::size_t kInputPerBlock = 512;

Task<Status> write_file(Env& env, std::string path, ByteVector bytes) {
  OpenOptions how;
  how.create = true;
  how.truncate = true;
  CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open(path, how));
  ByteView piece = bytes;
  std::span<const ByteView> pieces(&piece, 1);
  co_return co_await file->write_at(0, pieces);
}

class Count final : public Replayer {
 public:
  Status record(const StoredRecord& record) override {
    bytes += record.payload.size();
    if (record.owner == 424242) ++ours;
    return Status();
  }
  std::size_t bytes = 0, ours = 0;
};

// A fuzzer does not find a check of 64 bits by itself: wherever a block begins with the magic number, the checks of its
// header, and of a record behind it, are made right.
void make_plausible(MutableBytes bytes) {
  std::uint64_t previous = 0;
  for (std::size_t at = 0; at + kBlock <= bytes.size(); at += kBlock) {
    MutableBytes block = bytes.subspan(at, kBlock);
    if (block[0] != 'V' || block[1] != 'W') continue;
    GroupHeader header;
    header.flags = block[2] & 1;
    header.log_id = 7;
    header.segment = 1 + block[3] % 3;
    header.oldest = 1 + block[4] % header.segment;
    header.offset = at;
    header.sequence = 1 + block[5];
    header.synced = block[6] % header.sequence;
    header.body_bytes = std::uint32_t(block[7]) * 16;
    header.records = block[8];
    RecordHeader record;
    record.length = block[9];
    record.type = static_cast<RecordType>(1 + block[10] % 4);
    record.owner = block[11] % 4;
    record.sequence = block[12];
    record.payload_check = payload_check(block.subspan(kGroupHeaderBytes + kRecordHeaderBytes, record.length));
    if (block[13] % 2 == 0) {
      Lsn lsn(header.segment, at + kGroupHeaderBytes);
      encode_record_header(record, header.log_id, lsn, block.subspan(kGroupHeaderBytes));
      header.records = 1;
      header.body_bytes = static_cast<std::uint32_t>(record_bytes(record.length));
      header.digest = digest_step(0, block.subspan(kGroupHeaderBytes, kRecordHeaderBytes));
    }
    header.previous = previous;
    encode_group_header(header, block);
    previous = header.check;
  }
}

Task<Status> try_log(Env& env, ByteVector input) {
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("wal"));
  ByteVector files(kFiles * kSegmentBytesMin);
  for (std::size_t at = 0, to = 0; at < input.size() && to < files.size(); at += kInputPerBlock, to += kBlock)
    std::memcpy(files.data() + to, input.data() + at, std::min(kInputPerBlock, input.size() - at));
  make_plausible(files);
  for (std::size_t i = 0; i < kFiles; ++i) {
    std::string path = "wal/" + slot_name(i);
    auto part = ByteView(files).subspan(i * kSegmentBytesMin, kSegmentBytesMin);
    ByteVector bytes = to_vector(part);
    CO_RETURN_IF_ERROR(co_await write_file(env, path, std::move(bytes)));
  }
  auto report = co_await inspect(env, "wal");
  if (report.ok()) CHECK(!to_text(*report).empty());
  Options options;
  options.segment_bytes = kSegmentBytesMin;
  options.group_bytes = kGroupBytesMin;
  for (std::size_t start = 1; start <= 2; ++start) {
    auto opened = co_await wal::Log::open(env, "wal", options);
    if (!opened.ok()) co_return Status();
    Record record;
    record.owner = 424242;
    record.payload = as_bytes("written after recovery");
    std::span<const Record> batch(&record, 1);
    auto appended = co_await (*opened)->append(batch);
    Count count;
    auto replayed = co_await (*opened)->replay(count);
    CHECK(replayed.ok());
    CHECK(!appended.ok() || count.ours >= 1);
    auto closed = co_await (*opened)->close();
    CHECK(closed.ok());
  }
  co_return Status();
}

Task<Status> try_checkpoint(Env& env, ByteVector input) {
  CO_RETURN_IF_ERROR(co_await write_file(env, "checkpoint", std::move(input)));
  auto reader = co_await CheckpointReader::open(env, "checkpoint");
  while (reader.ok()) {
    auto part = co_await (*reader)->next();
    if (!part.ok() || part->empty()) break;
  }
  co_return Status();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sim::WorldOptions options;
  options.log_level = static_cast<LogLevel>(static_cast<int>(LogLevel::error) + 1);
  sim::World world(1, options);
  sim::Machine& machine = world.add_machine();
  ByteVector input(data, data + size);
  auto body = [input](Env& env) { return try_log(env, input); };
  auto tried = world.run(machine, body);
  static_cast<void>(tried);
  auto checkpoint = [input](Env& env) { return try_checkpoint(env, input); };
  tried = world.run(machine, checkpoint);
  static_cast<void>(tried);
  return 0;
}
