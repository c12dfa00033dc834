// Records: between whoever uses them and the nodes that hold their partitions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "base/network.h"
#include "net/message_row.h"

namespace vortex::net {

struct PartitionMember {
  NodeId id;
  Address address;  // empty where it is not known
  bool voter = false;
  VORTEX_FIELDS(id, address, voter)
};

// Where a partition is, as far as somebody knows. Of two, the one with the higher epoch, term, commit is the later.
struct PartitionPlace {
  std::uint32_t partition = 0;
  std::uint32_t group_epoch = 0;
  std::uint64_t term = 0;
  std::uint64_t commit = 0;
  std::optional<NodeId> leader;
  std::vector<PartitionMember> members;
  VORTEX_FIELDS(partition, group_epoch, term, commit, leader, members)
};

struct TransactionName {
  std::uint32_t home = 0;
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  VORTEX_FIELDS(home, session, sequence)
};

// In the answers of the next four, `elsewhere` means that nothing was done because this node does not lead the
// partition, and says who might; all else is empty then.
struct GetRecordRequest {
  std::uint32_t partition = 0;
  Id place;
  ByteVector name;
  VORTEX_FIELDS(partition, place, name)
};
struct GetRecordResponse {
  std::optional<PartitionPlace> elsewhere;
  std::uint64_t version = 0;  // 0: no such record
  ByteVector value;
  // Will have written the record if it is committed: the record counts only if it was pending after this answer.
  std::optional<TransactionName> writer;
  VORTEX_FIELDS(elsewhere, version, value, writer)
};

struct ScanRecordsRequest {
  std::uint32_t partition = 0;
  Id place;
  ByteVector from, end;
  std::uint32_t records_max = 0, bytes_max = 0;
  VORTEX_FIELDS(partition, place, from, end, records_max, bytes_max)
};
struct ScannedRecord {
  std::uint64_t version = 0;
  ByteVector name, value;
  VORTEX_FIELDS(version, name, value)
};
struct ScanRecordsResponse {
  std::optional<PartitionPlace> elsewhere;
  std::vector<ScannedRecord> records;
  ByteVector next;
  std::vector<TransactionName> writers;  // within what was scanned
  VORTEX_FIELDS(elsewhere, records, next, writers)
};

// A command for the partition's log and the outcome of its execution; see dht/README.md.
struct ApplyCommandRequest {
  std::uint32_t partition = 0;
  ByteVector command;
  VORTEX_FIELDS(partition, command)
};
struct ApplyCommandResponse {
  std::optional<PartitionPlace> elsewhere;
  ByteVector outcome;
  VORTEX_FIELDS(elsewhere, outcome)
};

// To the home of the transaction.
struct AskTransactionRequest {
  TransactionName transaction;
  VORTEX_FIELDS(transaction)
};
struct AskTransactionResponse {
  std::optional<PartitionPlace> elsewhere;
  std::uint8_t state = 0;  // 0 absent, 1 pending, 2 committed, 3 aborted
  VORTEX_FIELDS(elsewhere, state)
};

// Whatever the node knows of these partitions; of all when none is named.
struct FindPartitionsRequest {
  std::vector<std::uint32_t> partitions;
  VORTEX_FIELDS(partitions)
};
struct FindPartitionsResponse {
  std::uint32_t partitions_total = 0;
  std::vector<PartitionPlace> places;
  VORTEX_FIELDS(partitions_total, places)
};

// News, for the node's table.
struct TellPartitionsRequest {
  std::vector<PartitionPlace> places;
  VORTEX_FIELDS(places)
};
struct TellPartitionsResponse {
  VORTEX_FIELDS()
};

// clang-format off
#define VORTEX_RECORDS_MESSAGES(X) \
  X(112, GetRecord,      GetRecordRequest,      GetRecordResponse,      512 * kKiB,    0, 0, frame, true,  member, normal) \
  X(113, ScanRecords,    ScanRecordsRequest,    ScanRecordsResponse,    kFrameBodyMax, 0, 0, frame, true,  member, normal) \
  X(114, ApplyCommand,   ApplyCommandRequest,   ApplyCommandResponse,   kFrameBodyMax, 0, 0, frame, false, member, normal) \
  X(115, AskTransaction, AskTransactionRequest, AskTransactionResponse, 64 * kKiB,     0, 0, frame, true,  member, normal) \
  X(116, FindPartitions, FindPartitionsRequest, FindPartitionsResponse, kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(117, TellPartitions, TellPartitionsRequest, TellPartitionsResponse, kFrameBodyMax, 0, 0, frame, true,  member, normal)
// clang-format on
VORTEX_RECORDS_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
