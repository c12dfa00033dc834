#include "wal/group.h"

namespace vortex::wal {

void Group::start(std::uint64_t log_id, Lsn place, bool opens_segment) {
  log_id_ = log_id;
  place_ = place;
  opens_segment_ = opens_segment;
  used_ = kGroupHeaderBytes;
  records_ = 0;
  digest_ = 0;
}

Lsn Group::add(RecordHeader header, ByteView prefix, ByteView payload) {
  std::size_t payload_bytes = prefix.size() + payload.size();
  CHECK(used_ + record_bytes(payload_bytes) <= capacity());
  Lsn lsn = next_lsn();
  std::uint8_t* to = memory_.writable().data() + used_ + kRecordHeaderBytes;
  if (!prefix.empty()) std::memcpy(to, prefix.data(), prefix.size());
  if (!payload.empty()) std::memcpy(to + prefix.size(), payload.data(), payload.size());
  finish_record(header, payload_bytes);
  return lsn;
}

void Group::add_owner_table(const std::vector<OwnerState>& owners) {
  std::size_t bytes = table_payload_bytes(owners.size());
  CHECK(used_ + record_bytes(bytes) <= capacity());
  encode_owner_table(owners, memory_.writable().subspan(used_ + kRecordHeaderBytes, bytes));
  RecordHeader header;
  header.type = RecordType::owner_table;
  header.flags = kFlagLastOfBatch;
  finish_record(header, bytes);
}

void Group::finish_record(RecordHeader header, std::size_t payload_bytes) {
  MutableBytes at = memory_.writable().subspan(used_);
  std::size_t bytes = record_bytes(payload_bytes);
  header.length = static_cast<std::uint32_t>(payload_bytes);
  header.payload_check = payload_check(at.subspan(kRecordHeaderBytes, payload_bytes));
  encode_record_header(header, log_id_, next_lsn(), at);
  std::memset(at.data() + kRecordHeaderBytes + payload_bytes, 0, bytes - kRecordHeaderBytes - payload_bytes);
  digest_ = digest_step(digest_, at.first(kRecordHeaderBytes));
  used_ += bytes;
  ++records_;
}

ByteView Group::seal(GroupHeader& header) {
  header.flags = opens_segment_ ? kFlagOpensSegment : 0;
  header.log_id = log_id_;
  header.segment = place_.segment();
  header.offset = place_.offset();
  header.body_bytes = static_cast<std::uint32_t>(used_ - kGroupHeaderBytes);
  header.records = records_;
  header.digest = digest_;
  encode_group_header(header, memory_.writable());
  MutableBytes whole = memory_.writable().first(header.bytes());
  std::memset(whole.data() + used_, 0, whole.size() - used_);
  return whole;
}

}  // namespace vortex::wal
