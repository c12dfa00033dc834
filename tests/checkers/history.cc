#include "tests/checkers/history.h"

#include "base/endian.h"

namespace vortex::dht {

std::uint64_t writer_of(const ByteVector& value) {
  return value.size() < sizeof(std::uint64_t) ? 0 : load_le<std::uint64_t>(value.data());
}

ByteVector History::value(std::uint64_t number, std::uint64_t salt, std::size_t size) {
  ByteVector value(std::max<std::size_t>(size, 2 * sizeof(std::uint64_t)));
  store_le(value.data(), number);
  store_le(value.data() + sizeof(std::uint64_t), salt);
  for (std::size_t i = 2 * sizeof(std::uint64_t); i < value.size(); ++i)
    value[i] = static_cast<std::uint8_t>(number + i);
  return value;
}

std::size_t History::call_read(std::uint64_t client, Duration now) {
  HistoryOperation& operation = operations_.emplace_back();
  operation.number = operations_.size();
  operation.client = client;
  operation.called = now;
  return operations_.size() - 1;
}

std::size_t History::call_commit(std::uint64_t client, Duration now, Batch batch) {
  const std::size_t at = call_read(client, now);
  operations_[at].batch = std::move(batch);
  return at;
}

void History::read(std::size_t at, Duration now, std::vector<HistoryRead> reads) {
  HistoryOperation& operation = operations_.at(at);
  operation.returned = now;
  operation.end = HistoryOperation::End::done;
  operation.reads = std::move(reads);
}

void History::committed(std::size_t at, Duration now, const Result<Commit>& result) {
  HistoryOperation& operation = operations_.at(at);
  if (result.ok()) {
    operation.returned = now;
    operation.end = result->done ? HistoryOperation::End::done : HistoryOperation::End::refused;
    operation.commit = *result;
  } else if (result.is(Code::timed_out) || result.is(Code::busy) || result.is(Code::metadata_full) ||
             result.is(Code::no_space)) {
    operation.returned = now;
    operation.end = HistoryOperation::End::nothing;
  } else {
    operation.end = HistoryOperation::End::unknown;
  }
}

void History::failed(std::size_t at, Duration now) {
  operations_.at(at).returned = now;
  operations_.at(at).end = HistoryOperation::End::nothing;
}

std::string HistoryOperation::text() const {
  static constexpr const char* kEnds[] = {"under way", "done", "refused", "nothing", "unknown"};
  std::string text = "#" + std::to_string(number) + " client " + std::to_string(client) + " [" +
                     std::to_string(called.count()) + ", " +
                     (returned == kNever ? std::string("never") : std::to_string(returned.count())) + "] " +
                     kEnds[static_cast<int>(end)];
  auto name = [](const Key& key) { return key.place.short_hex() + "/" + std::string(as_text(key.name)); };
  for (const HistoryRead& read : reads)
    text += " " + name(read.key) +
            (read.seen ? "=#" + std::to_string(writer_of(read.seen->value)) + "@" + std::to_string(read.seen->version)
                       : std::string("=none"));
  for (const Condition& condition : batch.conditions)
    text += " if " + name(condition.key) + " " + std::to_string(static_cast<int>(condition.must)) + "@" +
            std::to_string(condition.version);
  for (const Write& write : batch.writes) text += (write.value ? " put " : " delete ") + name(write.key);
  for (Version version : commit.versions) text += " @" + std::to_string(version);
  return text;
}

}  // namespace vortex::dht
