// The partitions of LocalPartitions as a client reaches them over a bad network: late, in another order, twice, not at
// all, or without an answer.
#pragma once

#include <functional>

#include "base/unique_function.h"
#include "dht/records_client/port.h"
#include "tests/support/local_records.h"

namespace vortex::dht {

struct LocalPortOptions {
  Duration delay_max = milliseconds(3);  // each way
  Duration late_max = seconds(3);        // of a command that comes late, or a second time
  // Chances. Of a command: the answer is lost; it comes late, when the caller has given it up; it comes again later.
  double refused = 0, answer_lost = 0, late = 0, doubled = 0;

  LocalPortOptions() {}
};

// Commands under way outlive the client that sent them: they are the network's, not the client's.
class LocalNetwork {
 public:
  using After = std::function<void(Duration, UniqueFunction<void()>)>;
  LocalNetwork(LocalPartitions& partitions, After after) : partitions_(partitions), after_(std::move(after)) {}
  Outcome apply(PartitionNumber partition, Command command);
  void apply_later(PartitionNumber partition, Command command, Duration delay);
  LocalPartitions& partitions() { return partitions_; }

 private:
  LocalPartitions& partitions_;
  After after_;
};

class LocalPort final : public PartitionPort {
 public:
  LocalPort(Env& env, LocalNetwork& network, LocalPortOptions options = LocalPortOptions())
      : env_(env), network_(network), options_(options) {}

  std::uint32_t partitions() const override { return network_.partitions().count(); }
  Task<Status> find_partitions(Instant) override { co_return Status(); }
  Task<Result<GetAnswer>> get(PartitionNumber partition, Key key, Instant deadline) override;
  Task<Result<ScanAnswer>> scan(PartitionNumber partition, Id place, ByteVector from, ByteVector end, ScanLimits limits,
                                Instant deadline) override;
  Task<Result<Outcome>> apply(PartitionNumber partition, const Command& command, Instant deadline) override;
  Task<Result<TransactionState>> state_of(TransactionId transaction, Instant deadline) override;

  void set_options(LocalPortOptions options) { options_ = options; }
  // Commands that were sent.
  std::uint64_t commands() const { return commands_; }

 private:
  // One way; `unreachable` now and then.
  Task<Status> travel();
  Duration draw(Duration max);

  Env& env_;
  LocalNetwork& network_;
  LocalPortOptions options_;
  std::uint64_t commands_ = 0;
};

}  // namespace vortex::dht
