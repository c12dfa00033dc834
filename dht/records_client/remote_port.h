// Partitions through the network: finds who leads one, follows redirects, and notes what it learns.
#pragma once

#include <functional>
#include <vector>

#include "base/env.h"
#include "dht/records_client/partition_table.h"
#include "dht/records_client/port.h"

namespace vortex::dht {

// A node's own partitions, without the network between.
class RecordsService {
 public:
  virtual ~RecordsService() = default;
  virtual Task<Result<net::GetRecordResponse>> serve(net::GetRecordRequest request, Instant deadline) = 0;
  virtual Task<Result<net::ScanRecordsResponse>> serve(net::ScanRecordsRequest request, Instant deadline) = 0;
  virtual Task<Result<net::ApplyCommandResponse>> serve(net::ApplyCommandRequest request, Instant deadline) = 0;
  virtual Task<Result<net::AskTransactionResponse>> serve(net::AskTransactionRequest request, Instant deadline) = 0;
};

// Finds nodes close to an id, where not everybody knows everybody.
class NodeLookup {
 public:
  virtual ~NodeLookup() = default;
  virtual Task<Result<std::vector<net::Target>>> closest(Id id, std::size_t count, Instant deadline) = 0;
};

struct RemotePortOptions {
  // A member that does not answer for so long is taken for gone, and the next one is asked.
  Duration attempt = seconds(1);
  // Hops that one attempt may take.
  std::size_t hops_max = 6;

  RemotePortOptions() {}
};

class RemotePort final : public PartitionPort {
 public:
  // `anybody`: nodes that may know more, as many as are known; at least one.
  using Anybody = std::function<std::vector<net::Target>()>;

  RemotePort(Env& env, net::Peers& peers, PartitionTable& table, AddressOf address_of, Anybody anybody,
             RemotePortOptions options = RemotePortOptions())
      : env_(env),
        peers_(peers),
        table_(table),
        address_of_(std::move(address_of)),
        anybody_(std::move(anybody)),
        options_(options) {}

  // Answers for partitions that are here come from here.
  void set_local(NodeId self, RecordsService* local) {
    self_ = self;
    local_ = local;
  }
  void set_lookup(NodeLookup* lookup) { lookup_ = lookup; }

  std::uint32_t partitions() const override { return table_.partitions(); }
  Task<Status> find_partitions(Instant deadline) override;
  Task<Result<GetAnswer>> get(PartitionNumber partition, Key key, Instant deadline) override;
  Task<Result<ScanAnswer>> scan(PartitionNumber partition, Id place, ByteVector from, ByteVector end, ScanLimits limits,
                                Instant deadline) override;
  Task<Result<Outcome>> apply(PartitionNumber partition, const Command& command, Instant deadline) override;
  Task<Result<TransactionState>> state_of(TransactionId transaction, Instant deadline) override;

 private:
  template <class Method>
  Task<Result<typename Method::Response>> ask(PartitionNumber partition, typename Method::Request request,
                                              Instant deadline);
  template <class Method>
  Task<Result<typename Method::Response>> ask_one(net::Target target, typename Method::Request request, Instant until);
  // The most promising member that was not asked yet; looks for members when none is known.
  Task<Result<net::Target>> next_member(PartitionNumber partition, const std::vector<NodeId>& asked, Instant deadline);
  Task<Status> look_for(PartitionNumber partition, Instant deadline);
  Task<Status> ask_where(net::Target target, std::vector<std::uint32_t> partitions, Instant deadline);
  std::vector<net::Target> some_nodes();

  Env& env_;
  net::Peers& peers_;
  PartitionTable& table_;
  AddressOf address_of_;
  Anybody anybody_;
  RemotePortOptions options_;
  NodeId self_;
  RecordsService* local_ = nullptr;
  NodeLookup* lookup_ = nullptr;
};

}  // namespace vortex::dht
