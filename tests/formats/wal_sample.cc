// Writes a log of known content with the real disk and prints what the library reads back, one line for each fact, for
// a reader in another language to agree with: `wal_sample DIR`. With `wal_sample DIR --read` it only prints.
#include <cstdio>
#include <cstring>

#include "base/hash.h"
#include "base/real/runner.h"
#include "wal/inspect.h"
#include "wal/log.h"

using namespace vortex;
using namespace vortex::wal;

namespace {

class Printer final : public Replayer {
 public:
  Status record(const StoredRecord& record) override {
    std::printf("record %llu %u %s %zu %016llx\n", static_cast<unsigned long long>(record.owner), record.kind,
                record.lsn.to_string().c_str(), record.payload.size(),
                static_cast<unsigned long long>(xxh3(record.payload)));
    return Status();
  }
};

Task<Status> write_some(wal::Log& log) {
  for (std::uint32_t i = 0; i < 70; ++i) {
    std::vector<std::string> texts;
    std::vector<Record> records;
    for (std::uint32_t j = 0; j <= i % 4; ++j)
      texts.push_back("record " + std::to_string(i) + "." + std::to_string(j) +
                      std::string((i * 97 + j * 311) % 1500, 'x'));
    for (std::uint32_t j = 0; j <= i % 4; ++j) {
      Record record;
      record.owner = 1 + (i + j) % 6;
      record.kind = static_cast<std::uint16_t>(i);
      record.payload = as_bytes(texts[j]);
      records.push_back(record);
    }
    std::span<const Record> batch(records);
    CO_RETURN_IF_ERROR(co_await log.append(batch));
    if (i == 50) CO_RETURN_IF_ERROR(co_await log.truncate(3, log.end()));
    if (i == 55) CO_RETURN_IF_ERROR(co_await log.drop_owner(5));
    if (i == 5) {
      for (OwnerId owner = 1; owner <= 6; ++owner) CO_RETURN_IF_ERROR(co_await log.truncate(owner, log.end()));
    }
  }
  co_return Status();
}

Task<Status> write_log(Env& env, std::string directory) {
  Options options;
  options.segment_bytes = kSegmentBytesMin;
  options.group_bytes = kGroupBytesMin;
  CO_ASSIGN_OR_RETURN(auto log, co_await wal::Log::open(env, directory, options));
  auto written = co_await write_some(*log);
  if (written.ok()) {
    // Not closed, so that the last group stays unconfirmed.
    Printer printer;
    written = co_await log->replay(printer);
  }
  co_await log->stop();
  co_return written;
}

Task<int> run(Env& env, std::string directory, bool write) {
  if (write) {
    auto written = co_await write_log(env, directory);
    if (!written.ok()) {
      std::fprintf(stderr, "%s\n", written.error().to_string().c_str());
      co_return 1;
    }
  }
  auto report = co_await inspect(env, directory);
  if (!report.ok()) {
    std::fprintf(stderr, "%s\n", report.error().to_string().c_str());
    co_return 1;
  }
  std::printf("end %s %llu\n", report->end.to_string().c_str(), static_cast<unsigned long long>(report->last_sequence));
  for (const SegmentSummary& segment : report->segments)
    std::printf("segment %u %s %llu %llu\n", segment.segment, segment.file.c_str(),
                static_cast<unsigned long long>(segment.groups), static_cast<unsigned long long>(segment.records));
  for (const Damage& damage : report->damages)
    std::printf("damage %u %llu\n", damage.segment, static_cast<unsigned long long>(damage.offset));
  for (const HurtOwner& hurt : report->hurt)
    std::printf("hurt %llu %s\n", static_cast<unsigned long long>(hurt.owner), hurt.certain ? "certain" : "maybe");
  co_return 0;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  bool write = argc < 3 || std::strcmp(argv[2], "--read") != 0;
  Runner runner;
  return runner.run_without_signals(run(runner.env(), argv[1], write));
}
