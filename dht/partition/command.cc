#include "dht/partition/command.h"

#include <algorithm>

#include "dht/partition/limits.h"

namespace vortex::dht {

namespace {

Status valid_key(const Key& key) {
  if (key.name.size() > kRecordNameMax) return Error(Code::invalid_argument, "a record's name is too long");
  return Status();
}

}  // namespace

ByteVector encode_command(const Command& command) {
  ByteVector bytes;
  Encoder encoder(bytes);
  encoder.put(kCommandFormat);
  encoder.put(command);
  return bytes;
}

Result<Command> decode_command(ByteView bytes) {
  if (bytes.empty()) return Error(Code::bad_message, "an empty command");
  if (bytes[0] != kCommandFormat) return Error(Code::unsupported_version, "a command of another format");
  return decode<Command>(bytes.subspan(1));
}

Status validate(const Batch& batch) {
  if (batch.conditions.size() > kBatchItemsMax || batch.writes.size() > kBatchItemsMax)
    return Error(Code::too_large, "too many conditions or writes in one batch");
  std::size_t bytes = 0;
  for (const Condition& condition : batch.conditions) {
    RETURN_IF_ERROR(valid_key(condition.key));
    if (condition.end.size() > kRecordNameMax) return Error(Code::invalid_argument, "a range's end is too long");
    bytes += condition.key.name.size() + condition.end.size() + 64;
  }
  std::vector<const Key*> written;
  for (const Write& write : batch.writes) {
    RETURN_IF_ERROR(valid_key(write.key));
    const std::size_t size = write.value ? write.value->size() : 0;
    if (size > kRecordValueMax) return Error(Code::too_large, "a record's value is too large");
    bytes += write.key.name.size() + size + 64;
    written.push_back(&write.key);
  }
  if (bytes > kBatchBytesMax) return Error(Code::too_large, "a batch is too large");
  auto below = [](const Key* a, const Key* b) { return *a < *b; };
  auto same = [](const Key* a, const Key* b) { return *a == *b; };
  std::sort(written.begin(), written.end(), below);
  if (std::adjacent_find(written.begin(), written.end(), same) != written.end())
    return Error(Code::invalid_argument, "a batch writes one key twice");
  return Status();
}

Status validate(const Command& command) {
  if (command.participants.size() > kParticipantsMax)
    return Error(Code::too_large, "a transaction spans too many partitions");
  return validate(command.batch);
}

}  // namespace vortex::dht
