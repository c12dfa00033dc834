#include "tests/unit/wal/rig.h"

namespace vortex::wal::test {

Options small_options() {
  Options options;
  options.segment_bytes = kSegmentBytesMin;
  options.group_bytes = kGroupBytesMin;
  return options;
}

Status Collector::record(const StoredRecord& record) {
  Kept kept;
  kept.lsn = record.lsn;
  kept.text = std::string(as_text(record.payload));
  contents[record.owner].push_back(std::move(kept));
  return Status();
}

Task<Result<Appended>> append_text(Log& log, OwnerId owner, std::string text) {
  Record record;
  record.owner = owner;
  record.kind = 7;
  record.payload = as_bytes(text);
  std::span<const Record> batch(&record, 1);
  co_return co_await log.append(batch);
}

Task<Result<Contents>> contents(Log& log) {
  Collector collector;
  CO_RETURN_IF_ERROR(co_await log.replay(collector));
  co_return std::move(collector.contents);
}

}  // namespace vortex::wal::test
