// The partitions that a node leads, for whoever asks over the network or on the node itself.
#pragma once

#include <memory>

#include "base/env.h"
#include "base/metrics.h"
#include "dht/groups/host.h"
#include "dht/partition/machine.h"
#include "dht/records_client/partition_table.h"
#include "dht/records_client/remote_port.h"
#include "net/dispatcher.h"

namespace vortex::dht {

class RecordsServer final : public RecordsService {
 public:
  // All of them outlive it. The table is the node's own: what this node's groups know is added to it.
  RecordsServer(Env& env, groups::Host& host, PartitionMachines& machines, PartitionTable& table, AddressOf address_of);

  // Registers its messages; before the dispatcher is in use.
  void serve_records(net::Dispatcher& dispatcher);

  Task<Result<net::GetRecordResponse>> serve(net::GetRecordRequest request, Instant deadline) override;
  Task<Result<net::ScanRecordsResponse>> serve(net::ScanRecordsRequest request, Instant deadline) override;
  Task<Result<net::ApplyCommandResponse>> serve(net::ApplyCommandRequest request, Instant deadline) override;
  Task<Result<net::AskTransactionResponse>> serve(net::AskTransactionRequest request, Instant deadline) override;
  net::FindPartitionsResponse find(const net::FindPartitionsRequest& request);

  // Told when another member has told news of a partition.
  void on_told(std::function<void(PartitionNumber)> observer) { on_told_ = std::move(observer); }
  // Where a partition is, as its replica here knows, or else the table.
  std::optional<net::PartitionPlace> place_of(PartitionNumber partition);
  // All that replicas here know better than the table goes into it; those that are led here.
  std::vector<net::PartitionPlace> led_here();

 private:
  PartitionMachine* machine(PartitionNumber partition);
  net::PartitionPlace elsewhere(PartitionNumber partition);
  std::optional<net::PartitionPlace> place_here(PartitionNumber partition);
  Task<Result<Outcome>> outcome_of(PartitionNumber partition, Answer answer);

  Env& env_;
  groups::Host& host_;
  PartitionMachines& machines_;
  PartitionTable& table_;
  AddressOf address_of_;
  std::function<void(PartitionNumber)> on_told_;
  Counter& gets_;
  Counter& scans_;
  Counter& scanned_;
  Counter& commands_;
  Counter& redirects_;
  Counter& full_;
};

}  // namespace vortex::dht
