// Records through partitions: what everybody uses.
#pragma once

#include "dht/records.h"
#include "dht/records_client/operations.h"
#include "dht/records_client/split.h"

namespace vortex::dht {

class RecordsClient final : public Records {
 public:
  RecordsClient(Env& env, PartitionPort& port, RecordsClientOptions options = RecordsClientOptions())
      : env_(env), port_(port), operations_(env, port, options) {}

  Task<Result<std::optional<Record>>> get(Key key, Duration timeout) override;
  Task<Result<Page>> scan(Id place, ByteVector from, ByteVector end, ScanLimits limits, Duration timeout) override;
  Task<Result<Commit>> commit(Batch batch, Duration timeout) override;

  // Nobody calls any more; closes its sessions.
  Task<void> stop(Duration patience = milliseconds(500)) { return operations_.stop(patience); }
  Operations& operations() { return operations_; }

 private:
  // Their number, as soon as it is known.
  Task<Result<std::uint32_t>> partitions(Instant deadline);
  Task<Result<Commit>> commit_within(BatchPart part, std::size_t writes, Instant deadline);
  Task<Result<Commit>> commit_across(std::vector<BatchPart> parts, std::size_t writes, Instant deadline);

  Env& env_;
  PartitionPort& port_;
  Operations operations_;
};

}  // namespace vortex::dht
