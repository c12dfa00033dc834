// One attempt to have a partition do something. How the partition is found and reached is behind it; what to make of
// what comes back, and whether to try again, is before it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/task.h"
#include "base/time.h"
#include "dht/partition/command.h"

namespace vortex::dht {

struct GetAnswer {
  std::optional<Record> record;
  std::optional<TransactionId> writer;  // as in Seen
};

struct ScanAnswer {
  Page page;
  std::vector<TransactionId> writers;
};

class PartitionPort {
 public:
  virtual ~PartitionPort() = default;

  // 0 until it is known; find_partitions() makes it known.
  virtual std::uint32_t partitions() const = 0;
  virtual Task<Status> find_partitions(Instant deadline) = 0;

  // Errors of which nothing_happened() is true mean just that.
  virtual Task<Result<GetAnswer>> get(PartitionNumber partition, Key key, Instant deadline) = 0;
  virtual Task<Result<ScanAnswer>> scan(PartitionNumber partition, Id place, ByteVector from, ByteVector end,
                                        ScanLimits limits, Instant deadline) = 0;
  // The command must be there until the answer is.
  virtual Task<Result<Outcome>> apply(PartitionNumber partition, const Command& command, Instant deadline) = 0;
  virtual Task<Result<TransactionState>> state_of(TransactionId transaction, Instant deadline) = 0;
};

// A command that ended with this error was not executed and will not be.
bool nothing_happened(Code code);
// Trying again may help.
bool passing(Code code);

}  // namespace vortex::dht
